"""Features are the same in research, in replay and event by event through the live entry point, to the bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from quotewright.domain.catalogue import find_instrument
from quotewright.features.matrix import FeatureStream, features_of
from quotewright.features.settings import FeatureSettings
from quotewright.features.slots import MODEL, MODEL_INPUTS, NAMES, QUEUE_IMBALANCE, SLOTS, VIEW
from quotewright.features.state import Model, View
from quotewright.inference.compiled import Ending, Tree, compiled_forest
from quotewright.sessions import replay as replaying
from quotewright.sessions.agents import AgentSpec
from quotewright.sessions.importing import import_recording
from quotewright.sessions.outside import Outside
from quotewright.sessions.venue_options import VenueOptions
from quotewright.sessions.wiring import wire
from quotewright.simulation.loop import NOWHERE, TO_VENUE
from quotewright.storage.feed import windows
from quotewright.storage.store import Dataset, Store

SETTINGS = FeatureSettings(
    dust=20_000,
    depth=50,
    last_side=0.3,
    usual_touch=40.0,
    vpin_bucket=300,
    print_memory=200,
    microprice=[[0.05 * (spread + 1) * (bucket - 4) for bucket in range(9)] for spread in range(3)],
    regime_up=[[-3.0, -2.0, 0.0], [-1.0, 0.0, 2.0]],
    regime_down=[[-3.5, -2.5, -0.5], [-1.5, -0.5, 1.5]],
)
WATCHER = """
from quotewright.domain.quotes import ON_TIMER
from quotewright.domain.strategy import Strategy

seen = []


def decide(view, params, memory, target):
    seen.append((int(view.time), list(view.features)))


STRATEGY = Strategy("watcher", decide, (), "Writes down what it is shown.", "", triggers=ON_TIMER,
                    interval=37_000_000, compiled=False, features=True)
"""


class Kept:
    """A journal that forgets."""

    def append(self, records: npt.NDArray[Any], /) -> None:
        """Take the next block."""


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Dataset:
    """Depth, best prices and prints of three streams that overtake each other."""
    folder = tmp_path_factory.mktemp("recorded")
    instrument = find_instrument("binance-spot", "BTCUSDT")
    import_recording(folder, "binance-ws", [shared_data / "tick/binance_ws/spot_btcusdt_20240808.gz"], instrument)
    return Store(folder).dataset(instrument.name)


@pytest.fixture(scope="module")
def outside(recording: Dataset) -> Outside:
    """A view that changes every 20 s, known first after 10 s, and a tree that asks for it and for the queue."""
    start = int(recording.manifest["first_ts"]) + recording.clock_offset
    view = View(start + np.arange(10, 400, 20) * 10**9, np.arange(20) * 0.5)
    tree = Tree(
        np.array([QUEUE_IMBALANCE, VIEW, 0, 0, 0]),
        np.array([0.2, 2.0, 0.0, 0.0, 0.0]),
        np.array([1, 3, -1, -1, -1]),
        np.array([2, 4, -1, -1, -1]),
        np.array([0.0, 0.0, 3.0, -2.0, 5.0]),
        np.zeros(5, np.bool_),
    )
    model = compiled_forest("tree", "regressor", MODEL_INPUTS, [tree], Ending())
    return Outside({recording.name: Model(model.head, model.nodes, model.table)}, {recording.name: view})


def shown(dataset: Dataset, outside: Outside, folder: Path, mode: int, rows: int) -> list[tuple[int, list[float]]]:
    """What a strategy was shown at its decisions."""
    import sys

    file = folder / f"watcher_{mode}_{rows}.py"
    file.write_text(WATCHER)
    wired = wire(
        [dataset],
        [AgentSpec("watcher", str(file), {})],
        VenueOptions(),
        seed=0,
        mark_interval_ns=10**9,
        features={dataset.name: SETTINGS},
        outside=outside,
    )
    replaying.run(wired, windows([dataset], rows), mode, Kept())
    module = next(m for m in list(sys.modules.values()) if getattr(m, "__file__", None) == str(file))
    found: list[tuple[int, list[float]]] = module.seen
    return found


def test_research_replay_and_live_agree_to_the_bit(recording: Dataset, outside: Outside, tmp_path: Path) -> None:
    rows = np.concatenate([window.local for window in windows([recording])])
    model, view = outside.models[recording.name], outside.views[recording.name]
    whole = features_of([rows], SETTINGS, model=model, view=view)
    by_event = FeatureStream(SETTINGS, model=model, view=view)
    head = rows[:20_000]
    parts = [by_event.take(head[i : i + 1]) for i in range(len(head))]
    one_by_one = np.concatenate([part.values for part in parts])
    assert one_by_one.tobytes() == whole.values[: len(one_by_one)].tobytes()

    replayed = shown(recording, outside, tmp_path, TO_VENUE, 50_000)
    live = shown(recording, outside, tmp_path, NOWHERE, 999)
    assert len(replayed) == len(live) > 5_000
    last = np.searchsorted(whole.times, [time for time, _ in replayed], "right") - 1
    for (time, values), (other_time, other), at in zip(replayed, live, last, strict=True):
        assert time == other_time
        expected = whole.values[at].tobytes()
        assert np.array(values[: len(SLOTS)]).tobytes() == expected
        assert np.array(other[: len(SLOTS)]).tobytes() == expected


def test_every_slot_comes_to_life(recording: Dataset, outside: Outside) -> None:
    rows = [window.local for window in windows([recording])]
    model, view = outside.models[recording.name], outside.views[recording.name]
    found = features_of(rows, SETTINGS, model=model, view=view)
    assert set(np.unique(found.values[:, MODEL])) == {-2.0, 3.0, 5.0}
    for name, column in zip(NAMES, found.values.T, strict=True):
        known: npt.NDArray[np.float64] = column[~np.isnan(column)]
        assert len(known) > 0.5 * len(column), name
        assert len(np.unique(known)) > 1, name
