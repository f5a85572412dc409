"""The features' step as kernels of an address: what the engine's loop calls if there are features."""

from __future__ import annotations

from typing import Any

from quotewright.domain.kernel import kernel
from quotewright.domain.tables import tables_at
from quotewright.features.state import new_features
from quotewright.features.step import after_update, before_row, lay_out

_features_at = tables_at(new_features([]))


@kernel
def _before_row(address: Any, _: Any, book: Any, row: Any) -> None:
    before_row(_features_at(address), book, row)


@kernel
def _after_update(address: Any, _: Any, book: Any, row: Any) -> None:
    after_update(_features_at(address), book, row)


@kernel
def _lay_out(address: Any, instrument: Any, _book: Any, _row: Any) -> None:
    lay_out(_features_at(address), instrument)


STEPS = (_before_row, _after_update, _lay_out)
"""In the order of `binding.BEFORE_ROW`, `AFTER_UPDATE` and `LAY_OUT`."""
