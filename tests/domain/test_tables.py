"""Tables: what kernels read and write through one pointer is what Python has in its arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from quotewright.domain.kernel import INTERPRETED, kernel, records, subkernel
from quotewright.domain.tables import Tables

CELL = np.dtype([("count", "i8"), ("share", "f8"), ("parts", "i8", (3,))], align=True)


class Pair(Tables):
    cells: Any
    numbers: Any
    whole: Any


class OtherPair(Tables):
    whole: Any
    cells: Any
    numbers: Any


def pair(kind: type[Tables] = Pair, cells: int = 4) -> Any:
    return kind(cells=records(cells, CELL), numbers=np.arange(6.0), whole=np.arange(3))


@subkernel
def _touch(tables: Any, index: int) -> None:
    cell = tables.cells[index]
    cell.count += len(tables.cells)
    cell.share = tables.numbers[index]
    cell.parts[1] = tables.whole[2]
    tables.whole[0] += 1


@kernel
def _work(tables: Any) -> float:
    _touch(tables, 1)
    _touch(tables, 3)
    part = tables.numbers[2:5]
    part[0] = 10.0
    return part.sum() + tables.numbers[2]


@pytest.mark.parametrize("kind", [Pair, OtherPair])
def test_kernels_work_in_place(kind: type[Tables]) -> None:
    tables = pair(kind)
    assert _work(tables) == 10.0 + 3.0 + 4.0 + 10.0
    assert tables.cells["count"].tolist() == [0, 4, 0, 4]
    assert tables.cells["share"].tolist() == [0.0, 1.0, 0.0, 3.0]
    assert tables.cells["parts"][3].tolist() == [0, 2, 0]
    assert tables.whole.tolist() == [2, 1, 2]


def test_a_replaced_table_is_the_one_that_is_used() -> None:
    tables = pair()
    _work(tables)
    tables.replace("cells", records(9, CELL))
    _work(tables)
    assert tables.cells["count"][3] == 9


def test_two_of_a_kind_are_apart() -> None:
    one, other = pair(), pair()
    _work(one)
    assert other.whole.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "given", [{}, {"cells": 1, "numbers": 2}, {"cells": 1, "numbers": 2, "whole": 3, "more": 4}], ids=len
)
def test_missing_and_unknown_tables_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="takes exactly cells, numbers, whole"):
        Pair(**given)


@pytest.mark.skipif(INTERPRETED, reason="interpreted code takes any array")
@pytest.mark.parametrize("array", [np.zeros((2, 2)), np.zeros(8)[::2]], ids=["two-dimensional", "strided"])
def test_an_array_that_has_gaps_is_refused(array: Any) -> None:
    with pytest.raises(TypeError, match="one-dimensional and contiguous"):
        Pair(cells=records(1, CELL), numbers=array, whole=np.arange(3))


def test_a_table_is_not_assigned_by_accident() -> None:
    with pytest.raises(AttributeError, match="replace"):
        pair().cells = records(1, CELL)
