"""However little room there is for updates, records or windows, and whatever is full when, the records are the same."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from recorded import TAKER, Recording, records, strategy, wired

from quotewright.domain.events import ASK, BID, LEVEL, TRADE
from quotewright.domain.journal import Record
from quotewright.sessions.agents import AgentSpec, agent_from_dict
from quotewright.simulation import state as venue_state

BIG = {
    "max_position": 1e9, "max_order": 1e9, "max_open": 1e9, "price_band": 0.5, "max_loss": 1e9,
    "messages_per_second": 1e6, "message_burst": 1e6,
}  # fmt: skip


def makers(folder: Path, triggers: str, count: int = 2, **settings: Any) -> list[AgentSpec]:
    file = strategy(folder, "maker", triggers)
    return [AgentSpec(f"maker-{n}", file, {"seed": 1.0 + n}, **settings) for n in range(count)]


def takers(folder: Path, count: int, deep: int) -> list[AgentSpec]:
    file = folder / "taker.py"
    file.write_text(TAKER, encoding="utf-8")
    return [
        agent_from_dict({"name": f"t{n}", "strategy": str(file), "params": {"deep": deep}, "limits": BIG}, n + 1)
        for n in range(count)
    ]


@pytest.fixture(scope="module")
def overtaking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Depth comes home 250 ms late, prints at once."""
    folder, made = tmp_path_factory.mktemp("overtaking"), Recording()
    made.book(0, 5, 5)
    for n in range(1, 60):
        made.update(1_000 * n, 1_000 * n + 250, [(LEVEL, BID, 10_000, 5 + n % 7)])
        for k in range(1, 6):
            made.update(1_000 * n + 40 * k, 1_000 * n + 40 * k, [(TRADE, ASK, 10_000 - k % 3, 20)])
    made.stored(folder, "X")
    return folder


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three hundred prints of one venue time that come home late, and an instrument that is not late."""
    folder, late, prompt = tmp_path_factory.mktemp("two"), Recording(), Recording()
    late.book(0, 5, 5)
    prompt.book(0, 5, 5)
    for n in range(1, 20):
        for k in range(300):
            late.update(1_000 * n, 1_000 * n + 50, [(TRADE, ASK, 10_000, 1 + k % 2)])
        for later in (0, 10):
            prompt.update(1_000 * n + later, 1_000 * n + later, [(LEVEL, BID, 10_000 - later // 10, 5 + n % 7)])
    late.stored(folder, "LATE")
    prompt.stored(folder, "PROMPT")
    return folder


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A book of many levels of one lot, told anew every other second; between them, far levels move."""
    folder, made = tmp_path_factory.mktemp("deep"), Recording()
    made.book(0, 400, 1, 1)
    for n in range(1, 40):
        if n % 2 == 0:
            made.book(1_000 * n, 400, 1, 1_000 * n + 1)
        for k in range(1, 9):
            made.update(1_000 * n + 100 * k, 1_000 * n + 100 * k + 1, [(LEVEL, BID, 6_000, 1 + k % 3)])
    made.stored(folder, "DEEP")
    return folder


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 7, 1_000])
def test_windows_of_any_size_give_the_same_records(overtaking: Path, tmp_path: Path, rows: int) -> None:
    agents = makers(tmp_path, "ON_TOUCH | ON_FILL")
    whole, _ = records(overtaking, wired(overtaking, agents))
    cut, _ = records(overtaking, wired(overtaking, agents), rows)
    assert (whole["kind"] == Record.FILL).any(), "no fill, so nothing is tested"
    assert cut.tobytes() == whole.tobytes()


def test_home_waits_for_the_venue_when_there_is_no_room(
    two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agents = makers(tmp_path, "ON_TOUCH | ON_FILL", instruments=("v:PROMPT",))
    little, _ = records(two, wired(two, agents))
    monkeypatch.setattr(venue_state, "UPDATES_ON_THEIR_WAY", 4_096)
    ample, _ = records(two, wired(two, agents))
    assert (ample["kind"] == Record.DECISION).sum() > 20, "hardly a decision, so nothing is tested"
    assert little.tobytes() == ample.tobytes()


def test_markouts_never_overrun_the_journal(deep: Path, tmp_path: Path) -> None:
    agents = takers(tmp_path, 1, 399)
    ample, _ = records(deep, wired(deep, agents))
    assert (ample["kind"] == Record.MARKOUT).sum() > 10_000, "too few markouts to overrun anything"
    for room in (1, 50):
        tight = wired(deep, agents)
        tight.state.engine[0]["journal_room"] = room
        beyond = 1_024 + len(tight.state.orders)
        found, most = records(deep, tight)
        assert most <= room + beyond
        assert found.tobytes() == ample.tobytes()


@pytest.mark.parametrize("triggers", ["ON_TOUCH | ON_TRADE | ON_FILL", "ON_TIMER | ON_FILL"])
def test_a_journal_of_one_record_changes_nothing(overtaking: Path, two: Path, tmp_path: Path, triggers: str) -> None:
    for store in (overtaking, two):
        agents = makers(tmp_path, triggers, 3)
        ample, _ = records(store, wired(store, agents))
        tight = wired(store, agents)
        tight.state.engine[0]["journal_room"] = 1
        found, _ = records(store, tight)
        assert (ample["kind"] == Record.MARKOUT).any(), "no markout, so nothing is tested"
        assert found.tobytes() == ample.tobytes()


@pytest.mark.parametrize("triggers", ["ON_TOUCH | ON_TRADE | ON_FILL", "ON_TIMER | ON_FILL"])
@pytest.mark.parametrize("world", ["", "one"])
def test_plain_python_beside_compiled_changes_nothing(
    overtaking: Path, tmp_path: Path, triggers: str, world: str
) -> None:
    files = {kind: strategy(tmp_path, "maker", triggers, compiled=kind) for kind in (True, False)}

    def agents(pattern: list[bool]) -> list[AgentSpec]:
        return [AgentSpec(f"maker-{n}", files[kind], {"seed": 1.0 + n}, world=world) for n, kind in enumerate(pattern)]

    compiled, _ = records(overtaking, wired(overtaking, agents([True] * 5)))
    assert (compiled["kind"] == Record.FILL).any(), "no fill, so nothing is tested"
    for pattern in ([False, True, True, False, True], [True, False, False, True, False], [False] * 5):
        mixed, _ = records(overtaking, wired(overtaking, agents(pattern)))
        assert mixed.tobytes() == compiled.tobytes()


def test_what_one_taker_may_do_many_may_do_together(deep: Path, tmp_path: Path) -> None:
    """Thirty agents take from 399 levels each, far more than one agent's share of the table of taken levels."""
    alone, _ = records(deep, wired(deep, takers(tmp_path, 1, 399)))
    many, _ = records(deep, wired(deep, takers(tmp_path, 30, 399)))
    fills = int((alone["kind"] == Record.FILL).sum())
    assert fills > 5_000
    for agent in (0, 17, 29):
        mine, own = many[many["agent"] == agent], alone[alone["agent"] == 0]
        for field in ("ts", "kind", "price", "qty", "cash", "position"):
            assert (mine[field] == own[field]).all(), field


def test_there_is_room_for_what_every_order_may_have_under_way(deep: Path, tmp_path: Path) -> None:
    for count in (1, 40):
        made = wired(deep, takers(tmp_path, count, 10))
        for flight in made.venue.flights:
            assert int(flight["ring"]) >= 4 * len(made.state.orders)
