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


def file_of(dataset: Dataset, form: str = "rows") -> Path:
    (path,) = dataset.folder.glob(f"*/*.{form}.parquet")
    return path


def manifest_of(dataset: Dataset) -> Path:
    return dataset.folder / "manifest.json"


def reopen(dataset: Dataset) -> Dataset:
    return Store(dataset.folder.parents[1]).dataset(dataset.name)


def pretend(dataset: Dataset, **entry: Any) -> None:
    """Make the manifest agree with files that were replaced."""
    manifest = json.loads(manifest_of(dataset).read_text())
    for form in ("runs", "rows"):
        content = file_of(dataset, form).read_bytes()
        manifest["files"][0]["parts"][form] = {
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
    manifest["files"][0] |= entry
    manifest["rows"] = manifest["files"][0]["rows"]
    manifest_of(dataset).write_text(json.dumps(manifest))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_one_changed_byte_anywhere_in_a_file_is_found_before_the_first_row(
    dataset: Dataset, data: st.DataObject
) -> None:
    path = file_of(dataset, data.draw(st.sampled_from(["runs", "rows"])))
    sound = path.read_bytes()
    at = data.draw(st.integers(0, len(sound) - 1))
    path.write_bytes(sound[:at] + bytes([sound[at] ^ data.draw(st.integers(1, 255))]) + sound[at + 1 :])
    try:
        for use in (Dataset.read, Dataset.verify, lambda d: list(windows([d])), lambda d: next(d.chunks())):
            with pytest.raises(DataError, match=r"\.parquet: its SHA-256 .*: import it again"):
                use(reopen(dataset))
    finally:
        path.write_bytes(sound)


@pytest.mark.parametrize("form", ["runs", "rows"])
@pytest.mark.parametrize("keep", [0, 1, 100, -1])
def test_a_truncated_file_is_found(dataset: Dataset, keep: int, form: str) -> None:
    path = file_of(dataset, form)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"\.parquet: [\d,]+ bytes, the manifest says [\d,]+: import it again"):
        reopen(dataset).read()


@pytest.mark.parametrize("form", ["runs", "rows"])
def test_a_missing_file_is_found(dataset: Dataset, form: str) -> None:
    file_of(dataset, form).unlink()
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


def one_run_the_longer(table: Any) -> Any:
    bids = table.column("bids").to_numpy().copy()
    bids[3] += 1
    index = table.schema.get_field_index("bids")
    return table.set_column(index, table.schema.field(index), pa.array(bids))


def two_that_cancel_out(table: Any) -> Any:
    bids = table.column("bids").to_numpy().copy()
    bids[1] += 4
    bids[3] -= 4
    index = table.schema.get_field_index("bids")
    return table.set_column(index, table.schema.field(index), pa.array(bids))


@pytest.mark.parametrize(
    ("form", "change", "reason"),
    [
        ("rows", lambda t: t.drop_columns(["qty"]), "column qty is missing"),
        ("runs", lambda t: t.drop_columns(["seq"]), "column seq is missing"),
        ("rows", lambda t: recast(t, "price", pa.float64()), "column price is double, expected int64"),
        ("runs", lambda t: recast(t, "kind", pa.int64()), "column kind is int64, expected uint8"),
        ("rows", lambda t: t.replace_schema_metadata({"quotewright_schema": "1"}), "schema version 1, expected 2"),
        ("runs", lambda t: t.replace_schema_metadata(None), "schema version none"),
        ("runs", one_run_the_longer, "do not have as many rows as there are prices"),
        ("runs", two_that_cancel_out, "fewer than no rows"),
        ("runs", lambda t: t.slice(1), "do not have as many rows as there are prices"),
        (
            "rows",
            lambda t: pa.table(dict(zip(t.column_names, t.columns, strict=True)), metadata=t.schema.metadata),
            "may be empty",
        ),
        ("rows", lambda t: t.slice(3), "597 rows, the manifest says 600"),
    ],
)
def test_a_file_of_another_form_is_refused_even_if_its_checksum_fits(
    dataset: Dataset, form: str, change: Callable[[Any], Any], reason: str
) -> None:
    pq.write_table(change(pq.read_table(file_of(dataset, form))), file_of(dataset, form))
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
        ('{"schema": 1}', r"schema version 1 \(stores of an earlier release\), expected 2"),
        ('{"schema": 3}', "schema version 3, expected 2"),
        ('{"schema": 2}', "damaged"),
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
        ("instrument", {}),
        ("instrument", {"venue": "x"}),
    ],
)
def test_an_edited_manifest_is_told(dataset: Dataset, field: str, value: Any) -> None:
    manifest = json.loads(manifest_of(dataset).read_text())
    manifest_of(dataset).write_text(json.dumps(manifest | {field: value}))
    with pytest.raises(DataError, match="import it again"):
        reopen(dataset)


@pytest.mark.parametrize(
    "entry", [{"day": "../../x"}, {"folder": "../.."}, {"rows": 599}, {"lag": "0"}, {"digest": "0" * 64}, {"parts": {}}]
)
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
    pq.write_table(pq.read_table(file_of(dataset, "rows")).slice(0, 599), file_of(dataset, "rows"))
    runs = pq.read_table(file_of(dataset, "runs"))
    pq.write_table(runs.slice(0, runs.num_rows - 1), file_of(dataset, "runs"))
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
