"""Maximum of a smooth log-likelihood by damped Newton steps."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Evaluation = tuple[float, Floats, Floats]  # value, gradient, Hessian

LONGEST_STEP = 3.0  # in any coordinate; parameters come as logarithms or in units near one
ENOUGH = 1e-10  # gain in log-likelihood that is not worth another step
NOISE = 1e-6  # a gain below which rounding may hide that a step is uphill


class Maximum(NamedTuple):
    """Where the search ended; `converged` is false if it stopped for another reason than a flat top."""

    point: Floats
    value: float
    gradient: Floats
    hessian: Floats
    steps: int
    converged: bool


def maximise(evaluate: Callable[[Floats], Evaluation], start: Floats, most_steps: int = 200) -> Maximum:
    """Newton's method with Levenberg–Marquardt damping (Nocedal & Wright, Numerical Optimization, 2nd ed., ch. 3.4).

    The damping grows until the curvature is positive definite and the step goes uphill, so every accepted step
    improves the value; near the top it vanishes and convergence is quadratic.
    """
    point = np.asarray(start, np.float64)
    value, gradient, hessian = evaluate(point)
    damping = 0.0
    for steps in range(most_steps):
        scale = max(1e-12, float(np.abs(np.diag(hessian)).max()))
        accepted = False
        expected = math.inf
        while not accepted:
            move = _step(gradient, hessian, damping)
            if move is not None:
                expected = 0.5 * float(gradient @ move)
                if expected < ENOUGH and damping <= scale:
                    return Maximum(point, value, gradient, hessian, steps, True)
                move = move * min(1.0, LONGEST_STEP / float(np.abs(move).max()))
                trial = evaluate(point + move)
                if math.isfinite(trial[0]) and trial[0] > value:
                    point, (value, gradient, hessian) = point + move, trial
                    damping = damping / 10 if damping > 1e-9 * scale else 0.0
                    accepted = True
                    continue
            damping = max(10 * damping, 1e-4 * scale)
            if damping > 1e10 * scale:
                return Maximum(point, value, gradient, hessian, steps, expected < NOISE)
    return Maximum(point, value, gradient, hessian, most_steps, False)


def _step(gradient: Floats, hessian: Floats, damping: float) -> Floats | None:
    """The damped Newton step, or None where the damped curvature is not positive definite."""
    curvature = damping * np.eye(len(gradient)) - hessian
    try:
        root = np.linalg.cholesky(curvature)
    except np.linalg.LinAlgError:
        return None
    return np.asarray(np.linalg.solve(root.T, np.linalg.solve(root, gradient)), np.float64)


def covariance_of(information: Floats) -> Floats:
    """The inverse of an observed information; NaN throughout where it is not positive definite."""
    try:
        np.linalg.cholesky(information)
    except np.linalg.LinAlgError:
        return np.full_like(information, math.nan)
    return np.asarray(np.linalg.inv(information), np.float64)
