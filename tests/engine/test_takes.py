"""Takes: a goal with a generation number, reached exactly and never twice, whatever is in flight."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from quotewright.domain.journal import FILL_TAKER, IOC, Record
from quotewright.sessions.agents import AgentSpec
from quotewright.sessions.replay import ReplaySpec, replay
from quotewright.sessions.synthetic import make_market
from quotewright.sessions.venue_options import VenueOptions
from quotewright.storage.journal import read_journal
from quotewright.storage.store import Store

TAKER = '''
from quotewright.domain.strategy import Param, Strategy

SECOND = 1_000_000_000


def decide(view, params, memory, target):
    """Buy 40 lots at once, and from the twentieth second on another 15."""
    generation = params[0]
    if generation > 0 and (view.time - view.start) > 20 * SECOND:
        generation += 1
    target.take_generation = int(generation)
    target.take_side = 1
    target.take_qty = 15 if generation > 1 else 40
    target.take_limit = view.ask + 2


STRATEGY = Strategy("taker", decide, (Param("generation", 1, 0, 9, "", "First generation."),), "Takes.", "a test",
                    interval=10_000_000)
'''


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("market")
    make_market(folder, "calm", seed=5, seconds=40)
    return Store(folder)


def _run(market: Store, out: Path, generation: int, latency: str) -> np.ndarray:
    strategy = out / "taker.py"
    strategy.write_text(TAKER)
    latencies = out / "latency.csv"
    latencies.write_text(latency)
    agent = AgentSpec("taker", str(strategy), {"generation": generation})
    spec = ReplaySpec([agent], VenueOptions(latency_file=str(latencies)), seed=2)
    replay([market.dataset("synthetic:BTCUSDT")], spec, out)
    return read_journal(out / "journal.parquet")


SLOW = "entry_ns,response_ns\n55000000,80000000\n"
OVERTAKING = "entry_ns,response_ns\n1000000,90000000\n70000000,1000000\n20000000,40000000\n90000000,2000000\n"


@pytest.mark.parametrize("latency", [SLOW, OVERTAKING], ids=["slow", "overtaking"])
def test_each_generation_is_taken_exactly_once(market: Store, tmp_path: Path, latency: str) -> None:
    journal = _run(market, tmp_path, 1, latency)
    fills = journal[journal["kind"] == Record.FILL]
    assert (fills["flags"] & FILL_TAKER).all()
    start = journal["ts"][0]
    early = fills["ts"] < start + 20 * 10**9
    assert fills["qty"][early].sum() == 40
    assert fills["qty"][~early].sum() == 15
    places = journal[journal["kind"] == Record.PLACE]
    assert (places["flags"] == IOC).all()
    assert np.cumsum(fills["qty"]).max() == 55


def test_generation_zero_takes_nothing(market: Store, tmp_path: Path) -> None:
    journal = _run(market, tmp_path, 0, SLOW)
    assert not (journal["kind"] == Record.PLACE).any()
