"""What the registry says of a model: where its estimator is, what it needs, what it can, what may be tuned."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from quotewright.domain.errors import InputError, MissingExtraError

CLASSIFIER, REGRESSOR = "classifier", "regressor"
CHEAP, MEDIUM, DEAR = "cheap", "medium", "dear"  # to fit: linear in rows and quick, trees, many trees or rows squared

Value = float | int | str | None


class Range(NamedTuple):
    """What a parameter may be tuned over: `choices`, or low to high (both included), on a log scale or in steps."""

    name: str
    default: Value
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    step: float | None = None
    whole: bool = False
    choices: tuple[Value, ...] = ()


@dataclass(frozen=True)
class Model:
    """One model: where its estimator is, and how it must be treated.

    `scaled`: features are standardised before it; `target_scaled`: so is y (regressors whose defaults are absolute).
    `proba`: it gives probabilities itself; otherwise it is calibrated. `compiled`: it exports to flat arrays.
    """

    name: str
    kind: str
    module: str
    attribute: str
    fixed: dict[str, Any] = field(default_factory=dict[str, Any])
    space: tuple[Range, ...] = ()
    scaled: bool = False
    target_scaled: bool = False
    proba: bool = True
    takes_weights: bool = True
    largest_weight_1: bool = False  # weights multiply steps that would overshoot beyond 1
    takes_nan: bool = False
    compiled: bool = False
    cost: str = CHEAP

    @property
    def defaults(self) -> dict[str, Value]:
        """The tuned parameters where nothing else is asked."""
        return {each.name: each.default for each in self.space}

    def estimator(self, seed: int, params: dict[str, Any] | None = None) -> Any:
        """The bare estimator. Raises InputError for a parameter it does not have, MissingExtraError without library."""
        try:
            made = getattr(importlib.import_module(self.module), self.attribute)()
        except ImportError:
            raise MissingExtraError("models need: pip install 'quotewright[research]'") from None
        known: dict[str, Any] = made.get_params()
        wanted = {**self.fixed, **self.defaults, **(params or {})}
        for name, value in (params or {}).items():
            if name not in known:
                raise InputError(name, value, f"{self.name} has: {', '.join(sorted(known))}")
        if "random_state" in known:
            wanted["random_state"] = seed
        return made.set_params(**wanted)

    def build(self, seed: int, **params: Any) -> Any:
        """The pipeline: features scaled where it needs that, and the target."""
        made = self.estimator(seed, params)
        if self.scaled:
            steps: Any = importlib.import_module("sklearn.pipeline")
            made = steps.Pipeline([("scale", _scaler()), ("model", made)])
        if self.target_scaled:
            compose: Any = importlib.import_module("sklearn.compose")
            made = compose.TransformedTargetRegressor(regressor=made, transformer=_scaler(), check_inverse=False)
        return made


def _scaler() -> Any:
    return importlib.import_module("sklearn.preprocessing").StandardScaler()
