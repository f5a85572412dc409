"""A search: it finds what is planted, repeats itself, goes on where it was, prunes, and counts every trial."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from searching import DATASET, bowl, search_of, tuned

from quotewright.domain.errors import DataError, InputError
from quotewright.lineage.registry import Registry
from quotewright.tuning.folds import InnerFolds
from quotewright.tuning.outcome import through_folds
from quotewright.tuning.study import tune
from quotewright.tuning.workers import Job, Local

FOUR = InnerFolds(np.arange(50), [(np.arange(10 * k), np.arange(10 * k, 10 * k + 10)) for k in range(1, 5)])


def test_it_finds_what_is_planted_and_better_than_blindly(tmp_path: Path) -> None:
    found, blind = (tuned(tmp_path, name, 40, sampler=name).front[0] for name in ("tpe", "random"))
    assert found.params["n"] == 2
    assert abs(float(found.params["x"]) - 0.3) < 0.15  # type: ignore[arg-type]
    assert abs(float(found.params["y"]) + 0.5) < 0.15  # type: ignore[arg-type]
    loss, other = found.mean("loss"), blind.mean("loss")
    assert loss is not None
    assert other is not None
    assert loss < other


@pytest.mark.parametrize(
    ("sampler", "objectives"),
    [
        ("tpe", {"loss": "min"}),
        ("tpe", {"loss": "min", "size": "max"}),
        ("random", {"loss": "min"}),
        ("nsga2", {"loss": "min", "size": "max"}),
    ],
)
def test_stopped_anywhere_it_ends_with_the_same_table(tmp_path: Path, sampler: str, objectives: dict[str, str]) -> None:
    given = {"sampler": sampler, "objectives": objectives, "prune_after": 4}
    whole = tuned(tmp_path / "whole", trials=23, folds=FOUR, **given).table()
    assert len(whole) == 23
    for stop in (1, 40):
        calls = 0

        def stopping(params: dict[str, Any], fold: Any, *, stop: int = stop) -> dict[str, float]:
            nonlocal calls
            calls += 1
            if calls == stop:
                raise KeyboardInterrupt
            return bowl(params, fold)

        with Registry(tmp_path / f"{stop}") as registry:
            with pytest.raises(KeyboardInterrupt):
                tune(registry, "b", search_of(**given), stopping, FOUR, dataset=DATASET, trials=23)
            made = registry.trials.of_dataset(DATASET).count
            assert made < 23
            heard: list[tuple[int, int]] = []
            resumed = tune(
                registry,
                "b",
                search_of(**given),
                stopping,
                FOUR,
                dataset=DATASET,
                trials=23,
                progress=lambda done, total, heard=heard: heard.append((done, total)),
            )
            assert heard == [(done, 23) for done in range(made, 24)]
            assert resumed.resumed == made
            assert registry.trials.of_dataset(DATASET).count == 23
        assert resumed.table().equals(whole)


def test_more_trials_later_are_those_of_a_longer_search(tmp_path: Path) -> None:
    longer = tuned(tmp_path / "longer", trials=22).table()
    for trials in (1, 6, 22):  # of batches of 4
        part = tuned(tmp_path / "grown", trials=trials).table()
        assert part.drop("front").equals(longer.head(trials).drop("front"))
    with Registry(tmp_path / "grown") as registry:
        assert registry.trials.of_dataset(DATASET).count == 22
        assert tuned(tmp_path / "grown", trials=6).resumed == 6
        kept = registry.studies.results("bowl")
    assert [each.document["trials"] for each in kept] == [1, 6, 22, 6]


def test_the_seed_decides(tmp_path: Path) -> None:
    one, same, other = (tuned(tmp_path, str(n), 12, seed=seed).table() for n, seed in enumerate((5, 5, 6)))
    assert one.equals(same)
    assert not one.equals(other)


class Backwards:
    """Workers that make the trials of a batch in the opposite order, and yield them in yet another."""

    @contextmanager
    def at(self, job: Job) -> Iterator[Any]:
        def run(asked: Any, bars: Any) -> Iterator[Any]:
            found = [next(through_folds(job.evaluate, [each], job.folds, job.search, bars)) for each in asked[::-1]]
            yield from (found[1:] + found[:1])

        yield run


class Many:
    """The same bowl, a batch at once."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __call__(self, params: Any, fold: Any) -> Any:
        raise AssertionError("a batch is asked for at once")

    def many(self, sets: Any, fold: Any) -> Any:
        self.sizes.append(len(sets))
        return [bowl(params, fold) for params in sets]


def test_the_table_does_not_depend_on_who_makes_the_trials(tmp_path: Path) -> None:
    given = {"batch": 6, "prune_after": 3, "trials": 20, "folds": FOUR}
    alone = tuned(tmp_path, "alone", workers=Local(), **given)
    assert {o.state for o in alone.outcomes} == {"complete", "pruned"}
    assert tuned(tmp_path, "backwards", workers=Backwards(), **given).table().equals(alone.table())
    many = Many()
    assert tuned(tmp_path, "many", evaluate=many, **given).table().equals(alone.table())
    assert many.sizes[0] == 6
    assert sum(many.sizes) == sum(len(o.folds) for o in alone.outcomes)


def test_pruning_gives_up_what_is_worse_than_the_median_and_nothing_else(tmp_path: Path) -> None:
    found = tuned(tmp_path, trials=40, folds=FOUR, prune_after=5, batch=4)
    every = tuned(tmp_path, "every", trials=40, folds=FOUR, prune_after=0, batch=4)
    assert {o.state for o in every.outcomes} == {"complete"}
    pruned = [o for o in found.outcomes if o.state == "pruned"]
    assert pruned
    for o in found.outcomes:
        told = [p for p in found.outcomes[: o.number // 4 * 4] if p.state == "complete"]
        bars = (
            [np.median([np.mean([f["loss"] for f in p.folds[: k + 1]]) for p in told]) for k in range(3)]
            if told
            else []
        )
        so_far = [np.mean([f["loss"] for f in o.folds[: k + 1]]) for k in range(len(o.folds))]
        worse = [len(told) >= 5 and so_far[k] > bars[k] + 1e-12 for k in range(min(len(so_far), 3))]
        assert (o.state == "pruned") == worse[-1]
        assert not any(worse[:-1])
        assert len(o.folds) == 4 or o.state == "pruned"


def test_the_front_is_what_no_other_beats(tmp_path: Path) -> None:
    found = tuned(tmp_path, trials=40, objectives={"loss": "min", "size": "max"})
    rows = found.table().select("number", "loss", "size", "front").rows()
    for number, loss, size, front in rows:
        beaten = any(a <= loss and b >= size and (a, b) != (loss, size) for _, a, b, _ in rows)
        assert front == (not beaten), number
    best = [o.number for o in found.front]
    assert best == [number for number, _, _, front in sorted(rows, key=lambda row: row[1]) if front]
    assert found.best == found.front[0].params


def test_every_trial_counts_for_the_dataset_with_its_ratio(tmp_path: Path) -> None:
    found = tuned(tmp_path, trials=20, prune_after=5)
    with Registry(tmp_path) as registry:
        counted = registry.trials.of_dataset(DATASET)
        study = registry.studies.find("bowl")
    assert counted.count == 20
    assert counted.sources == ("bowl",) * 20
    assert list(counted.states) == [o.state for o in found.outcomes]
    for o, sharpe, stderr in zip(found.outcomes, counted.sharpes, counted.stderrs, strict=True):
        assert sharpe == pytest.approx(np.mean([fold["sharpe"] for fold in o.folds]))
        assert stderr == pytest.approx(0.3 / math.sqrt(len(o.folds)))
    assert study is not None
    assert study.spec["search"] == search_of(prune_after=5).to_dict()


def test_a_trial_without_a_figure_has_failed_and_the_search_goes_on(tmp_path: Path) -> None:
    def partly(params: dict[str, Any], fold: Any) -> dict[str, float]:
        metrics = bowl(params, fold)
        return {**metrics, "loss": math.nan if params["x"] > 0 and fold.number == 1 else metrics["loss"]}

    found = tuned(tmp_path, evaluate=partly, prune_after=0)
    for o in found.outcomes:
        assert o.state == ("failed" if float(o.params["x"]) > 0 else "complete")  # type: ignore[arg-type]
        assert len(o.folds) == 2
    states = found.table()["state"]
    assert 0 < (states == "failed").sum() < len(states)
    assert found.best is not None
    none = tuned(tmp_path, "none", 5, evaluate=lambda params, fold: {"loss": math.inf})
    assert (none.best, none.front) == (None, ())
    assert none.table()["loss"].null_count() == 5
    assert none.to_dict()["states"] == {"failed": 5}


def test_an_evaluation_that_is_not_repeatable_is_found_out(tmp_path: Path) -> None:
    with Registry(tmp_path) as registry:

        def drifting(params: dict[str, Any], fold: Any) -> dict[str, float]:
            return bowl(params, fold)

        tune(registry, "a", search_of(batch=12), drifting, FOUR, dataset=DATASET, trials=12)
        study = registry.studies.find("a")
        assert study is not None
        moved = registry.studies.begin("b", DATASET, study.spec)
        trials = list(registry.trials.of_study(study.id).values())
        swapped = [trials[1], trials[0]]
        renumbered = [
            type(t)(t.params, t.metrics, t.sharpe, t.sharpe_stderr, t.state, n) for n, t in enumerate(swapped)
        ]
        registry.trials.record(DATASET, "b", renumbered, study=moved.id)
        with pytest.raises(DataError, match="trial 0 was made with"):
            tune(registry, "b", search_of(batch=12), drifting, FOUR, dataset=DATASET, trials=12)


def test_another_search_under_the_same_name_is_refused(tmp_path: Path) -> None:
    tuned(tmp_path, trials=2)
    for changed in ({"seed": 6}, {"folds": FOUR}, {"batch": 5}, {"evaluate": len}):
        with pytest.raises(InputError, match="was begun otherwise"):
            tuned(tmp_path, trials=2, **changed)


def test_evaluations_that_break_the_rules_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="gives no metric loss"):
        tuned(tmp_path, "a", evaluate=lambda params, fold: {"gain": 1.0})

    class Short(Many):
        def many(self, sets: Any, fold: Any) -> Any:
            return []

    with pytest.raises(InputError, match="for each of 4 sets"):
        tuned(tmp_path, "b", evaluate=Short())
    with pytest.raises(ZeroDivisionError) as caught:
        tuned(tmp_path, "c", evaluate=lambda params, fold: {"loss": 1 / 0})
    assert "in the trial with {'x':" in caught.value.__notes__[0]
    for trials in (0, 100_001):
        with pytest.raises(InputError, match="trials"):
            tuned(tmp_path, "d", trials)
    with Registry(tmp_path) as registry:
        assert registry.trials.of_dataset(DATASET).count == 0


def test_tables_and_documents_are_written_and_read_back(tmp_path: Path) -> None:
    found = tuned(tmp_path, trials=6, objectives={"loss": "min", "size": "max"})
    path = found.write(tmp_path / "out" / "deep")
    assert pl.read_parquet(path).equals(found.table())
    document = json.loads((path.parent / "tuning.json").read_text())
    assert document == found.to_dict()
    assert document["trials"] == 6
    with Registry(tmp_path) as registry:
        assert registry.studies.results("bowl")[-1].document == document
    assert found.table().schema["param_n"] == pl.Int64
    assert found.table().columns[:7] == ["number", "state", "folds", "front", "param_x", "param_y", "param_n"]
