"""Finding strategies by name and by file, and their parameters' page."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from decisions import decide_all

from quotewright.domain.errors import InputError
from quotewright.domain.quotes import VIEW
from quotewright.domain.strategy import Param
from quotewright.strategies.catalogue import CATALOGUE, find

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "strategies.md"

USER_FILE = '''
"""A user's own strategy: one bid, `depth` ticks below the best."""

from quotewright.domain.strategy import Param, Strategy
from quotewright.strategies.quoting import bid_at, lots_of

DEPTH = 0


def decide(view, params, memory, target):
    memory[0] += 1
    bid_at(view, target, (view.bid - params[DEPTH]) * view.tick, lots_of(view, 100.0))


STRATEGY = Strategy(
    name="below",
    decide=decide,
    params=(Param("depth", 3.0, 0.0, 100.0, "ticks", "Distance from the best bid."),),
    doc="One bid.",
    source="a test",
)
'''


def test_catalogue_has_the_strategies_under_their_own_names() -> None:
    assert {"symmetric", "avellaneda_stoikov", "glft", "ladder", "penny_jump"} <= set(CATALOGUE)
    for name, strategy in CATALOGUE.items():
        assert strategy.name == name
        assert find(name) is strategy
        assert strategy.bind({}).shape == (len(strategy.params),)
        assert len({p.name for p in strategy.params}) == len(strategy.params)


def test_unknown_name_lists_the_names() -> None:
    with pytest.raises(InputError, match=r"glft.*ladder|ladder.*glft") as caught:
        find("gltf")
    assert caught.value.value == "gltf"


def test_a_users_file_is_found_by_its_path_compiles_and_decides(tmp_path: Path) -> None:
    path = tmp_path / "below.py"
    path.write_text(USER_FILE, encoding="utf-8")
    strategy = find(str(path))
    views = np.zeros(2, dtype=VIEW)
    for field, value in {"bid": 1000, "ask": 1001, "mid": 100.05, "tick": 0.1, "lot": 0.1, "lot_value": 10.0}.items():
        views[field] = value
    targets = decide_all(strategy, views, np.array([[3.0], [7.0]]))
    assert targets["bid_price"][:, 0].tolist() == [997, 993]
    assert targets["bid_qty"][:, 0].tolist() == [10, 10]
    assert targets["asks"].tolist() == [0, 0]


def test_a_users_file_edited_is_the_edited_strategy(tmp_path: Path) -> None:
    path = tmp_path / "edited.py"
    path.write_text(USER_FILE, encoding="utf-8")
    find(str(path))
    path.write_text(USER_FILE.replace("depth", "distance").replace('"below"', '"edited"'), encoding="utf-8")
    assert find(str(path)).name == "edited"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\n", "defines no STRATEGY"),
        ("STRATEGY = 'glft'\n", "defines no STRATEGY"),
        ("def broken(:\n", "SyntaxError"),
        ("import a_module_that_does_not_exist\n", "ModuleNotFoundError"),
        ("raise SystemExit(3)\n", "SystemExit"),
        ("STRATEGY = 1 / 0\n", "ZeroDivisionError"),
        ("\x00", "fails when loaded"),
    ],
)
def test_a_users_file_that_cannot_be_used_says_why_and_leaves_nothing_behind(
    tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "unusable.py"
    path.write_text(text, encoding="utf-8")
    before = set(sys.modules)
    with pytest.raises(InputError, match=said):
        find(str(path))
    assert set(sys.modules) == before


def test_a_path_without_a_file_or_of_a_folder_says_so(tmp_path: Path) -> None:
    (tmp_path / "folder.py").mkdir()
    for path in (tmp_path / "missing.py", tmp_path / "folder.py"):
        with pytest.raises(InputError, match="is not a file"):
            find(str(path))


@pytest.mark.parametrize("strategy", CATALOGUE.values(), ids=list(CATALOGUE))
def test_parameters_out_of_range_are_refused_by_name(strategy: object) -> None:
    for p in strategy.params:  # type: ignore[attr-defined]
        for wrong in (p.low - 1, p.high * 2 + 1, float("nan"), float("inf")):
            with pytest.raises(InputError, match=p.name):
                strategy.bind({p.name: wrong})  # type: ignore[attr-defined]


def test_the_pages_example_of_a_users_file_quotes_as_it_says(tmp_path: Path) -> None:
    example = PAGE.read_text(encoding="utf-8").split("```python\n", 1)[1].split("```", 1)[0]
    path = tmp_path / "behind_the_touch.py"
    path.write_text(example, encoding="utf-8")
    strategy = find(str(path))
    view = np.zeros(1, dtype=VIEW)
    for field, value in {"bid": 1000, "ask": 1003, "mid": 100.15, "tick": 0.1, "lot": 0.1, "lot_value": 10.0}.items():
        view[field] = value
    target = decide_all(strategy, view, strategy.bind({})[None, :])[0]
    assert (target["bids"], target["bid_price"][0], target["bid_qty"][0]) == (1, 999, 50)
    assert (target["asks"], target["ask_price"][0], target["ask_qty"][0]) == (1, 1004, 50)


def row_of(p: Param) -> str:
    """A parameter as the page must show it."""
    return f"| `{p.name}` | {p.default:g} | {p.low:g} … {p.high:g} | {p.unit} | {p.doc} |"


@pytest.mark.parametrize("name", list(CATALOGUE))
def test_the_page_shows_every_parameter_as_it_is(name: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    section = page.split(f"\n## {name}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    assert rows == [row_of(p) for p in CATALOGUE[name].params]
