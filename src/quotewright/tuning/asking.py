"""Optuna's part: parameters asked for in batches, and told what came of them.

Optuna's study lives in memory and is a function of the search and of the outcomes told to it in order. So the
registry's trials are its only storage: a search that goes on asks the same questions again, and is told the answers
that are known.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Sequence
from typing import Any

from quotewright.domain.errors import MissingExtraError
from quotewright.lineage.trials import COMPLETE, PRUNED
from quotewright.tuning.outcome import Asked, Outcome
from quotewright.tuning.search import Search
from quotewright.tuning.space import Dimension, checked_params


class Asker:
    """Asks for batches of trials, numbered from 0. Raises MissingExtraError without Optuna."""

    def __init__(self, search: Search) -> None:
        self._optuna = optuna = _optuna()
        self._search = search
        self._space = {each.name: _distribution(optuna, each) for each in search.space}
        directions = ["maximize" if sign > 0 else "minimize" for sign in search.signs]
        optuna.logging.set_verbosity(optuna.logging.WARNING)  # what happens is told by our own progress and tables
        self._study = optuna.create_study(directions=directions, sampler=_sampler(optuna, search))
        for params in search.starts:
            self._study.enqueue_trial(checked_params(search.space, params))
        self._open: dict[int, Any] = {}

    def ask(self) -> list[Asked]:
        """The next batch: it depends on the search and on what was told before, on nothing else."""
        asked: list[Asked] = []
        for _ in range(self._search.batch):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # a start may lie between two steps
                trial = self._study.ask(self._space)
            self._open[trial.number] = trial
            asked.append(Asked(trial.number, {each.name: trial.params[each.name] for each in self._search.space}))
        return asked

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        """What came of a batch, in order of number."""
        states = self._optuna.trial.TrialState
        for outcome in sorted(outcomes, key=lambda each: each.number):
            trial = self._open.pop(outcome.number)
            if outcome.state == COMPLETE:
                self._study.tell(trial, outcome.values(self._search))
            elif outcome.state == PRUNED:
                self._report(trial, outcome)
                self._study.tell(trial, state=states.PRUNED)
            else:
                self._study.tell(trial, state=states.FAIL)

    def _report(self, trial: Any, outcome: Outcome) -> None:
        """A sampler learns from how far a pruned trial came; Optuna takes that for one objective only."""
        if len(self._search.objectives) == 1:
            trial.report(outcome.values(self._search)[0], len(outcome.folds) - 1)


def optuna_version() -> str:
    """Another version may ask otherwise, so a study writes it down."""
    return str(_optuna().__version__)


def _distribution(optuna: Any, dimension: Dimension) -> Any:
    kinds = optuna.distributions
    if dimension.choices:
        return kinds.CategoricalDistribution(dimension.choices)
    if dimension.whole:
        low, high, step = int(dimension.low), int(dimension.high), int(dimension.step or 1)
        return kinds.IntDistribution(low, low + (high - low) // step * step, log=dimension.log, step=step)
    if dimension.step is None:
        return kinds.FloatDistribution(dimension.low, dimension.high, log=dimension.log)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a last step that is not whole is left out, as we say
        return kinds.FloatDistribution(dimension.low, dimension.high, step=dimension.step)


def _sampler(optuna: Any, search: Search) -> Any:
    samplers = optuna.samplers
    if search.sampler == "random":
        return samplers.RandomSampler(seed=search.seed)
    if search.sampler == "nsga2":
        return samplers.NSGAIISampler(seed=search.seed)
    return samplers.TPESampler(seed=search.seed)


def _optuna() -> Any:
    try:
        return importlib.import_module("optuna")
    except ImportError:
        raise MissingExtraError("tuning needs: pip install 'quotewright[research]'") from None
