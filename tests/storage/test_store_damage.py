"""Damage is told, with the file and what to do, before any row of it is used."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quotewright.domain.errors import DataError
from quotewright.storage.feed import windows
from quotewright.storage.manifest import dataset_hash
from quotewright.storage.store import Dataset, Store

from .conftest import make_events

EVENTS = make_events([("mixed", i, i + 5) for i in range(200)])


@pytest.fixture
def dataset(save: Callable[..., Dataset]) -> Dataset:
    return save(EVENTS)


def file_of(dataset: Dataset) -> Path:
    (path,) = dataset.folder.glob("*/*.parquet")
    return path


def manifest_of(dataset: Dataset) -> Path:
    return dataset.folder / "manifest.json"


def reopen(dataset: Dataset) -> Dataset:
    return Store(dataset.folder.parents[1]).dataset(dataset.name)


def pretend(dataset: Dataset, **entry: Any) -> None:
    """Make the manifest agree with a file that was replaced."""
    manifest = json.loads(manifest_of(dataset).read_text())
    content = file_of(dataset).read_bytes()
    manifest["files"][0] |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(), **entry}
    manifest["rows"] = manifest["files"][0]["rows"]
    manifest_of(dataset).write_text(json.dumps(manifest))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_one_changed_byte_anywhere_in_a_file_is_found_before_the_first_row(
    dataset: Dataset, data: st.DataObject
) -> None:
    path = file_of(dataset)
    sound = path.read_bytes()
    at = data.draw(st.integers(0, len(sound) - 1))
    path.write_bytes(sound[:at] + bytes([sound[at] ^ data.draw(st.integers(1, 255))]) + sound[at + 1 :])
    try:
        for use in (Dataset.read, Dataset.verify, lambda d: list(windows([d])), lambda d: next(d.chunks())):
            with pytest.raises(DataError, match=r"\.parquet: its SHA-256 .*: import it again"):
                use(reopen(dataset))
    finally:
        path.write_bytes(sound)


@pytest.mark.parametrize("keep", [0, 1, 100, -1])
def test_a_truncated_file_is_found(dataset: Dataset, keep: int) -> None:
    path = file_of(dataset)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"\.parquet: [\d,]+ bytes, the manifest says [\d,]+: import it again"):
        reopen(dataset).read()


def test_a_missing_file_is_found(dataset: Dataset) -> None:
    file_of(dataset).unlink()
    with pytest.raises(DataError, match="missing"):
        reopen(dataset).read()


def test_a_file_that_is_no_parquet_is_refused_even_if_its_checksum_fits(dataset: Dataset) -> None:
    file_of(dataset).write_bytes(b"nothing of the kind")
    pretend(dataset)
    with pytest.raises(DataError, match="not a readable Parquet file"):
        reopen(dataset).read()


def recast(table: Any, name: str, kind: Any) -> Any:
    index = table.schema.get_field_index(name)
    return table.set_column(index, pa.field(name, kind, nullable=False), table.column(name).cast(kind))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda t: t.drop_columns(["qty"]), "column qty is missing"),
        (lambda t: recast(t, "price", pa.float64()), "column price is double, expected int64"),
        (lambda t: recast(t, "kind", pa.int64()), "column kind is int64, expected uint8"),
        (lambda t: t.replace_schema_metadata({"quotewright_schema": "2"}), "schema version 2, expected 1"),
        (lambda t: t.replace_schema_metadata(None), "schema version none"),
        (
            lambda t: pa.table(dict(zip(t.column_names, t.columns, strict=True)), metadata=t.schema.metadata),
            "may be empty",
        ),
        (lambda t: t.slice(3), "597 rows, the manifest says 600"),
    ],
)
def test_a_file_of_another_form_is_refused_even_if_its_checksum_fits(
    dataset: Dataset, change: Callable[[Any], Any], reason: str
) -> None:
    pq.write_table(change(pq.read_table(file_of(dataset))), file_of(dataset))
    pretend(dataset)
    with pytest.raises(DataError, match=reason):
        reopen(dataset).read()


def test_other_rows_under_a_fitting_checksum_are_found_by_verify(dataset: Dataset) -> None:
    table = pq.read_table(file_of(dataset))
    prices = table.column("price").to_numpy().copy()
    prices[7] += 1
    index = table.schema.get_field_index("price")
    pq.write_table(table.set_column(index, table.schema.field(index), pa.array(prices)), file_of(dataset))
    pretend(dataset)
    damaged = reopen(dataset)
    assert len(damaged.read()) == len(EVENTS)
    with pytest.raises(DataError, match="content hash"):
        damaged.verify()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not readable as JSON"),
        ("{", "not readable as JSON"),
        ("[]", "schema version None"),
        ('{"schema": 2}', "schema version 2, expected 1"),
        ('{"schema": 1}', "damaged"),
    ],
)
def test_a_damaged_manifest_is_told(dataset: Dataset, text: str, reason: str) -> None:
    manifest_of(dataset).write_text(text)
    for use in (lambda: reopen(dataset), lambda: Store(dataset.folder.parents[1]).datasets()):
        with pytest.raises(DataError, match=rf"manifest\.json: .*{reason}.*import it again"):
            use()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("clock_offset", 1),
        ("rows_sha256", "0" * 64),
        ("hash", "0" * 64),
        ("rows", 1),
        ("rows", "600"),
        ("files", []),
        ("data", "../../elsewhere"),
        ("instrument", {}),
        ("instrument", {"venue": "x"}),
    ],
)
def test_an_edited_manifest_is_told(dataset: Dataset, field: str, value: Any) -> None:
    manifest = json.loads(manifest_of(dataset).read_text())
    manifest_of(dataset).write_text(json.dumps(manifest | {field: value}))
    with pytest.raises(DataError, match="import it again"):
        reopen(dataset)


@pytest.mark.parametrize("entry", [{"day": "../../x"}, {"rows": 599}, {"lag": "0"}, {"sha256": None}])
def test_an_edited_file_entry_is_told(dataset: Dataset, entry: dict[str, Any]) -> None:
    manifest = json.loads(manifest_of(dataset).read_text())
    manifest["files"][0] |= entry
    manifest_of(dataset).write_text(json.dumps(manifest))
    with pytest.raises(DataError, match="import it again"):
        reopen(dataset)


def test_an_instrument_of_other_steps_makes_another_hash(dataset: Dataset) -> None:
    manifest = json.loads(manifest_of(dataset).read_text())
    manifest["instrument"]["tick"] = "0.01"
    manifest_of(dataset).write_text(json.dumps(manifest))
    with pytest.raises(DataError, match="edited"):
        reopen(dataset)


def test_a_recording_cut_within_an_update_is_told(dataset: Dataset) -> None:
    """Such a file cannot come from an import; checksum, row count and hash are made to fit."""
    table = pq.read_table(file_of(dataset)).slice(0, 599)
    pq.write_table(table, file_of(dataset))
    pretend(dataset, rows=599)
    with pytest.raises(DataError, match="the last update has no last row"):
        list(windows([reopen(dataset)]))


def test_importing_again_repairs(dataset: Dataset, save: Callable[..., Dataset]) -> None:
    file_of(dataset).write_bytes(b"")
    assert np.array_equal(save(EVENTS).read(), EVENTS)
    manifest_of(dataset).write_text("{")
    again = save(EVENTS)
    assert again.hash == dataset_hash(again.manifest["rows_sha256"], again.instrument, 0) == dataset.hash
    assert len(list(again.folder.iterdir())) == 2
