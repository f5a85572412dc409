"""Whole replays on a small synthetic market: repeatable, independent, halted by risk, pulled on gaps."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from quotewright.domain.errors import HaltError, InputError
from quotewright.domain.events import LAST, STATUS, Status
from quotewright.domain.journal import Record, Refusal
from quotewright.risk.profile import RiskProfile
from quotewright.sessions.agents import AgentSpec
from quotewright.sessions.importing import store_events
from quotewright.sessions.repeat import repeat_from_journal
from quotewright.sessions.replay import ReplaySpec, replay
from quotewright.sessions.synthetic import make_market
from quotewright.sessions.venue_options import VenueOptions
from quotewright.storage.journal import JournalWriter, read_journal
from quotewright.storage.store import Dataset, Store

MARKET = "synthetic:BTCUSDT"
TIGHT = AgentSpec("tight", "symmetric", {"half_spread": 0.02})
LEANING = AgentSpec("leaning", "glft", {"k": 20.0, "gamma": 0.5})
LADDER = AgentSpec("ladder", "ladder", {"half_spread": 0.05, "step": 0.05})


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("market")
    make_market(folder, "turbulent", seed=3, seconds=60)
    return Store(folder)


def _replay(market: Store, out: Path, *agents: AgentSpec, **given: Any) -> npt.NDArray[Any]:
    replay([market.dataset(MARKET)], ReplaySpec(agents, **given), out)
    return read_journal(out / "journal.parquet")


def _own(journal: npt.NDArray[Any], agent: int) -> npt.NDArray[Any]:
    """An agent's records without what names its place among others: numbers, order ids, its index."""
    mine = journal[journal["agent"] == agent].copy()
    for field in ("seq", "agent", "order"):
        mine[field] = 0
    mine["ref"][np.isin(mine["kind"], (Record.FILL, Record.MARKOUT))] = 0
    return mine


def test_the_same_replay_twice_is_the_same_to_the_byte(market: Store, tmp_path: Path) -> None:
    options = VenueOptions(queue_model="power", entry_latency_ns=3_000_000)
    for name in ("a", "b"):
        _replay(market, tmp_path / name, TIGHT, LEANING, LADDER, venue=options, seed=5)
    assert (tmp_path / "a/journal.parquet").read_bytes() == (tmp_path / "b/journal.parquet").read_bytes()


def test_the_window_size_changes_nothing(market: Store, tmp_path: Path) -> None:
    whole = _replay(market, tmp_path / "a", TIGHT, LADDER)
    parts = _replay(market, tmp_path / "b", TIGHT, LADDER, window_rows=777)
    assert len(whole) == len(parts)
    assert (whole == parts).all()


def test_a_journal_repeats_its_commands(market: Store, tmp_path: Path) -> None:
    latencies = tmp_path / "latency.csv"
    latencies.write_text("entry_ns,response_ns\n1000000,9000000\n8000000,1000000\n2000000,2000000\n20000000,500000\n")
    options = VenueOptions(latency_file=str(latencies))
    _replay(market, tmp_path / "run", TIGHT, LEANING, LADDER, venue=options, seed=9)
    result = repeat_from_journal(tmp_path / "run", market, tmp_path / "again")
    assert result["same"]
    assert result["commands"] > 500


def test_a_changed_answer_is_noticed(market: Store, tmp_path: Path) -> None:
    _replay(market, tmp_path / "run", TIGHT)
    journal = read_journal(tmp_path / "run/journal.parquet")
    fills = np.flatnonzero(journal["kind"] == Record.FILL)
    journal["cash"][fills[2]] += 1
    with JournalWriter(tmp_path / "run/journal.parquet") as writer:
        writer.append(journal)
    with pytest.raises(HaltError, match=r"FILL.*cash"):
        repeat_from_journal(tmp_path / "run", market, tmp_path / "again")


def test_an_agent_alone_is_the_agent_among_others(market: Store, tmp_path: Path) -> None:
    together = _replay(market, tmp_path / "all", TIGHT, LEANING, LADDER)
    for number, agent in enumerate((TIGHT, LEANING, LADDER)):
        alone = _replay(market, tmp_path / agent.name, agent)
        assert (_own(alone, 0) == _own(together, number)).all()
        assert (alone["kind"] == Record.FILL).sum() > 5


def test_two_agents_in_one_world_share_what_two_worlds_each_get(market: Store, tmp_path: Path) -> None:
    apart = [AgentSpec(name, "symmetric", {"half_spread": 0.02}) for name in ("a", "b")]
    one_world = [AgentSpec(name, "symmetric", {"half_spread": 0.02}, world="desk") for name in ("a", "b")]
    filled = {}
    for name, agents in (("apart", apart), ("desk", one_world)):
        journal = _replay(market, tmp_path / name, *agents)
        fills = journal[journal["kind"] == Record.FILL]
        filled[name] = [int(fills["qty"][fills["agent"] == agent].sum()) for agent in (0, 1)]
    assert filled["apart"][0] == filled["apart"][1]
    assert filled["desk"][0] >= filled["desk"][1]
    assert sum(filled["desk"]) < sum(filled["apart"])


def test_a_loss_limit_halts_and_cancels(market: Store, tmp_path: Path) -> None:
    agent = AgentSpec("short", "symmetric", {"half_spread": 0.02}, RiskProfile(max_loss=1.0))
    journal = _replay(market, tmp_path, agent)
    halts = journal[journal["kind"] == Record.HALT]
    assert len(halts) == 1
    assert halts[0]["reason"] == Refusal.LOSS
    after = journal[journal["seq"] > halts[0]["seq"]]
    assert not np.isin(after["kind"], (Record.PLACE, Record.DECISION)).any()
    placed = set(journal["order"][journal["kind"] == Record.PLACE].tolist())
    ended = journal[
        (journal["kind"] == Record.CANCELED)
        | (journal["kind"] == Record.REJECTED)
        | ((journal["kind"] == Record.FILL) & (journal["leaves"] == 0))
    ]
    assert placed == set(ended["order"].tolist()), "nothing rests after the halt"


def test_every_refusal_is_journaled_with_its_reason(market: Store, tmp_path: Path) -> None:
    agent = AgentSpec("bound", "ladder", {"half_spread": 0.05, "step": 0.05}, RiskProfile(max_position=1_500.0))
    journal = _replay(market, tmp_path, agent)
    refused = journal[journal["kind"] == Record.REFUSED]
    assert (refused["reason"] == Refusal.POSITION).any()
    fills = journal[journal["kind"] == Record.FILL]
    limit = 1_500.0 / 60_000 / 0.001 * 1.05
    assert np.abs(fills["position"]).max() <= limit


def test_quotes_are_pulled_on_a_gap_and_nothing_is_placed_until_a_snapshot(market: Store, tmp_path: Path) -> None:
    source: Dataset = market.dataset(MARKET)
    events = source.read()
    middle = np.flatnonzero(events["flags"] & LAST)[len(events) // 4] + 1
    gap = events[middle : middle + 1].copy()
    gap["kind"], gap["price"], gap["qty"], gap["side"], gap["order_id"] = STATUS, Status.BOOK_GAP, 0, 0, 0
    gap["flags"] = LAST
    broken = np.concatenate([events[:middle], gap, events[middle:]])
    details: dict[str, Any] = {"format": "test", "sources": [], "refused": {}, "notes": []}
    store_events(tmp_path / "store", source.instrument, [broken], lambda: details, "none")
    journal = _replay(Store(tmp_path / "store"), tmp_path / "run", TIGHT, LADDER)
    invalid = journal[journal["kind"] == Record.BOOK_INVALID]
    assert len(invalid) == 1
    after = journal[journal["seq"] > invalid[0]["seq"]]
    assert not np.isin(after["kind"], (Record.PLACE, Record.DECISION)).any()
    before = journal[journal["seq"] < invalid[0]["seq"]]
    placed = set(before["order"][before["kind"] == Record.PLACE].tolist())
    leaving = set(before["order"][np.isin(before["kind"], (Record.CANCEL, Record.REJECTED, Record.CANCELED))].tolist())
    filled = set(before["order"][(before["kind"] == Record.FILL) & (before["leaves"] == 0)].tolist())
    pulled = after[after["kind"] == Record.CANCEL]
    assert set(pulled["order"].tolist()) == placed - leaving - filled != set()
    assert (pulled["ts"] == invalid[0]["ts"]).all(), "at once, not at the next timer"


def _short_run(folder: Path, out: Path) -> None:
    agents = [AgentSpec("t", "symmetric", {"half_spread": 0.02}), AgentSpec("l", "ladder", {"half_spread": 0.05})]
    replay([Store(folder).dataset(MARKET)], ReplaySpec(agents, mark_interval_ns=200_000_000), out)


INTERPRETER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import numba
from test_replay_session import _short_run
assert numba.config.DISABLE_JIT
_short_run(Path(sys.argv[2]), Path(sys.argv[3]))
"""


def test_interpreted_and_compiled_journals_are_the_same(tmp_path: Path) -> None:
    """Of one market: that an interpreted market is the compiled one is held elsewhere, and its warm-up takes longer."""
    make_market(tmp_path / "store", "turbulent", 4, 3)
    _short_run(tmp_path / "store", tmp_path / "compiled")
    words = [str(Path(__file__).parent), str(tmp_path / "store"), str(tmp_path / "interpreted")]
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    subprocess.run([sys.executable, "-c", INTERPRETER, *words], check=True, env=environment, timeout=280)
    first = read_journal(tmp_path / "compiled/journal.parquet")
    second = read_journal(tmp_path / "interpreted/journal.parquet")
    assert (first["kind"] == Record.FILL).any()
    assert len(first) == len(second)
    assert (first == second).all()


def test_what_makes_no_sense_is_refused_before_the_work(market: Store, tmp_path: Path) -> None:
    dataset = market.dataset(MARKET)
    negative = AgentSpec("x", "symmetric", {"half_spread": -1})
    cases: list[tuple[str, Any]] = [
        ("strategy", lambda: replay([dataset], ReplaySpec([]), tmp_path)),
        ("instrument", lambda: replay([], ReplaySpec([TIGHT]), tmp_path)),
        ("name", lambda: replay([dataset], ReplaySpec([TIGHT, TIGHT]), tmp_path)),
        ("mark-interval", lambda: replay([dataset], ReplaySpec([TIGHT], mark_interval_ns=5), tmp_path)),
        ("queue-model", lambda: VenueOptions(queue_model="hopeful")),
        ("half_spread", lambda: replay([dataset], ReplaySpec([negative]), tmp_path)),
        ("param", lambda: replay([dataset], ReplaySpec([AgentSpec("x", "symmetric", {"spread": 1})]), tmp_path)),
        ("strategy", lambda: replay([dataset], ReplaySpec([AgentSpec("x", "magic")]), tmp_path)),
    ]
    for field, call in cases:
        with pytest.raises(InputError) as caught:
            call()
        assert field in caught.value.field
