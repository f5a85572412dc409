"""Fitting an experiment's model, or ensemble of it, to chosen rows of its table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.models.ensembles import fit_bagged, fit_boosted, fit_stacked, fit_vote
from quotewright.models.fitting import Fitted, fit
from quotewright.models.weights import average_uniqueness
from quotewright.studies.experiment_spec import Spec
from quotewright.studies.experiment_table import Table

Integers = npt.NDArray[np.int64]


def fit_rows(spec: Spec, table: Table, rows: Integers, seed: int, params: Mapping[str, Any] | None = None) -> Fitted:
    """The model fitted to `rows`; `params` come on top of the experiment's. Raises as `models.fitting.fit` does."""
    model, ensemble = spec.model, spec.model.ensemble
    X, y, spans = table.X[rows], table.y[rows], table.spans(rows)
    weights = average_uniqueness(spans) if model.weights == "uniqueness" else None
    if ensemble is None:
        chosen = {**model.params, **(params or {})}
        return fit(
            model.name,
            X,
            y,
            seed,
            weights,
            chosen,
            model.calibrate or None,
            features=table.features,
            spans=spans,
        )
    if params:
        raise InputError("model.ensemble", ensemble.kind, "has no parameters to tune: tune its members alone")
    shared: dict[str, Any] = {"calibrate": model.calibrate or "none", "features": table.features, "spans": spans}
    if ensemble.kind == "bagged":
        return fit_bagged(model.name, X, y, seed, weights, number=ensemble.number, **shared)
    if ensemble.kind == "boosted":
        return fit_boosted(model.name, X, y, seed, weights, number=ensemble.number, **shared)
    together = [model.name, *ensemble.others]
    stacks = fit_stacked if ensemble.kind == "stacked" else fit_vote
    return stacks(together, X, y, seed, weights, **shared)
