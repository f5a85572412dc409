"""When a feature has stopped telling: rank correlation with what came, block by block, and a rule that ends its use."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.selection.dependence import long_run_variance
from quotewright.selection.inputs import NORMAL_975, Floats, matrix, named, ranks, spells, training_rows, vector

FEWEST = 8  # rows in a block


class RankIC(NamedTuple):
    """Spearman's ρ of feature and label with its 95 % interval; `effective`: as many independent rows know as much."""

    value: float
    low: float
    high: float
    effective: float


class BlockIC(NamedTuple):
    """What a feature told in one block of rows: `told` is its IC in the direction that training gave it."""

    first: int  # row
    last: int
    known: int  # ns: when the block's last label was known
    told: RankIC


class Decay(NamedTuple):
    """A feature's course. `pruned` is the place in `blocks` after which it is no longer used, None while it lives.

    `since` is the time, ns, at which that was known; -1 while it lives.
    """

    name: str
    training: RankIC
    blocks: tuple[BlockIC, ...]
    pruned: int | None
    since: int
    reason: str


def rank_ic(x: npt.ArrayLike, y: npt.ArrayLike) -> RankIC:
    """Spearman's ρ of x and y [n], n ≥ 8, and its interval for rows that depend in time.

    On Fisher's scale the variance is 1.06/(n′ − 3): E. C. Fieller, H. O. Hartley & E. S. Pearson (1957), Biometrika
    44; n′ = n × variance over long-run variance of the products of standardised ranks, whose mean ρ is. Where either
    does not vary nothing is told: 0, and any value is possible.
    """
    a, b = vector("x", x, fewest=FEWEST), vector("y", y)
    vector("y", b, length=len(a))
    if a.min() == a.max() or b.min() == b.max():
        return RankIC(0.0, -1.0, 1.0, 1.0)
    products = _standard(ranks(a)) * _standard(ranks(b))
    n, spread, long = len(a), float(products.var()), long_run_variance(products)
    effective = min(max(n * spread / long, 4.0), float(n)) if long > 0 else float(n)
    value = min(max(float(products.mean()), -1.0), 1.0)
    middle = math.atanh(min(max(value, -1 + 1e-15), 1 - 1e-15))
    half = NORMAL_975 * math.sqrt(1.06 / (effective - 3))
    return RankIC(value, math.tanh(middle - half), math.tanh(middle + half), effective)


def decays(
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    names: Sequence[str],
    times: npt.ArrayLike,
    ends: npt.ArrayLike,
    train: npt.ArrayLike,
    *,
    rows: int = 90,
    bound: float = 0.0,
    patience: int = 3,
) -> tuple[Decay, ...]:
    """The course of each column of X [n, f] over blocks of `rows` rows that begin when all training labels are known.

    A feature is pruned after the first `patience` blocks in a row whose IC, in training's direction, is below `bound`.
    The decision of a block uses rows up to its end and is taken when their labels are known, `times` and `ends` in
    int64 ns; nothing later changes it, and a last block that is not full decides nothing. A feature that does not vary
    in a block tells 0, which is below any positive bound. Raises InputError for times out of order or bad values.
    """
    x = matrix("X", X)
    label = vector("y", y, length=len(x))
    known = named(names, x.shape[1])
    begun, end = spells(times, ends, len(x))
    mask = training_rows(train, len(x), fewest=FEWEST)
    if rows < FEWEST or patience < 1 or not -1 <= bound <= 1:
        raise InputError("rows, patience, bound", (rows, patience, bound), f"give ≥ {FEWEST}, ≥ 1, and −1 to 1")
    first = int((begun <= int(end[mask].max())).sum())
    starts = range(first, len(x) - rows + 1, rows)
    found: list[Decay] = []
    for k, name in enumerate(known):
        training = rank_ic(x[mask, k], label[mask])
        sign = -1.0 if training.value < 0 else 1.0
        signed = sign * x[:, k]
        blocks: list[BlockIC] = []
        for a in starts:
            b = a + rows
            blocks.append(BlockIC(a, b - 1, int(end[a:b].max()), rank_ic(signed[a:b], label[a:b])))
        found.append(_judged(name, training, tuple(blocks), bound, patience))
    return tuple(found)


def _judged(name: str, training: RankIC, blocks: tuple[BlockIC, ...], bound: float, patience: int) -> Decay:
    below = 0
    for place, block in enumerate(blocks):
        below = below + 1 if block.told.value < bound else 0
        if below == patience:
            told = ", ".join(f"{each.told.value:+.3f}" for each in blocks[place + 1 - patience : place + 1])
            reason = f"pruned: told less than {bound:+.3f} in {patience} blocks in a row ({told})"
            return Decay(name, training, blocks, place, max(each.known for each in blocks[: place + 1]), reason)
    if not blocks:
        return Decay(name, training, blocks, None, -1, "no full block after training")
    last = blocks[-1].told
    return Decay(
        name, training, blocks, None, -1, f"lives: last told {last.value:+.3f} ({last.low:+.3f} to {last.high:+.3f})"
    )


def _standard(values: Floats) -> Floats:
    return (values - values.mean()) / values.std()
