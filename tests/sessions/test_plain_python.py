"""A strategy in plain Python decides exactly as its compiled twin does, on every trigger, and fails by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from quotewright.domain.errors import InputError
from quotewright.sessions.agents import AgentSpec
from quotewright.sessions.replay import ReplaySpec, replay
from quotewright.sessions.synthetic import make_market
from quotewright.storage.journal import read_journal
from quotewright.storage.store import Store

STRATEGY = """
from quotewright.domain.quotes import ON_FILL, ON_TIMER, ON_TOUCH, ON_TRADE
from quotewright.domain.strategy import Param, Strategy

def decide(view, params, memory, target):
    memory[0] += 1.0
    lots = max(1, int(params[0]))
    target.bids = 1
    target.bid_price[0] = view.bid - 1 - int(memory[0]) % 3
    target.bid_qty[0] = lots
    target.asks = 1
    target.ask_price[0] = view.ask + 1 + view.fills % 2
    target.ask_qty[0] = lots + 1

STRATEGY = Strategy(
    name="NAME", decide=decide, params=(Param("lots", 3.0, 1.0, 10.0, "lots", "Size."),), doc="d", source="s",
    triggers=TRIGGERS, interval=250_000_000, compiled=COMPILED,
)
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("market")
    make_market(folder, "turbulent", seed=5, seconds=30)
    return Store(folder)


def journal_of(store: Store, folder: Path, compiled: bool, triggers: str) -> Any:
    file = folder / f"maker_{compiled}.py"
    text = STRATEGY.replace("NAME", file.stem).replace("TRIGGERS", triggers).replace("COMPILED", str(compiled))
    file.write_text(text)
    agents = [AgentSpec(f"agent-{i}", str(file), {"lots": 1.0 + i}) for i in range(3)]
    replay([store.datasets()[0]], ReplaySpec(agents), folder / file.stem)
    return read_journal(folder / file.stem / "journal.parquet")


@pytest.mark.parametrize("triggers", ["ON_TIMER | ON_FILL", "ON_TOUCH | ON_TRADE | ON_FILL"])
def test_plain_python_decides_as_its_compiled_twin(store: Store, tmp_path: Path, triggers: str) -> None:
    compiled = journal_of(store, tmp_path, True, triggers)
    plain = journal_of(store, tmp_path, False, triggers)
    assert len(compiled) > 300
    assert (compiled["kind"] == 12).any(), "no fill, so nothing of fills is tested"
    assert plain.tobytes() == compiled.tobytes()


def test_a_failing_decision_is_named(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "failing.py"
    file.write_text(
        STRATEGY.replace("NAME", "failing")
        .replace("TRIGGERS", "ON_TIMER")
        .replace("COMPILED", "False")
        .replace("lots = max", "lots = 1 / 0 or max")
    )
    with pytest.raises(InputError, match=r"failing.*decide\(\) failed: ZeroDivisionError"):
        replay([store.datasets()[0]], ReplaySpec([AgentSpec("a", str(file))]), tmp_path / "run")
