"""What a check looks at: one series of a dataset, its rows in their own order."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from quotewright.datasets.dataset import Dataset
from quotewright.datasets.manifest import Finding, Manifest

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

BAR = ("open", "high", "low", "close")


class View(NamedTuple):
    """One series: `label` is its keys, `time` its times as they stand."""

    label: str
    time: Integers
    frame: pl.DataFrame
    manifest: Manifest

    def names(self, *types: str) -> list[str]:
        """The columns of these types, keys left out."""
        wanted = [column.name for column in self.manifest.columns if column.type in types]
        return [name for name in wanted if name not in self.manifest.keys]

    def floats(self, name: str) -> Floats:
        """A column as float64, NaN where it is empty."""
        return self.frame[name].cast(pl.Float64).fill_null(np.nan).to_numpy()

    def bars(self) -> list[dict[str, str]]:
        """Columns that belong to one bar, by their place: open, high, low, close, close_spot, oi_high, ...

        A close may be missing; a high without an open or a low is no bar.
        """
        named = set(self.names("float"))
        found: list[dict[str, str]] = []
        for high in sorted(name for name in named if "high" in name):
            bar = {place: high.replace("high", place) for place in BAR}
            present = {place: name for place, name in bar.items() if name in named}
            if {"open", "high", "low"} <= set(present):
                found.append(present)
        return found

    def finding(self, check: str, column: str, rows: Mask, detail: str) -> Finding:
        """A finding in these rows."""
        at = np.flatnonzero(rows)
        first = int(self.time[at[0]]) if len(at) else -1
        return Finding(check, column, self.label, len(at), first, detail)


def views(dataset: Dataset) -> list[View]:
    """Every series of the dataset, in order of first appearance."""
    keys = dataset.manifest.keys
    if not keys:
        return [View("", dataset.frame["time"].to_numpy(), dataset.frame, dataset.manifest)]
    groups = dataset.frame.group_by(keys, maintain_order=True)
    return [
        View(" ".join(map(str, label)), frame["time"].to_numpy(), frame, dataset.manifest) for label, frame in groups
    ]


def duration(ns: int) -> str:
    """A duration for people: the largest unit of which it is at least one."""
    for unit, size in (("d", 86_400 * 10**9), ("h", 3_600 * 10**9), ("min", 60 * 10**9), ("s", 10**9), ("ms", 10**6)):
        if abs(ns) >= size:
            return f"{ns / size:.6g} {unit}"
    return f"{ns} ns"
