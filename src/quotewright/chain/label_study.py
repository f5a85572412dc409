"""How far an address alone tells what kind of owner it has: the labelled addresses, scored by owners held out."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from quotewright.chain.address_features import text_features
from quotewright.chain.classify import Classified, classify
from quotewright.chain.labels import read_labels


class LabelStudy(NamedTuple):
    """The categories scored, the result, and what of the table was left out and why."""

    categories: tuple[str, ...]
    classified: Classified
    left_out: dict[str, int]


def study_labels(
    path: Path, *, seed: int, balanced: bool = True, most: int = 200, folds: int = 5, trees: int = 100
) -> LabelStudy:
    """Classify the labelled addresses of a table by the kind of their address alone, by owners held out.

    Categories with fewer owners than `folds` cannot be held out and are left out. No transaction is known of these
    addresses, so a score near the baseline is what honesty gives: the kind of an address says when and with which
    software it was made more than what for. Raises as `read_labels` and `classify` do.
    """
    labels = read_labels(path, most=most, seed=seed)
    owners = [len(np.unique(labels.owner[labels.category == k])) for k in range(len(labels.categories))]
    kept = [k for k, count in enumerate(owners) if count >= folds]
    rows = np.flatnonzero(np.isin(labels.category, kept))
    features = text_features([labels.addresses[row] for row in rows])
    found = classify(
        features,
        np.searchsorted(kept, labels.category[rows]),
        labels.owner[rows],
        seed=seed,
        balanced=balanced,
        addresses=labels.stands_for[rows],
        folds=folds,
        trees=trees,
    )
    few = {
        f"addresses of {labels.categories[k]}, of {count} owners": round(labels.stands_for[labels.category == k].sum())
        for k, count in enumerate(owners)
        if count < folds
    }
    return LabelStudy(tuple(labels.categories[k] for k in kept), found, labels.left_out | few)
