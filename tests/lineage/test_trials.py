"""Trials, studies and results: all are counted on their dataset, studies go on only as they were begun."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from quotewright.domain.errors import InputError
from quotewright.lineage.registry import Registry
from quotewright.lineage.trials import FAILED, PRUNED, Trial
from quotewright.validation.deflated_sharpe import judge


def test_all_trials_on_a_dataset_count_whoever_made_them(registry: Registry) -> None:
    study = registry.studies.begin("search", "data", {"seed": 1})
    registry.trials.record("data", "by hand", [Trial({"a": 1}, sharpe=0.1, sharpe_stderr=0.05), Trial({"a": 2})])
    registry.trials.record("other", "by hand", [Trial({"a": 1}, sharpe=9.0, sharpe_stderr=0.05)])
    registry.trials.record(
        "data", "search", [Trial({"a": 3}, sharpe=0.3, sharpe_stderr=0.06, number=0)], study=study.id
    )
    registry.trials.record("data", "search", [Trial({"a": 4}, state=FAILED, number=1)], study=study.id)
    found = registry.trials.of_dataset("data")
    assert found.count == 4
    assert found.sources == ("by hand", "by hand", "search", "search")
    assert found.sharpes == (0.1, None, 0.3, None)
    assert found.stderrs == (0.05, None, 0.06, None)
    assert found.states == ("complete", "complete", "complete", "failed")
    verdict = judge(found.sharpes, found.stderrs)
    assert verdict is not None
    assert (verdict.trials, verdict.best) == (2, 2)
    nothing = registry.trials.of_dataset("unknown")
    assert (nothing.count, nothing.sharpes) == (0, ())


def test_a_trial_comes_back_as_it_was(registry: Registry) -> None:
    study = registry.studies.begin("search", "data", {})
    trials = [
        Trial({"x": 0.1 + 0.2, "kind": "a", "n": 3}, {"folds": [{"mae": 1e-300}]}, 1 / 3, 2 / 3, number=1),
        Trial({"x": 5e-324}, {}, state=PRUNED, number=0),
    ]
    registry.trials.record("data", "search", trials, study=study.id)
    assert registry.trials.of_study(study.id) == {0: trials[1], 1: trials[0]}
    assert list(registry.trials.of_study(study.id)) == [0, 1]


def test_a_number_is_recorded_once_and_a_batch_all_or_none(registry: Registry) -> None:
    study = registry.studies.begin("search", "data", {})
    registry.trials.record("data", "search", [Trial({}, number=1)], study=study.id)
    with pytest.raises(InputError, match="already"):
        registry.trials.record("data", "search", [Trial({}, number=0), Trial({}, number=1)], study=study.id)
    assert list(registry.trials.of_study(study.id)) == [1]
    with pytest.raises(InputError, match="unknown"):
        registry.trials.record("data", "search", [Trial({}, number=0)], study=study.id + 1)


def test_trials_that_say_too_little_are_refused(registry: Registry) -> None:
    with pytest.raises(InputError, match="state"):
        Trial({}, state="running")
    with pytest.raises(InputError, match="finite"):
        Trial({}, sharpe=float("nan"))
    with pytest.raises(InputError, match="0 or more"):
        Trial({}, sharpe=1.0, sharpe_stderr=-0.1)
    for dataset, source, trial in (("", "s", Trial({})), ("d", "", Trial({})), ("d", "s", Trial({}, number=1))):
        with pytest.raises(InputError):
            registry.trials.record(dataset, source, [trial])
    registry.trials.record("d", "s", [])
    assert registry.trials.of_dataset("d").count == 0


def test_a_study_goes_on_as_it_was_begun_or_not_at_all(registry: Registry) -> None:
    spec = {"seed": 1, "space": [{"name": "a", "low": 0.0, "high": 1.0}]}
    first = registry.studies.begin("search", "data", spec)
    assert registry.studies.begin("search", "data", spec) == first == registry.studies.find("search")
    with pytest.raises(InputError, match=r"was begun otherwise \(seed: 1, now 2\)"):
        registry.studies.begin("search", "data", {**spec, "seed": 2})
    with pytest.raises(InputError, match='dataset: "data", now "other"'):
        registry.studies.begin("search", "other", spec)
    second = registry.studies.begin("another", "data", spec)
    assert registry.studies.all() == [first, second]
    assert registry.studies.find("no") is None
    for name, dataset in (("", "data"), ("search", "")):
        with pytest.raises(InputError, match="needs a name"):
            registry.studies.begin(name, dataset, spec)


HOLDER = """
import sys, time
from pathlib import Path
from quotewright.lineage.registry import Registry
with Registry(Path(sys.argv[1])) as registry:
    with registry.studies.at_work(registry.studies.find("search")):
        print("held", flush=True)
        time.sleep(60)
"""


def test_a_study_is_held_by_one_process_until_it_dies(tmp_path: Path) -> None:
    with Registry(tmp_path) as registry:
        study = registry.studies.begin("search", "data", {})
        with registry.studies.at_work(study):
            pass
        holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE)
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(InputError, match="is at work in another process"), registry.studies.at_work(study):
            pass
        holder.kill()
        holder.wait()
        holder.stdout.close()
        with registry.studies.at_work(study):
            pass


def test_results_of_a_name_are_kept_in_order(registry: Registry) -> None:
    study = registry.studies.begin("search", "data", {})
    made = {"dataset": "d", "features": "f", "code": "c", "seed": 1, "params": {}, "metrics": {}}
    model = registry.models.register("m", b"x", **made)
    registry.studies.keep_result("table", {"models": [{"name": "ridge", "mae": 0.1}]}, study=study)
    registry.studies.keep_result("table", {"models": []}, model=model.hash)
    registry.studies.keep_result("else", [1, None])
    found = registry.studies.results("table")
    assert [each.document for each in found] == [{"models": [{"name": "ridge", "mae": 0.1}]}, {"models": []}]
    assert [(each.study, each.model) for each in found] == [(study.id, None), (None, model.hash)]
    with pytest.raises(InputError, match="not in this registry"):
        registry.studies.keep_result("table", {}, model="0" * 64)
