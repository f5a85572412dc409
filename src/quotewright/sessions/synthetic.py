"""The embedded market as a dataset: generated, checked and stored like any recording."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from quotewright.domain.events import EventArray
from quotewright.sessions.importing import store_events
from quotewright.simulation.presets import PRESET_HASHES, load_preset
from quotewright.simulation.synthetic import generate

SECOND = 10**9


def make_market(
    store: Path, preset_name: str, seed: int, seconds: int, progress: Callable[[int, int], None] | None = None
) -> str:
    """Generate `seconds` of a preset's market into the store; returns its VENUE:SYMBOL."""
    preset = load_preset(preset_name)

    def chunks() -> Iterator[EventArray]:
        start = 0
        for events in generate(preset, seed, seconds * SECOND):
            start = start or int(events["exch_ts"][0])
            yield events
            if progress is not None:
                progress((int(events["exch_ts"][-1]) - start) // SECOND, seconds)

    def described() -> dict[str, Any]:
        source = f"synthetic {preset_name}, seed {seed}, {seconds} s"
        return {
            "format": "synthetic",
            "sources": [{"name": source, "bytes": 0, "sha256": PRESET_HASHES[preset_name]}],
            "refused": {},
            "notes": ["made by quotewright's own simulator, not recorded"],
        }

    return store_events(store, preset.instrument, chunks(), described, "none")["instrument"]
