"""From a recording to a dataset: importer, quality pass, clock offset, store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from quotewright.domain.errors import DataError
from quotewright.domain.events import ADD, EventArray
from quotewright.domain.instrument import Instrument
from quotewright.importers import open_importer
from quotewright.market.quality import Quality
from quotewright.storage.clock import choose_offset
from quotewright.storage.writer import StoreWriter

Progress = Callable[[int, int], None]


def import_recording(
    store: Path,
    format: str,
    paths: Sequence[Path],
    instrument: Instrument,
    clock_offset: str = "auto",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Import one continuous recording; returns what the manifest says of it, with what was refused and why.

    Raises InputError for a wrong format, path or offset and DataError for an unusable input; the store
    is then as it was.
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

    return store_events(store, instrument, importer.chunks(progress), described, clock_offset)


def store_events(
    store: Path,
    instrument: Instrument,
    chunks: Iterable[EventArray],
    described: Callable[[], Mapping[str, Any]],
    clock_offset: str,
) -> dict[str, Any]:
    """Check and store chunks of events in feed order; `described` is asked at the end for the manifest's details."""
    quality: Quality | None = None
    with StoreWriter(store, instrument) as writer:
        for events in chunks:
            if quality is None:
                quality = Quality(l3=bool((events["kind"] == ADD).any()))
            writer.append(events)
            quality.update(events)
        if quality is None:
            raise DataError(f"{instrument.name}: nothing to store: no event was imported")
        figures = quality.report()
        offset, chosen = choose_offset(clock_offset, figures["latency_ns"]["min"])
        details = {**described(), "quality": figures, "clock_offset_chosen": chosen, "l3": quality.l3}
        name = writer.commit(offset, details)
    return {"instrument": instrument.name, "hash": name, "clock_offset": offset, **details}
