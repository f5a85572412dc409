"""Events out of the store as one CSV or Parquet file, with exact decimals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from quotewright.domain.errors import InputError
from quotewright.domain.events import Kind
from quotewright.storage.schema import COLUMNS
from quotewright.storage.store import Dataset


def export_events(dataset: Dataset, path: Path, progress: Callable[[int, int], None] | None = None) -> int:
    """Write all events in feed order; returns the number of rows. Raises InputError for an unknown ending.

    `price` and `qty` are decimal strings in the instrument's units; a FUNDING row's `qty` stays its rate in 1e-8.
    """
    if path.suffix not in (".csv", ".parquet"):
        raise InputError("out", str(path), "must end in .csv or .parquet")
    instrument = dataset.instrument
    frames: list[Any] = []
    rows = 0
    kinds = {kind.value: kind.name for kind in Kind}
    first = True
    for events in dataset.chunks():
        columns = {name: events[name] for name in COLUMNS}
        frame = pl.DataFrame(columns).with_columns(
            pl.col("kind").cast(pl.Int64).replace_strict(kinds, return_dtype=pl.String),
            pl.Series("price", [instrument.price_step.format(v) for v in events["price"].tolist()]),
            pl.Series("qty", [instrument.qty_step.format(v) for v in events["qty"].tolist()]),
        )
        rows += len(events)
        if path.suffix == ".csv":
            with path.open("wb" if first else "ab") as file:
                frame.write_csv(file, include_header=first)
        else:
            frames.append(frame)
        first = False
        if progress is not None:
            progress(rows, dataset.rows)
    if path.suffix == ".parquet":
        pl.concat(frames).write_parquet(path, compression="zstd")
    return rows
