"""A dataset's windows laid out on the disk as the engine reads them, to be mapped instead of made anew.

For data that is replayed again and again: 56 bytes an event instead of some five, but nothing to decode. The copy is
made once, from verified files, and holds for one content hash; it lies with the dataset, whose next import removes it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import DataError, InputError
from quotewright.domain.events import EVENT, EventArray
from quotewright.storage.feed_source import Adjusted
from quotewright.storage.merge import packed_windows
from quotewright.storage.store import Dataset
from quotewright.storage.window import Window
from quotewright.storage.writer import replace_file

FOLDER = "unpacked"
INDEX = "windows.json"
BY_VENUE = "by_venue.events"
BY_HOME = "by_home.events"  # only what does not come home in the order in which it happened
FORM = 1

Progress = Callable[[int, int], None]


def unpack(dataset: Dataset, progress: Progress | None = None) -> int:
    """Lay out a dataset's windows beside its files; returns the bytes written.

    Raises DataError for a damaged file, InputError if the disk has no room.
    """
    folder = dataset.folder / FOLDER
    needed = dataset.rows * EVENT.itemsize
    free = shutil.disk_usage(dataset.folder).free
    if free < needed * 11 // 10:
        raise InputError("store", str(dataset.folder), f"has {free:,} bytes free; the copy takes {needed:,}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    with (folder / BY_VENUE).open("w+b") as by_venue, (folder / BY_HOME).open("w+b") as by_home:
        index = list(_lay_out(dataset, by_venue, by_home, progress))
        written = by_venue.tell() + by_home.tell()
    replace_file(folder / INDEX, json.dumps({**_stamp(dataset), "bytes": written, "windows": index}).encode())
    return written


def unpacked_bytes(dataset: Dataset) -> int:
    """The size of a dataset's unpacked copy; 0 if it has none that holds for it."""
    found = _index(dataset)
    return found["bytes"] if found else 0


def remove_unpacked(dataset: Dataset) -> None:
    """Remove a dataset's unpacked copy, if there is one."""
    shutil.rmtree(dataset.folder / FOLDER, ignore_errors=True)


def unpacked_windows(dataset: Dataset) -> Iterator[Window] | None:
    """The windows of a dataset's unpacked copy; None if it has none that holds for it."""
    found = _index(dataset)
    return None if found is None else _mapped(dataset.folder / FOLDER, found)


def _lay_out(
    dataset: Dataset, by_venue: BinaryIO, by_home: BinaryIO, progress: Progress | None
) -> Iterator[dict[str, Any]]:
    home = 0  # rows gone home
    for window in packed_windows([dataset]):
        start = by_venue.tell() // EVENT.itemsize
        window.exch.tofile(by_venue)
        came = len(window.local)
        in_order = window.one_order and _same(by_venue, home, window.local)
        local_start = home
        if not in_order:
            local_start = by_home.tell() // EVENT.itemsize
            window.local.tofile(by_home)
        home += came
        yield {
            "venue": [start, start + len(window.exch)],
            "home": [local_start, local_start + came],
            "one_order": in_order,
            "until": window.until,
            "adjusted": list(window.adjusted[0]),
        }
        if progress is not None:
            progress(home, dataset.rows)


def _same(file: BinaryIO, row: int, rows: EventArray) -> bool:
    """Whether a file's rows from `row` on are these."""
    end = file.tell()
    file.seek(row * EVENT.itemsize)
    same = file.read(rows.nbytes) == rows.tobytes()
    file.seek(end)
    return same


def _mapped(folder: Path, index: dict[str, Any]) -> Iterator[Window]:
    by_venue, by_home = _map(folder / BY_VENUE), _map(folder / BY_HOME)
    for entry in index["windows"]:
        exch = by_venue[slice(*entry["venue"])]
        local = (by_venue if entry["one_order"] else by_home)[slice(*entry["home"])]
        yield Window(exch, local, entry["until"], (Adjusted(*entry["adjusted"]),), entry["one_order"])


def _map(path: Path) -> EventArray:
    """A file's rows, read when they are looked at; kernels take writable arrays alone, so a change would be private."""
    if path.stat().st_size == 0:
        return np.zeros(0, EVENT)
    words: npt.NDArray[np.int64] = np.asarray(np.memmap(path, np.int64, "c"))
    return words.view(EVENT)


def _index(dataset: Dataset) -> dict[str, Any] | None:
    folder = dataset.folder / FOLDER
    try:
        found: dict[str, Any] = dict(json.loads((folder / INDEX).read_bytes()).items())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, AttributeError) as error:
        raise DataError(f"{folder / INDEX}: not readable as JSON ({error}): unpack it again") from error
    if any(found.get(name) != value for name, value in _stamp(dataset).items()):
        return None
    present = sum((folder / name).stat().st_size for name in (BY_VENUE, BY_HOME) if (folder / name).exists())
    if present != found["bytes"]:
        raise DataError(f"{folder}: {present:,} bytes, its index says {found['bytes']:,}: unpack it again")
    return found


def _stamp(dataset: Dataset) -> dict[str, Any]:
    return {"form": FORM, "dataset": dataset.hash, "event": str(EVENT.descr)}
