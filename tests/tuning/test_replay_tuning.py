"""Parameters of a strategy tuned by replay: the figures are a sweep's, and nothing after the training part matters."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from quotewright.domain.errors import DataError, InputError
from quotewright.lineage.registry import Registry
from quotewright.sessions.agents import AgentSpec
from quotewright.sessions.importing import store_events
from quotewright.sessions.sweep import sweep
from quotewright.sessions.sweep_local import Threads
from quotewright.sessions.sweep_plan import SweepSpec, make_plan
from quotewright.sessions.synthetic import make_market
from quotewright.storage.feed import windows
from quotewright.storage.store import Store
from quotewright.tuning.outcome import Asked, through_folds
from quotewright.tuning.replay import ReplayFolds, ReplayObjective, Stretch, before, strategy_space
from quotewright.tuning.search import Search
from quotewright.tuning.space import Dimension, nudges
from quotewright.tuning.study import tune

NAME = "synthetic:BTCUSDT"
SECOND = 10**9
AGENT = AgentSpec("base", "symmetric")
SETS: list[Any] = [{"half_spread": 0.02 + 0.04 * n} for n in range(5)]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tuned")
    make_market(folder, "turbulent", seed=3, seconds=30)
    return folder


@pytest.fixture(scope="module")
def span(store: Path) -> tuple[int, int]:
    manifest = Store(store).dataset(NAME).manifest
    return int(manifest["first_ts"]) + manifest["clock_offset"], int(manifest["last_ts"]) + manifest["clock_offset"]


def folds_of(store: Path, *edges: int) -> ReplayFolds:
    """Stretches from each edge to the next."""
    stretches = [Stretch(NAME, a, b) for a, b in pairwise(edges)]
    return ReplayFolds(store, stretches, training_until=edges[-1])


def test_the_whole_recording_has_the_figures_of_a_sweep(store: Path, span: tuple[int, int], tmp_path: Path) -> None:
    dataset = Store(store).dataset(NAME)
    plan = make_plan([dataset], SweepSpec(AGENT, SETS))
    expected = pl.read_parquet(sweep(plan, tmp_path, Threads([dataset], 1)).table)
    (fold,) = folds_of(store, span[0], span[1] + 1)
    found = ReplayObjective(AGENT).many(SETS, fold)
    assert expected["fills"].sum() > 10
    for name in ("pnl", "fees", "fills", "turnover", "max_drawdown", "sharpe", "sharpe_stderr"):
        assert [each[name] for each in found] == expected[name].to_list(), name
    assert ReplayObjective(AGENT)(SETS[3], fold) == found[3]


def test_stretches_add_up_and_do_not_see_what_comes_after(store: Path, span: tuple[int, int], tmp_path: Path) -> None:
    first = span[0]
    middle, late = first + 12 * SECOND + 345_678, first + 20 * SECOND
    objective = ReplayObjective(AGENT)
    early, rest = (objective.many(SETS, fold) for fold in folds_of(store, first, middle, late))
    (whole,) = (objective.many(SETS, fold) for fold in folds_of(store, first, late))
    for a, b, both in zip(early, rest, whole, strict=True):
        for name in ("fills", "turnover", "fees"):
            assert a[name] + b[name] == pytest.approx(both[name], rel=1e-12), name  # type: ignore[operator]
    source = Store(store).dataset(NAME)
    events = source.read()
    changed = events[events["local_ts"] + source.clock_offset < late]
    details: dict[str, Any] = {"format": "test", "sources": [], "refused": {}, "notes": []}
    store_events(tmp_path, source.instrument, [changed], lambda: details, "none")
    assert len(changed) < len(events)
    (cut,) = (objective.many(SETS, fold) for fold in folds_of(tmp_path, first, late))
    assert cut == whole


@pytest.mark.parametrize("rows", [700, 5_000, 10**6])
def test_the_feed_before_a_time_is_all_that_is_due_before_it(store: Path, span: tuple[int, int], rows: int) -> None:
    dataset = Store(store).dataset(NAME)
    every = list(windows([dataset], rows))
    for until in (span[0], span[0] + 7 * SECOND + 13, every[0].until, span[1] + 1):
        cut = list(before(windows([dataset], rows), until))
        assert cut[-1].until == until
        for order, time in (("exch", "exch_ts"), ("local", "local_ts")):
            found = np.concatenate([getattr(window, order) for window in cut])
            whole = np.concatenate([getattr(window, order) for window in every])
            assert (found == whole[whole[time] < until]).all()
            assert len(found) == (whole[time] < until).sum()


def test_tuning_by_replay_is_a_study_like_any_other(store: Path, span: tuple[int, int], tmp_path: Path) -> None:
    first, _ = span
    folds = folds_of(store, first, first + 8 * SECOND, first + 16 * SECOND, first + 24 * SECOND)
    live = {"half_spread": 0.05}
    space = nudges(live, strategy_space("symmetric", ["half_spread"]), 0.8)
    search = Search(space, {"pnl": "max", "max_drawdown": "min"}, seed=2, batch=6, prune_after=4, starts=(live,))
    passes: list[int] = []

    class Counting(ReplayObjective):
        def many(self, sets: Any, fold: Any) -> Any:
            passes.append(len(sets))
            return super().many(sets, fold)

    with Registry(tmp_path) as registry:
        found = tune(registry, "spread", search, Counting(AGENT), folds, dataset=folds.dataset, trials=12)
        counted = registry.trials.of_dataset(folds.dataset)
    assert len(passes) <= 2 * 3
    assert passes[0] == 6
    assert found.outcomes[0].params == live
    values = [float(o.params["half_spread"]) for o in found.outcomes]  # type: ignore[arg-type]
    assert all(0.01 <= value <= 0.09 for value in values)
    assert counted.count == 12
    assert any(sharpe is not None for sharpe in counted.sharpes)
    alone = ReplayObjective(AGENT)
    last = found.outcomes[-1]
    (same,) = through_folds(alone.__call__, [Asked(11, last.params)], list(folds)[: len(last.folds)], search, ())
    assert same.folds == last.folds


def test_stretches_outside_the_training_part_are_refused(store: Path, span: tuple[int, int]) -> None:
    first, last = span
    for since, until, match in (
        (first, last, "the end of the training part"),
        (first - 1, first + 1, "must begin in"),
        (last + 1, last + 2, "must begin in"),
        (first + 5, first + 5, "must begin in"),
    ):
        with pytest.raises(InputError, match=match):
            ReplayFolds(store, [Stretch(NAME, since, until)], training_until=first + SECOND)
    with pytest.raises(InputError, match="at least one"):
        ReplayFolds(store, [], training_until=last)


def test_folds_know_their_data(store: Path, span: tuple[int, int]) -> None:
    (fold,) = folds_of(store, span[0], span[1])
    with pytest.raises(DataError, match="was replaced meanwhile"):
        ReplayObjective(AGENT)(SETS[0], fold._replace(hash="0" * 64))
    with pytest.raises(InputError, match="workers must share it"):
        ReplayObjective(AGENT)(SETS[0], fold._replace(store=str(store / "elsewhere")))
    assert folds_of(store, span[0], span[1]).facts()["stretches"][0][1] == fold.hash


def test_parameters_are_the_strategys_own_numbers(store: Path, span: tuple[int, int]) -> None:
    (fold,) = folds_of(store, span[0], span[1])
    for params, match in (({"half_spread": "wide"}, "must be a number"), ({"width": 1.0}, "is not a parameter")):
        with pytest.raises(InputError, match=match):
            ReplayObjective(AGENT).many([params], fold)
    with pytest.raises(InputError, match="must name neither world nor instruments"):
        ReplayObjective(replace(AGENT, world="w")).many(SETS, fold)
    assert strategy_space("symmetric", ["half_spread"])[0].name == "half_spread"
    with pytest.raises(InputError, match="is not a parameter of symmetric"):
        strategy_space("symmetric", ["width"])
    assert all(isinstance(each, Dimension) for each in strategy_space("glft"))
