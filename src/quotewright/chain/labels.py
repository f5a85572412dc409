"""Labelled addresses: a table of tags as addresses, each with a category and the owner that it must be held out with.

The table is GraphSense's TagPacks laid flat: address, label, category, actor, abuse and more (B. Haslhofer et al.,
2021, "GraphSense: a general-purpose cryptoasset analytics platform"). Everything but the address was written by whoever
tagged it, and tells the category outright or by way of its source: nothing else of a row is a feature.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.chain.addresses import kind_of
from quotewright.chain.unions import merge, roots, singletons
from quotewright.domain.errors import DataError, InputError

Integers = npt.NDArray[np.int64]

ABUSE = "abuse"
_TEXTS = ("address", "label", "category", "actor", "abuse")


class Labels(NamedTuple):
    """Addresses, each once, with its category (index into `categories`) and owner (a number without meaning).

    `stands_for` is how many labelled addresses of its owner and category each one of a draw represents. `left_out` says
    how many tags or addresses were not taken, and why.
    """

    addresses: tuple[str, ...]
    categories: tuple[str, ...]
    category: Integers
    owner: Integers
    stands_for: npt.NDArray[np.float64]
    left_out: dict[str, int]


def read_labels(path: Path, *, most: int, seed: int) -> Labels:
    """Labels of a Parquet table of tags, at most `most` addresses of each owner and category, drawn at random.

    The category is the table's; tags without one that name an abuse get the category `abuse`. Tags are of one owner if
    they share actor, label (whatever the case of its letters) or address, directly or through others. Left out: tags
    with neither category nor abuse, addresses with two categories, and drawn texts that are no address. Raises
    DataError for a table that has not the columns, InputError for `most` below 1.
    """
    if most < 1:
        raise InputError("most", most, "give at least one address an owner")
    import polars as pl

    try:
        table = pl.read_parquet(path, columns=list(_TEXTS)).cast(pl.String)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path.name}: {error}") from None
    abused = pl.when(pl.col("abuse").is_not_null()).then(pl.lit(ABUSE))
    told = table.with_columns(pl.coalesce("category", abused).alias("category"), pl.col("label").str.to_lowercase())
    told = told.filter(pl.col("category").is_not_null() & pl.col("address").is_not_null())
    codes = told.select(pl.col(*_TEXTS).rank("dense").cast(pl.Int64).fill_null(0) - 1)
    address, category = codes["address"].to_numpy(), codes["category"].to_numpy()
    owner = _linked([codes[name].to_numpy() for name in ("actor", "label", "address")])
    _, first = np.unique(address, return_index=True)
    one = _extreme(address, category, np.minimum) == _extreme(address, category, np.maximum)
    kept = first[one]
    rows, stands_for = _drawn(kept, owner[kept], category[kept], most, seed)
    texts = told["address"].gather(rows).to_list()
    valid = np.array([_is_address(text) for text in texts], np.bool_)
    left_out = {
        "tags with neither category nor abuse": len(table) - len(told),
        "addresses with two categories": len(first) - len(kept),
        "drawn texts that are no address": int((~valid).sum()),
    }
    return Labels(
        tuple(text for text, is_one in zip(texts, valid, strict=True) if is_one),
        tuple(told["category"].unique().sort().to_list()),
        category[rows][valid],
        owner[rows][valid],
        stands_for[valid],
        left_out,
    )


def _linked(keys: list[Integers]) -> Integers:
    """The set of each row, where rows that share a value of any key (−1: none) are of one set."""
    parents, sizes = singletons(len(keys[0]))
    for key in keys:
        order = np.argsort(key, kind="stable")
        alike = (key[order][1:] == key[order][:-1]) & (key[order][1:] >= 0)
        merge(parents, sizes, order[:-1][alike], order[1:][alike])
    return roots(parents)


def _extreme(address: Integers, category: Integers, ufunc: np.ufunc) -> Integers:
    """The lowest or highest category of each address, in order of addresses; they are numbered without gaps."""
    found = category[np.unique(address, return_index=True)[1]]
    ufunc.at(found, address, category)
    return found


def _drawn(
    rows: Integers, owner: Integers, category: Integers, most: int, seed: int
) -> tuple[Integers, npt.NDArray[np.float64]]:
    shuffled = np.random.default_rng(seed).permutation(len(rows))
    order = shuffled[np.lexsort((category[shuffled], owner[shuffled]))]
    unit = np.stack([owner[order], category[order]], axis=1)
    _, first, place, size = np.unique(unit, axis=0, return_index=True, return_inverse=True, return_counts=True)
    place = place.reshape(-1)
    drawn = np.arange(len(order)) - first[place] < most
    return rows[order[drawn]], (size / np.minimum(size, most))[place[drawn]]


def _is_address(text: str) -> bool:
    try:
        kind_of(text)
    except InputError:
        return False
    return True
