"""Combinatorial purged cross-validation: many paths through one history, each tested wholly out of sample.

M. López de Prado, "Advances in Financial Machine Learning" (Wiley, 2018), sections 12.3 and 12.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import comb
from typing import NamedTuple

import numpy as np

from quotewright.domain.errors import InputError
from quotewright.validation.labels import Floats, Integers
from quotewright.validation.splits import Fold, split

MOST_FOLDS = 10_000


class Combinatorial(NamedTuple):
    """The folds, and which of them tests each row on each path."""

    folds: list[Fold]
    paths: Integers  # [paths, rows]: index of a fold

    def reassemble(self, predictions: Sequence[Floats]) -> Floats:
        """Whole paths [paths, rows] from what each fold's model gave for its test rows, in the order of the folds."""
        if len(predictions) != len(self.folds):
            raise InputError("predictions", len(predictions), f"give those of all {len(self.folds)} folds")
        whole = np.full((len(self.folds), self.paths.shape[1]), np.nan)
        for k, (fold, given) in enumerate(zip(self.folds, predictions, strict=True)):
            if given.shape != fold.test.shape:
                raise InputError("predictions", given.shape, f"fold {k} tests {len(fold.test)} rows")
            whole[k, fold.test] = given
        return np.take_along_axis(whole, self.paths, axis=0)


def combinatorial(starts: Integers, ends: Integers, *, groups: int, tested: int = 2, embargo: int = 0) -> Combinatorial:
    """Every choice of `tested` of the `groups` blocks of neighbouring rows as a test set: C(N, k) folds.

    They make k/N·C(N, k) = C(N − 1, k − 1) paths (section 12.3); on path p a block is tested by the p-th fold that has
    it. The embargo (ns) follows every label that is tested. Raises InputError for other numbers.
    """
    if not 1 <= tested < groups <= len(starts):
        raise InputError("groups, tested", (groups, tested), f"give 1 ≤ tested < groups ≤ {len(starts)}")
    if comb(groups, tested) > MOST_FOLDS:
        raise InputError("groups", groups, f"makes {comb(groups, tested)} folds: at most {MOST_FOLDS}")
    blocks = np.array_split(np.arange(len(starts), dtype=np.int64), groups)
    choices = list(combinations(range(groups), tested))
    folds = [split(starts, ends, np.concatenate([blocks[g] for g in choice]), embargo=embargo) for choice in choices]
    paths = np.empty((comb(groups - 1, tested - 1), len(starts)), np.int64)
    for g, block in enumerate(blocks):
        having = [k for k, choice in enumerate(choices) if g in choice]
        paths[:, block] = np.array(having, np.int64)[:, None]
    return Combinatorial(folds, paths)
