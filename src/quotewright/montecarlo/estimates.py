"""Maximum likelihood with standard errors from the observed information."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from quotewright.montecarlo.numerics import Floats
from quotewright.signals.newton import Evaluation, covariance_of, maximise

EDGE = 1e-6  # relative change of a parameter for a unit's move
STEP = 1e-4  # for differences of gradients; the coordinates are logarithms or in units near one


class Estimate(NamedTuple):
    """A parameter and its standard error, NaN where the data give none."""

    value: float
    error: float


class Likelihood(NamedTuple):
    """What maximum likelihood found."""

    parameters: dict[str, Estimate]
    value: float  # ln L
    converged: bool


def maximise_likelihood(
    evaluate: Callable[[Floats], tuple[float, Floats]],
    start: Floats,
    natural: Callable[[Floats], Mapping[str, float]],
) -> Likelihood:
    """The top of ln L in free coordinates, reported in natural parameters.

    `evaluate` gives ln L and its gradient; the Hessian is their central difference. Standard errors are from the
    inverse observed information, carried over to `natural` by the delta method (van der Vaart, "Asymptotic
    Statistics", 1998, ch. 3). They take the law as true and the observations as it says they are.
    """

    best = -math.inf

    def with_hessian(point: Floats) -> Evaluation:
        nonlocal best
        value, gradient = evaluate(point)
        hessian = np.zeros((len(point), len(point)))
        if not value > best:  # a step that is not taken: its curvature is not asked for
            return (value if math.isfinite(value) else -math.inf), gradient, hessian
        best = value
        for i in range(len(point)):
            move = np.zeros(len(point))
            move[i] = STEP
            hessian[i] = (evaluate(point + move)[1] - evaluate(point - move)[1]) / (2 * STEP)
        return value, gradient, (hessian + hessian.T) / 2

    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        top = maximise(with_hessian, start)
    named = natural(top.point)
    slopes = np.empty((len(named), len(top.point)))
    for i in range(len(top.point)):
        move = np.zeros(len(top.point))
        move[i] = STEP
        above, below = natural(top.point + move), natural(top.point - move)
        slopes[:, i] = [(above[name] - below[name]) / (2 * STEP) for name in named]
    size = np.abs(np.array(list(named.values())))[:, None] + 1e-300
    free = (np.abs(slopes) / size).max(axis=0) > EDGE  # a coordinate that has run off moves no parameter any more
    covariance = covariance_of(-top.hessian[np.ix_(free, free)])
    errors = np.sqrt(np.einsum("ij,jk,ik->i", slopes[:, free], covariance, slopes[:, free]))
    errors[(np.abs(slopes[:, free]) / size).max(axis=1, initial=0.0) <= EDGE] = math.nan  # on an edge, not certain
    parameters = {
        name: Estimate(value, float(error)) for (name, value), error in zip(named.items(), errors, strict=True)
    }
    return Likelihood(parameters, top.value, top.converged)
