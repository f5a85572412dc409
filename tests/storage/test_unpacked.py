"""Unpacked copies: used only for what they were made from, refused when damaged, gone with the next import."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from quotewright.domain.errors import DataError, InputError
from quotewright.domain.events import EVENT
from quotewright.storage import unpacked
from quotewright.storage.feed import windows
from quotewright.storage.store import Dataset
from quotewright.storage.unpacked import remove_unpacked, unpack, unpacked_bytes, unpacked_windows

from .conftest import make_events

# The trade is overtaken by the best price that came after it.
UPDATES = [("snapshot", 10, 15), ("trade", 20, 40), ("best", 30, 41), ("depth", 35, 42), ("depth", 50, 60)]


@pytest.fixture
def dataset(save: Callable[..., Dataset]) -> Dataset:
    return save(make_events(UPDATES))


def test_a_copy_takes_the_place_of_the_files(dataset: Dataset) -> None:
    assert unpacked_windows(dataset) is None
    told: list[tuple[int, int]] = []
    size = unpack(dataset, lambda done, total: told.append((done, total)))
    assert told[-1] == (dataset.rows, dataset.rows)
    assert size == unpacked_bytes(dataset) >= dataset.rows * EVENT.itemsize
    for entry in dataset.files:
        for form in entry["parts"]:
            (dataset.folder / entry["folder"] / f"{entry['day']}.{form}.parquet").unlink()
    (window,) = windows([dataset])
    assert len(window.exch) == len(window.local) == dataset.rows
    window.local["price"][0] = 7  # private to this map
    (again,) = windows([dataset])
    assert again.local["price"][0] != 7
    remove_unpacked(dataset)
    assert unpacked_bytes(dataset) == 0


def test_a_copy_of_other_data_is_not_used(save: Callable[..., Dataset]) -> None:
    first = save(make_events(UPDATES))
    unpack(first)
    longer = save(make_events([*UPDATES, ("depth", 70, 80)]))
    assert unpacked_bytes(longer) == 0
    rows = [row for window in windows([longer]) for row in window.local.tolist()]
    assert len(rows) == longer.rows > first.rows
    assert not (longer.folder / unpacked.FOLDER).exists()


def test_an_interrupted_copy_is_not_used(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        unpack(dataset, stop)
    assert unpacked_bytes(dataset) == 0
    assert unpack(dataset) == unpacked_bytes(dataset) > 0


@pytest.mark.parametrize("content", [b"", b"{", b"[]"])
def test_a_damaged_index_says_what_to_do(dataset: Dataset, content: bytes) -> None:
    unpack(dataset)
    (dataset.folder / unpacked.FOLDER / unpacked.INDEX).write_bytes(content)
    with pytest.raises(DataError, match="unpack it again"):
        windows([dataset])


def test_a_cut_file_says_what_to_do(dataset: Dataset) -> None:
    unpack(dataset)
    file = dataset.folder / unpacked.FOLDER / unpacked.BY_VENUE
    file.write_bytes(file.read_bytes()[:-8])
    with pytest.raises(DataError, match="unpack it again"):
        windows([dataset])


def test_no_room_is_said_before_anything_is_written(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = dataset.rows * EVENT.itemsize

    monkeypatch.setattr(unpacked.shutil, "disk_usage", lambda _: Usage)  # pyright: ignore
    with pytest.raises(InputError, match="bytes free"):
        unpack(dataset)
    assert not (dataset.folder / unpacked.FOLDER).exists()


def test_the_index_counts_every_row_once(dataset: Dataset) -> None:
    unpack(dataset)
    index = json.loads((dataset.folder / unpacked.FOLDER / unpacked.INDEX).read_bytes())
    assert sum(np.diff(entry["venue"])[0] for entry in index["windows"]) == dataset.rows
    assert sum(np.diff(entry["home"])[0] for entry in index["windows"]) == dataset.rows
