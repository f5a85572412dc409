"""From nothing to a result: a replay of 8,000 rows as a process of its own, with warm and with empty caches."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from feed import TICK, make_feed, to_hftbacktest
from fixed_maker import INTERVAL
from process import Used, whole
from rounds import Family, Row, SameWork, Sample
from row_memory import replay_command
from settings import HERE, Settings, need_peer

ROWS = 8_000
PEER = "hftbacktest, a script of its own"
MARGIN = 1_000  # ticks that the ROI vector spans beyond the feed's prices


def families(settings: Settings) -> list[Family]:
    """Warm in every round; cold once, as it takes long and says little."""
    need_peer()
    # With one row an update both sides make the same market, so that their counts can be compared.
    feed = make_feed(ROWS, rows_per_update=1)
    store, _ = settings.store(feed, "start")
    events = settings.folder / "start.npz"
    np.savez(events, data=to_hftbacktest(feed.events))
    prices = [(feed.lowest - MARGIN) * TICK, (feed.highest + MARGIN) * TICK]
    first = int(feed.events["local_ts"][0] - feed.events["exch_ts"][0]) + INTERVAL
    theirs = [sys.executable, str(HERE / "start_side.py"), *map(str, (events, *prices, first, settings.latency_ns))]
    out = settings.folder / "started"
    # As on a user's machine, Python keeps its bytecode, whatever this one is told.
    bytecode = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(settings.folder / "bytecode")}

    def ours(report: bool = False, **env: str) -> Used:
        return whole(replay_command(store, out, report), bytecode | env)

    def peer(**env: str) -> Used:
        return whole(theirs, bytecode | env)

    def side(run: Callable[[], Used], outcome: Callable[[str], Any]) -> Callable[[], Sample]:
        def sample() -> Sample:
            used = run()
            return Sample(used.cpu, outcome(used.printed))

        return sample

    def cold(run: Callable[..., Used]) -> Callable[[], Sample]:
        def sample() -> Sample:
            caches = settings.folder / "empty-cache"
            shutil.rmtree(caches, ignore_errors=True)
            return Sample(run(NUMBA_CACHE_DIR=str(caches)).cpu)

        return sample

    def check(outcomes: dict[str, Any]) -> None:
        if outcomes["quotewright"] != outcomes[PEER]:
            raise SameWork(f"fills and orders: {outcomes}")

    warm = {
        "quotewright": side(ours, lambda _: journaled(out)),
        PEER: side(peer, counted),
        "with report": side(lambda: ours(report=True), lambda _: None),
    }
    colds = {"quotewright": cold(ours), PEER: cold(peer)}
    rows = [
        Row(f"second start, `replay` of 8,000 rows: {PEER}", "quotewright", PEER, 0.25, least=False),
        Row("second start, with the HTML report: the same script", "with report", PEER, 0, least=False),
    ]
    cold_row = Row(f"first start, nothing compiled before: {PEER}", "quotewright", PEER, 0, least=False)
    notes = ("whole processes, from exec to exit; hftbacktest's interface cannot be cached by numba",)
    return [
        Family("start", rows, warm, check=check, notes=notes),
        Family("cold-start", [cold_row], colds, rounds=1, warm=False),
    ]


def counted(printed: str) -> tuple[int, int]:
    """Fills and orders that the peer's script told."""
    found = json.loads(printed.strip().splitlines()[-1])
    return int(found["fills"]), int(found["orders"])


def journaled(run: Path) -> tuple[int, int]:
    """Fills and orders in a run's journal."""
    from quotewright.domain.journal import Record
    from quotewright.storage.journal import JOURNAL_FILE, read_journal

    kinds = read_journal(run / JOURNAL_FILE)["kind"]
    return int((kinds == Record.FILL).sum()), int((kinds == Record.PLACE).sum())
