"""Which series acts on which, and how much later, among many at once: PCMCI through tigramite.

J. Runge, P. Nowack, M. Kretschmer, S. Flaxman & D. Sejdinovic (2019), "Detecting and quantifying causal associations in
large nonlinear time series datasets", Science Advances 5(11). Assumes that every common cause is among the series.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.causality.inputs import labels, library, table
from quotewright.domain.errors import InputError

FEWEST = 50  # rows


class Link(NamedTuple):
    """`cause` acts on `effect` `lag` rows later; `strength` is the momentary partial correlation, −1 … 1."""

    cause: str
    effect: str
    lag: int
    strength: float
    p_value: float  # corrected where that was asked for


def pcmci(
    values: npt.ArrayLike,
    names: Sequence[str],
    *,
    most: int = 5,
    alpha: float = 0.05,
    corrected: bool = True,
    pc_alpha: float = 0.2,
) -> tuple[Link, ...]:
    """Links of lag 1 … `most` among the columns of `values` [n, f] with p below `alpha`, the smallest p first.

    Linear (partial correlations); p-values are corrected over all pairs and lags by Benjamini & Hochberg (1995) unless
    `corrected` is False. A column's own past counts as a cause. `pc_alpha` decides which parents the first stage keeps.
    Raises InputError for fewer than two columns, too few rows or a constant column; MissingExtraError where tigramite
    is not installed.
    """
    x = table("values", values, fewest=FEWEST)
    known = labels(names, x.shape[1])
    if x.shape[1] < 2 or not 1 <= most < len(x) // 5:
        raise InputError("most", (x.shape, most), f"give two columns or more, and 1 to {len(x) // 5 - 1} lags")
    constant = [
        name
        for name, spread, size in zip(known, x.std(axis=0), np.abs(x).max(axis=0), strict=True)
        if spread <= 1e-12 * size
    ]
    if constant:
        raise InputError("values", constant, "must vary: leave constant columns out")
    scaled = (x - x.mean(axis=0)) / x.std(axis=0)
    frame = library("tigramite.data_processing").DataFrame(scaled, var_names=list(known))
    test = library("tigramite.independence_tests.parcorr").ParCorr(significance="analytic")
    search: Any = library("tigramite.pcmci").PCMCI(dataframe=frame, cond_ind_test=test, verbosity=0)
    found = search.run_pcmci(
        tau_min=1, tau_max=most, pc_alpha=pc_alpha, fdr_method="fdr_bh" if corrected else "none", alpha_level=alpha
    )
    links = [
        Link(known[i], known[j], lag, float(found["val_matrix"][i, j, lag]), float(found["p_matrix"][i, j, lag]))
        for i in range(len(known))
        for j in range(len(known))
        for lag in range(1, most + 1)
        if found["p_matrix"][i, j, lag] < alpha
    ]
    return tuple(sorted(links, key=lambda link: (link.p_value, -abs(link.strength))))
