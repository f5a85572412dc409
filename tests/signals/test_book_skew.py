"""Book skew against its definition, in one piece and book by book."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.errors import InputError
from quotewright.signals.book_skew import book_skew, book_skew_state
from quotewright.signals.imbalance import queue_imbalance

SIDE = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 50)), min_size=3, max_size=3)
BOOKS = st.lists(
    st.tuples(st.integers(0, 900), st.integers(90, 110), st.integers(1, 5), SIDE, SIDE, st.integers(0, 3)),
    min_size=1,
    max_size=25,
)


def arrays(books: list) -> tuple[np.ndarray, ...]:
    """Times and three levels a side, of which a book's last number says how many bids there are."""
    times, rows = np.cumsum([b[0] for b in books]) + 10**18, []
    for _, bid, wide, below, above, there in books:
        bids = [bid, bid - below[1][0], bid - below[1][0] - below[2][0]]
        asks = [bid + wide, bid + wide + above[1][0], bid + wide + above[1][0] + above[2][0]]
        kept = [i < there for i in range(3)]
        rows.append(
            (
                [p * k for p, k in zip(bids, kept, strict=True)],
                [q * k for (_, q), k in zip(below, kept, strict=True)],
                asks,
                [q for _, q in above],
            )
        )
    return (times, *(np.array([row[k] for row in rows], np.int64) for k in range(4)))


def definition(half: float, bids: np.ndarray, bid_qtys: np.ndarray, asks: np.ndarray, ask_qtys: np.ndarray) -> float:
    if not (bids[0] and asks[0]):
        return 0.0
    mid = (bids[0] + asks[0]) / 2
    below = sum(q * 2 ** (-(mid - p) / half) for p, q in zip(bids, bid_qtys, strict=True) if p)
    above = sum(q * 2 ** (-(p - mid) / half) for p, q in zip(asks, ask_qtys, strict=True) if p)
    return (below - above) / (below + above)


@given(BOOKS, st.sampled_from([0.5, 3.0, math.inf]), st.integers(1, 3_000))
@settings(max_examples=80, deadline=None)
def test_skew_is_its_definition_in_one_piece_and_book_by_book(books: list, half: float, life: int) -> None:
    times, *levels = arrays(books)
    whole = book_skew(book_skew_state(), times, *levels, half, life)
    state = book_skew_state()
    average = weight = 0.0
    for i in range(len(books)):
        here = definition(half, *(a[i] for a in levels))
        if i > 0 and levels[0][i - 1, 0] > 0:
            kept = 0.5 ** ((times[i] - times[i - 1]) / life)
            average = kept * average + (1 - kept) * whole[i - 1, 0]
            weight = kept * weight + 1 - kept
        assert whole[i, 0] == pytest.approx(here, abs=1e-12)
        assert whole[i, 1] == pytest.approx(average / weight if weight > 0 else here, abs=1e-9)
        one = book_skew(state, times[i : i + 1], *(a[i : i + 1] for a in levels), half, life)
        assert one[0].tolist() == whole[i].tolist()
    assert (np.abs(whole) <= 1).all()


@given(BOOKS)
@settings(max_examples=40, deadline=None)
def test_a_mirrored_book_leans_the_other_way_and_one_level_is_the_queue_imbalance(books: list) -> None:
    times, bids, bid_qtys, asks, ask_qtys = arrays([(*b[:5], 3) for b in books])
    there = book_skew(book_skew_state(), times, bids, bid_qtys, asks, ask_qtys, 2.0, 500)
    mirrored = book_skew(book_skew_state(), times, 1_000 - asks, ask_qtys, 1_000 - bids, bid_qtys, 2.0, 500)
    assert there == pytest.approx(-mirrored, abs=1e-12)
    touch = book_skew(book_skew_state(), times, *(a[:, :1] for a in (bids, bid_qtys, asks, ask_qtys)), 2.0, 500)
    assert touch[:, 0] == pytest.approx(queue_imbalance(bid_qtys[:, 0], ask_qtys[:, 0]), abs=1e-12)


def test_near_lots_outweigh_far_ones() -> None:
    levels = [np.array([row]) for row in ([99, 95], [10, 0], [101, 105], [0, 30])]
    skews = [book_skew(book_skew_state(), np.array([1]), *levels, half, 1)[0, 0] for half in (1.0, 3.0, math.inf)]
    assert skews[0] > 0 > skews[2]
    assert skews == sorted(skews, reverse=True)


def test_what_cannot_be_is_refused() -> None:
    one = np.ones((2, 1), np.int64)
    for times, half, life in (
        ([1], 1.0, 1),
        ([2, 1], 1.0, 1),
        ([1, 2], 0.0, 1),
        ([1, 2], 1.0, 0),
        ([1, 2], math.nan, 1),
    ):
        with pytest.raises(InputError):
            book_skew(book_skew_state(), np.array(times), one, one, one, one, half, life)


PROGRAM = """
import numpy as np
from quotewright.signals.book_skew import book_skew, book_skew_state
rng = np.random.default_rng(1)
bids = 1_000 - np.cumsum(rng.integers(1, 4, (200, 4)), axis=1)
asks = 1_000 + np.cumsum(rng.integers(1, 4, (200, 4)), axis=1)
qtys = rng.integers(1, 30, (2, 200, 4))
skew = book_skew(book_skew_state(), np.cumsum(rng.integers(0, 9, 200)), bids, qtys[0], asks, qtys[1], 2.5, 20)
text = " ".join(float(v).hex() for v in skew.ravel())
"""


def test_compiled_and_interpreted_agree_to_the_last_bit() -> None:
    names: dict[str, str] = {}
    exec(PROGRAM, names)
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    command = [sys.executable, "-c", PROGRAM + "\nprint(text)"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == names["text"]
