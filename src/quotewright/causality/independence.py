"""Whether two variables are independent given others, and whether the data agree with a causal graph."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.causality.graph import CausalGraph, Independence, implied_independences
from quotewright.causality.inputs import Floats, column, table
from quotewright.causality.lags import columns_of
from quotewright.causality.long_run import holm, lags_of, long_run_variance, two_sided
from quotewright.causality.residuals import Learner, LearnerName, residuals, something_left
from quotewright.domain.errors import InputError

FEWEST = 20  # rows
Method = Literal["partial_correlation", "covariance_measure"]


class IndependenceTest(NamedTuple):
    """`estimate`: correlation of what is left, −1 … 1; `statistic`: standard normal if independent."""

    estimate: float
    statistic: float
    p_value: float


class GraphTest(NamedTuple):
    """One statement of a graph on data: `adjusted` is Holm's p over all statements of its kind."""

    statement: Independence
    found: IndependenceTest
    adjusted: float
    refused: bool  # the data say that the two depend


class GraphVerdict(NamedTuple):
    """What the data say of a graph.

    `implied`: independences that must hold. `arrows`: each arrow as the independence that would make it superfluous,
    effect ⟂ cause | the effect's other parents; `unsupported` are those the data give no reason to draw (no evidence
    of a dependence is no evidence of its absence). Arrows from or into hidden variables are not tested.
    """

    implied: tuple[GraphTest, ...]
    arrows: tuple[GraphTest, ...]
    alpha: float

    @property
    def holds(self) -> bool:
        """Whether no implied independence is contradicted."""
        return not any(test.refused for test in self.implied)

    @property
    def unsupported(self) -> tuple[Independence, ...]:
        """Arrows whose dependence is not significant after Holm's correction."""
        return tuple(test.statement for test in self.arrows if not test.refused)


def partial_correlation(
    x: npt.ArrayLike, y: npt.ArrayLike, given: npt.ArrayLike | None = None, *, lags: int | None = None
) -> IndependenceTest:
    """Correlation of x and y after linear regression of both on `given` [n, k]; Fisher's z.

    atanh(r) √(n − k − 3): R. A. Fisher (1924), "The distribution of the partial correlation coefficient", Metron 3.
    With `lags` above 0 (None: automatic), n is the effective number n / (1 + 2 Σ (1 − k/n) ρ_x(k) ρ_y(k)), at most n:
    M. S. Bartlett (1935), Journal of the Royal Statistical Society 98(3). Sees linear dependence alone. Raises
    InputError for fewer than FEWEST rows, or a variable that is constant or determined by `given`.
    """
    a, b, z = _series(x, y, given)
    n = len(a)
    left = something_left("x", residuals(a, z, folds=1), a)
    right = something_left("y", residuals(b, z, folds=1), b)
    r = float(left @ right / math.sqrt(float(left @ left) * float(right @ right)))
    shared = 1.0
    for k in range(1, lags_of(lags, n) + 1):
        # Σ over n − k pairs divided by the sum over n: the factor (1 − k/n) is in it.
        shared += 2 * float(left[k:] @ left[:-k] / (left @ left)) * float(right[k:] @ right[:-k] / (right @ right))
    freedom = n / max(shared, 1.0) - z.shape[1] - 3
    if freedom <= 0:
        raise InputError("given", z.shape[1], f"leaves too few of {n} rows, worth {n / shared:.0f}")
    statistic = math.atanh(max(-1 + 1e-15, min(1 - 1e-15, r))) * math.sqrt(freedom)
    return IndependenceTest(r, statistic, two_sided(statistic))


def covariance_measure(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    given: npt.ArrayLike | None = None,
    *,
    learner: LearnerName | Learner = "kernel",
    folds: int = 5,
    gap: int = 0,
    lags: int | None = None,
) -> IndependenceTest:
    """The generalised covariance measure: is the covariance of x − E[x | given] and y − E[y | given] zero?

    √n R̄ / sd(R), R the products of the residuals: R. D. Shah & J. Peters (2020), "The hardness of conditional
    independence testing and the generalised covariance measure", Annals of Statistics 48(3), eq. 3; the variance is
    Newey & West's (lags 0: the paper's). Valid if the learner explains both at a rate faster than n^(−1/4); blind to
    dependence without covariance. Residuals are cross-fitted (`residuals`). Raises InputError as `partial_correlation`.
    """
    a, b, z = _series(x, y, given)
    left = something_left("x", residuals(a, z, learner=learner, folds=folds, gap=gap), a)
    right = something_left("y", residuals(b, z, learner=learner, folds=folds, gap=gap), b)
    products = left * right
    n = len(products)
    variance = long_run_variance(products, lags_of(lags, n))
    if variance <= 0:
        raise InputError("x", "products of residuals", "do not vary: nothing can be tested")
    statistic = math.sqrt(n / variance) * float(products.mean())
    size = float(products.mean() / math.sqrt(float((left**2).mean()) * float((right**2).mean())))
    return IndependenceTest(size, statistic, two_sided(statistic))


def check_graph(
    graph: CausalGraph,
    values: npt.ArrayLike,
    names: Sequence[str],
    *,
    method: Method = "partial_correlation",
    learner: LearnerName | Learner = "kernel",
    gap: int = 0,
    lags: int | None = None,
    alpha: float = 0.05,
) -> GraphVerdict:
    """Test on `values` [n, f] every independence that the graph implies, and every arrow that it draws.

    A graph that passes is not proven: others with the same independences pass too. One that fails is wrong, or the
    test's assumptions are (linearity for partial correlations). Raises InputError for observed variables of the graph
    that are not among `names`, and as the tests.
    """
    if not 0 < alpha < 1:
        raise InputError("alpha", alpha, "must lie between 0 and 1")
    data = columns_of(values, names, [name for name in graph.nodes if name not in graph.hidden])

    def run(statements: Sequence[Independence]) -> tuple[GraphTest, ...]:
        found = [_tested(statement, data, method, learner, gap, lags) for statement in statements]
        adjusted = holm(np.array([test.p_value for test in found])).tolist()
        return tuple(
            GraphTest(statement, test, p, p < alpha)
            for statement, test, p in zip(statements, found, adjusted, strict=True)
        )

    arrows = [
        Independence(effect, cause, tuple(name for name in graph.order if name in graph.parents(effect) - {cause}))
        for cause, effect in graph.edges
        if not graph.hidden & ({effect} | graph.parents(effect))
    ]
    return GraphVerdict(run(implied_independences(graph)), run(arrows), alpha)


def _tested(
    statement: Independence,
    data: dict[str, Floats],
    method: Method,
    learner: LearnerName | Learner,
    gap: int,
    lags: int | None,
) -> IndependenceTest:
    x, y = data[statement.x], data[statement.y]
    given = np.column_stack([data[name] for name in statement.given]) if statement.given else None
    try:
        if method == "partial_correlation":
            return partial_correlation(x, y, given, lags=lags)
        if method == "covariance_measure":
            return covariance_measure(x, y, given, learner=learner, gap=gap, lags=lags)
    except InputError as error:
        raise InputError(str(statement), error.value, error.fix) from error
    raise InputError("method", method, "must be partial_correlation or covariance_measure")


def _series(x: npt.ArrayLike, y: npt.ArrayLike, given: npt.ArrayLike | None) -> tuple[Floats, Floats, Floats]:
    a = column("x", x, fewest=FEWEST)
    b = column("y", y, length=len(a))
    z = np.empty((len(a), 0)) if given is None else table("given", given, length=len(a))
    return a, b, z
