"""Why an experiment's model does what it does, on the backtest: it was not fitted there, and forward stays unseen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.causality.breaks import FEWEST, Finding, ModelUse, what_would_break
from quotewright.causality.effect_curves import Dependence, LocalEffects, local_effects, partial_dependence
from quotewright.causality.figures import draw_effect, draw_importance, draw_shapley
from quotewright.causality.permutation import Importance, permutation_importance
from quotewright.causality.shapley import Shapley, shapley
from quotewright.lineage.documents import plain
from quotewright.models.model import CLASSIFIER
from quotewright.research.study_page import Figure, Notes, Table, write_study
from quotewright.studies.experiment import Experiment
from quotewright.studies.experiment_fit import fit_rows
from quotewright.studies.experiment_rule import leans, positions, target
from quotewright.studies.experiment_table import Table as Rows

Floats = npt.NDArray[np.float64]

CURVES = 6
UNITS = (
    "Predictions are leans: a regressor's value, 2p − 1 of two labels, p(1) − p(−1) of three. Shapley values of trees "
    "and linear models are in the library's own units (log odds or probabilities of a classifier)."
)


@dataclass(frozen=True)
class Explanation:
    """Of one fit at seed 1: what each feature adds, what is lost without it, how it acts, and what would break it.

    `breaks` is empty with a reason in `why_no_breaks` where the backtest is too short or the rule never traded.
    """

    name: str
    model: str
    rows: int
    shapley: Shapley
    importance: tuple[Importance, ...]
    effects: dict[str, tuple[Dependence, LocalEffects]]
    breaks: tuple[Finding, ...]
    why_no_breaks: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; curves by feature."""
        return plain(
            {
                "experiment": self.name,
                "model": self.model,
                "rows": self.rows,
                "shapley": [{"feature": name, "mean_size": size} for name, size in self.shapley.importance],
                "shapley_by": self.shapley.kind,
                "importance": [
                    {"feature": e.name, "increase": e.increase, "stderr": e.stderr} for e in self.importance
                ],
                "effects": {
                    name: {
                        "grid": dependence.grid,
                        "average": dependence.average,
                        "edges": effect.edges,
                        "effect": effect.effect,
                        "range": effect.range,
                    }
                    for name, (dependence, effect) in self.effects.items()
                },
                "breaks": [asdict(finding) for finding in self.breaks],
                "why_no_breaks": self.why_no_breaks,
            }
        )


def explain(
    experiment: Experiment, *, rows: int = 200, seconds: float = 30.0, told: Callable[[int, int], None] | None = None
) -> Explanation:
    """Fit on the training part and explain on the backtest; Shapley values of up to `rows` rows in about `seconds`."""
    spec, table = experiment.spec, experiment.table()

    def say(done: int) -> None:
        if told is not None:
            told(done, 5)

    say(0)
    fitted = fit_rows(spec, table, table.part("train"), 1)
    say(1)
    tested = table.part("backtest")
    X, train = table.X[tested], table.X[table.part("train")]

    def predict(given: Floats) -> Floats:
        return leans(fitted, given)

    # Of classifiers the library would explain log odds or probabilities; a kernel explains what is traded.
    inner = None if fitted.kind == CLASSIFIER and len(fitted.labels) > 2 else fitted.estimator
    shap = shapley(X, table.features, predict=predict, model=inner, background=train, rows=rows, seconds=seconds)
    say(2)
    block = max(spec.label.bars, 1)
    important = permutation_importance(
        predict, X, target(spec, table.y[tested]), table.features, block=min(block, len(X) // 4), repeats=5
    )
    say(3)
    effects: dict[str, tuple[Dependence, LocalEffects]] = {}
    for name, _ in shap.importance[:CURVES]:
        k = table.features.index(name)
        if np.ptp(X[:, k]) > 0:
            effects[name] = (partial_dependence(predict, X, k, rows=100), local_effects(predict, X, k))
    say(4)
    found, reason = _breaks(experiment, table, predict, train)
    say(5)
    return Explanation(experiment.name, fitted.name, len(X), shap, important, effects, found, reason)


def _breaks(
    experiment: Experiment, table: Rows, predict: Callable[[Floats], Floats], train: Floats
) -> tuple[tuple[Finding, ...], str]:
    """What would break the rule on the backtest's bars; bars without a decision are those of the usual features."""
    spec = experiment.spec
    bars, rows = table.span("backtest"), table.part("backtest")
    if len(bars) < FEWEST:
        return (), f"the backtest has {len(bars)} bars; what would break it is judged on {FEWEST} or more"
    decided = np.isin(bars, rows)
    X = np.where(decided[:, None], table.X[bars], np.median(train, axis=0))

    def rule(leaning: Floats) -> Floats:
        return positions(spec, table, bars[decided], leaning[decided], bars)

    held = rule(predict(X))
    if not held.any():
        return (), "the rule never trades in the backtest"
    use = ModelUse(predict, X, table.features, rule, train if len(train) >= 20 else None)
    cost = (spec.costs.fee_bp + spec.costs.slippage_bp) / 1e4
    if cost < 0:
        return (), "fees below 0: a maker's rebates are judged by replay"
    window = min(20, len(bars) // 3)
    return what_would_break(table.moves[bars], held, cost=cost, model=use, window=window), ""


def write_explanation_page(found: Explanation, path: Path) -> None:
    """Write the page of an explanation: what would break it first."""
    blocks: list[Figure | Table | Notes] = []
    if found.breaks:
        rows = [(each.severity, each.name, f"{each.figure:.4g} {each.unit}", each.sentence) for each in found.breaks]
        headers = ("severity", "of", "figure", "finding")
        blocks.append(Table("What would break this, the gravest first.", headers, rows, frozenset({2})))
    else:
        blocks.append(Notes("What would break this", [found.why_no_breaks]))
    blocks.append(
        _figure(f"What each feature adds to each prediction ({found.shapley.kind}).", draw_shapley(found.shapley))
    )
    caption = "How much the squared error grows when a feature is torn from its time, with 95 % intervals over draws."
    blocks.append(_figure(caption, draw_importance(found.importance)))
    for name, (dependence, effect) in found.effects.items():
        blocks.append(_figure(f"How the prediction follows {name}.", draw_effect(name, dependence, effect)))
    told = [
        f"{found.model}, fitted on the training part, explained on {found.rows:,} rows of the backtest.",
        UNITS,
        "All of this describes the model, not the market: a spurious feature has Shapley values too.",
    ]
    blocks.append(Notes("What was explained", told))
    write_study(f"Why {found.name} does what it does", blocks, path)


def _figure(caption: str, drawn: Any) -> Figure:
    told: Mapping[str, Any] = drawn.to_plotly_json()
    return Figure(caption, told["data"], told["layout"])
