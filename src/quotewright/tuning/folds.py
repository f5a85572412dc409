"""The inner splits that a search is judged on: stretches of the training part, and nothing beyond it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError

Integers = npt.NDArray[np.int64]


class Folds(Protocol):
    """Folds in the order in which trials go through them; `facts` are plain data that identify them."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Any]: ...

    def facts(self) -> dict[str, Any]:
        """What a study writes down of its folds."""
        ...


class Fold(NamedTuple):
    """One split of the training part: fit on the rows `train`, judge on the rows `test`; both read-only."""

    number: int
    train: Integers
    test: Integers


class InnerFolds:
    """Splits of the training rows of a dataset, such as those of a purged cross-validation made on them.

    `training` are the rows [n] of the training part; each of `splits` is a pair (train, test) of row numbers. Raises
    InputError if a split has a row that is not of the training part, a row on both sides, or an empty side: what is not
    training (the backtest, the forward part) cannot reach an objective through these folds.
    """

    def __init__(self, training: Integers, splits: Sequence[tuple[Integers, Integers]]) -> None:
        rows = _rows("training", training)
        if not len(splits):
            raise InputError("splits", 0, "give at least one split")
        found: list[Fold] = []
        for number, (train, test) in enumerate(splits):
            sides = _rows(f"fold {number} train", train), _rows(f"fold {number} test", test)
            for name, side in zip(("train", "test"), sides, strict=True):
                outside = side[~np.isin(side, rows)]
                if len(outside):
                    raise InputError(f"fold {number} {name}", int(outside[0]), "is not a row of the training part")
            both = np.intersect1d(*sides)
            if len(both):
                raise InputError(f"fold {number}", int(both[0]), "is a row of both train and test")
            found.append(Fold(number, *sides))
        self._folds = found
        self._training = rows

    def __len__(self) -> int:
        return len(self._folds)

    def __iter__(self) -> Iterator[Fold]:
        return iter(self._folds)

    def facts(self) -> dict[str, Any]:
        """Number of folds and training rows, and a SHA-256 over all rows."""
        digest = hashlib.sha256(self._training.tobytes())
        for fold in self._folds:
            for side in (fold.train, fold.test):
                digest.update(len(side).to_bytes(8, "little") + side.tobytes())
        return {"folds": len(self._folds), "rows": len(self._training), "sha256": digest.hexdigest()}


def _rows(name: str, given: Integers) -> Integers:
    """Row numbers as a read-only copy, in order; refuses what are none."""
    rows = np.asarray(given)
    if rows.ndim != 1 or not len(rows) or not np.issubdtype(rows.dtype, np.integer):
        raise InputError(name, rows.dtype.name, "must be a list of at least one row number")
    ordered = np.unique(rows.astype("<i8"))
    if len(ordered) < len(rows) or ordered[0] < 0:
        raise InputError(name, int(rows.min()), "must have each row once, from 0")
    ordered.setflags(write=False)
    return ordered
