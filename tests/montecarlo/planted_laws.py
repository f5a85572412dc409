"""Planted parameters and their errors: standardised errors over repetitions, and what they should look like."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from quotewright.montecarlo.estimates import Estimate

Fitted = Mapping[str, Estimate]


def standardised(fit: Callable[[int], Fitted], truth: Mapping[str, float], repetitions: int) -> dict[str, np.ndarray]:
    """(estimate − truth)/stated error of each parameter, for `fit` of seeds 0, 1, …"""
    found: dict[str, list[float]] = {name: [] for name in truth}
    for seed in range(repetitions):
        estimates = fit(seed)
        for name, value in truth.items():
            found[name].append((estimates[name].value - value) / estimates[name].error)
    return {name: np.array(values) for name, values in found.items()}


def hold_to_their_errors(errors: Mapping[str, np.ndarray]) -> None:
    """Mean 0 and deviation 1 within what so many repetitions allow (about four of their own errors), 10 % for bias."""
    for name, z in errors.items():
        assert np.isfinite(z).all(), name
        number = len(z)
        assert abs(z.mean()) < 4 / np.sqrt(number) + 0.1, (name, z.mean())
        assert abs(z.std() - 1) < 4 * np.sqrt(0.75 / number) + 0.1, (name, z.std())
