"""From a recording to a dataset: importer, quality pass, clock offset, store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

from quotewright.domain.errors import DataError, InputError
from quotewright.domain.events import ADD, ESTIMATED_TIME, LAST, STATUS, EventArray, Status, empty_events
from quotewright.domain.instrument import Instrument
from quotewright.importers import open_importer
from quotewright.market.quality import Quality
from quotewright.storage.clock import choose_offset
from quotewright.storage.manifest import utc_time
from quotewright.storage.store import Dataset
from quotewright.storage.writer import StoreWriter

Progress = Callable[[int, int], None]


def import_recording(
    store: Path,
    format: str,
    paths: Sequence[Path],
    instrument: Instrument,
    clock_offset: str = "auto",
    progress: Progress | None = None,
    *,
    replace: bool = True,
) -> dict[str, Any]:
    """Import one continuous recording; returns what the manifest says of it, with what was refused and why.

    It replaces the instrument's dataset, or with `replace=False` follows it. Raises InputError for a wrong format,
    path or offset, or a recording that overlaps what it should follow, and DataError for an unusable input; the
    store is then as it was.
    """
    choose_offset(clock_offset, 0)  # a wrong one is told before the work, not after
    importer = open_importer(format, paths, instrument)

    def described() -> Mapping[str, Any]:
        return {
            "format": format,
            "sources": [asdict(source) for source in importer.sources],
            "refused": {reason: asdict(refused) for reason, refused in importer.refused.items()},
            "notes": list(importer.notes),
        }

    return store_events(store, instrument, importer.chunks(progress), described, clock_offset, replace=replace)


def store_events(
    store: Path,
    instrument: Instrument,
    chunks: Iterable[EventArray],
    described: Callable[[], Mapping[str, Any]],
    clock_offset: str,
    *,
    replace: bool = True,
) -> dict[str, Any]:
    """Check and store chunks of events in feed order; `described` is asked at the end for the manifest's details.

    With `replace=False` they follow the dataset that is there, behind a gap in its book: a book cannot be carried
    from one recording into another. Figures and clock offset are then of the whole.
    """
    with StoreWriter(store, instrument, replace=replace) as writer:
        feed = iter(chunks)
        first = next(feed, None)
        if first is None:
            raise DataError(f"{instrument.name}: nothing to store: no event was imported")
        quality = Quality(l3=bool((first["kind"] == ADD).any()))
        if writer.base is not None:
            _follow(writer, writer.base, first, quality)
        for events in chain([first], feed):
            writer.append(events)
            quality.update(events)
        figures = quality.report()
        offset, chosen = choose_offset(clock_offset, figures["latency_ns"]["min"])
        given = described() if writer.base is None else _together(writer.base.manifest, described())
        details = {**given, "quality": figures, "clock_offset_chosen": chosen, "l3": quality.l3}
        name = writer.commit(offset, details)
    return {"instrument": instrument.name, "hash": name, "clock_offset": offset, **details}


def _follow(writer: StoreWriter, base: Dataset, first: EventArray, quality: Quality) -> None:
    """Break the book where the new recording begins, and look at the old one again for the figures of the whole."""
    if base.manifest.get("l3", False) != quality.l3:
        raise InputError("path", base.name, "one recording is order by order, the other is not; import with --replace")
    seam = empty_events(1)
    seam["kind"], seam["price"], seam["flags"] = STATUS, Status.BOOK_GAP, LAST | ESTIMATED_TIME
    seam["exch_ts"], seam["local_ts"] = first["exch_ts"].min(), first["local_ts"][0]
    writer.append(seam)
    for events in base.chunks():
        quality.update(events)
    quality.update(seam)


def _together(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What the manifest says of two recordings, one after the other."""
    refused: dict[str, dict[str, Any]] = {reason: dict(entry) for reason, entry in before.get("refused", {}).items()}
    for reason, entry in after.get("refused", {}).items():
        known = refused.setdefault(reason, {**entry, "count": 0})
        known["count"] += entry["count"]
    formats = [details.get("format", "") for details in (before, after)]
    return {
        **after,
        "format": ", ".join(dict.fromkeys(formats)),
        "sources": [*before.get("sources", []), *after.get("sources", [])],
        "refused": refused,
        "notes": [
            *before.get("notes", []),
            f"from {utc_time(before['last_ts'])} on: another import, behind a gap in the book",
            *after.get("notes", []),
        ],
    }
