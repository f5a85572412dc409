"""A search from beginning to end, or from where it was stopped: asked in batches, recorded trial by trial."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from quotewright.domain.errors import DataError, InputError
from quotewright.lineage.code import code_of_callable
from quotewright.lineage.documents import plain
from quotewright.lineage.registry import Registry
from quotewright.tuning.asking import Asker, optuna_version
from quotewright.tuning.folds import Folds
from quotewright.tuning.outcome import Asked, Evaluate, EvaluatesMany, Outcome, bars_of, outcome_of
from quotewright.tuning.search import Search
from quotewright.tuning.table import Tuned
from quotewright.tuning.workers import Job, Local, Workers

MOST_TRIALS = 100_000


def tune(
    registry: Registry,
    name: str,
    search: Search,
    evaluate: Evaluate | EvaluatesMany,
    folds: Folds,
    *,
    dataset: str,
    trials: int,
    workers: Workers | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Tuned:
    """Make the trials of a study that are missing, up to `trials` in all, and return its table.

    `evaluate(params, fold)` gives the metrics of one set on one fold as numbers by name, the objectives among them; an
    object with `many(sets, fold)` gives those of a batch at once. Each trial is kept in the registry as it ends, and
    counts for the dataset with the hash `dataset`; `sharpe` and `sharpe_stderr` among the metrics (per interval) feed
    its deflated Sharpe ratio.

    A study that was killed goes on where it was and ends with the same table, as does one that is given more trials
    later. The table depends on search, folds and evaluation alone, if that gives the same metrics for the same set: not
    on the workers, nor on the order in which they end. `progress` hears trials done, and in all.

    Raises InputError if the name stands for another study, another process works on it, or an input makes no sense.
    """
    if not 1 <= trials <= MOST_TRIALS:
        raise InputError("trials", trials, f"must lie in [1, {MOST_TRIALS:,}]")
    if not len(folds):
        raise InputError("folds", 0, "give at least one fold")
    spec = {
        "search": search.to_dict(),
        "folds": folds.facts(),
        "code": code_of_callable(evaluate.many if isinstance(evaluate, EvaluatesMany) else evaluate),
        "optuna": optuna_version(),
    }
    study = registry.studies.begin(name, dataset, spec)
    job = Job(evaluate, list(folds), search)
    outcomes: list[Outcome] = []
    with registry.studies.at_work(study), (workers or Local()).at(job) as run:
        known = {number: outcome_of(trial) for number, trial in registry.trials.of_study(study.id).items()}
        known = {number: outcome for number, outcome in known.items() if number < trials}
        resumed = done = len(known)
        if progress is not None:
            progress(done, trials)
        asker = Asker(search)
        while len(outcomes) < trials:
            asked = asker.ask()
            wanted = [each for each in asked if each.number < trials]
            batch = {each.number: known[each.number] for each in _confirmed(name, wanted, known)}
            missing = [each for each in wanted if each.number not in batch]
            for outcome in run(missing, bars_of(outcomes, len(folds), search)):
                registry.trials.record(dataset, name, [outcome.to_trial()], study=study.id)
                batch[outcome.number] = outcome
                done += 1
                if progress is not None:
                    progress(done, trials)
            outcomes += [batch[each.number] for each in wanted]
            if len(wanted) == len(asked):
                asker.tell(list(batch.values()))
    tuned = Tuned(name, dataset, search, tuple(outcomes), resumed)
    kept = registry.studies.results(name)
    if not kept or kept[-1].document != plain(tuned.to_dict()):
        registry.studies.keep_result(name, tuned.to_dict(), study=study)
    return tuned


def _confirmed(name: str, asked: list[Asked], known: Mapping[int, Outcome]) -> list[Asked]:
    """The trials that were made before; raises DataError if they were made with other parameters than these."""
    found = [each for each in asked if each.number in known]
    for each in found:
        if known[each.number].params != each.params:
            raise DataError(
                f"study {name}: trial {each.number} was made with {known[each.number].params}, and would now be made "
                f"with {each.params}: its evaluation is not repeatable, or its platform is another; begin a new study"
            )
    return found
