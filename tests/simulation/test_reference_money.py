"""Money, and what home knows, worked by hand from docs/reference/replay-venue.md.

Each case runs through the reference matcher and the compiled venue, so that neither is right by agreement alone.
Unless a case says otherwise there are one agent and one instrument, "linear": tick 0.1, lot 0.001, so that one lot at
1000 ticks is worth 0.1.
"""

from __future__ import annotations

from collections.abc import Callable

from recording_builder import (
    funding,
    gap,
    ledger,
    level,
    place,
    snapshot,
    trade,
)
from reference_records import Result

from quotewright.domain.events import ASK, BID
from quotewright.domain.journal import FEE_IN_BASE, FILL_TAKER, Record

Run = Callable[..., Result]


BOOK = snapshot(10, {999: 5, 998: 7, 995: 9}, {1001: 4, 1002: 6, 1005: 8})


# ---- money


def test_linear_cash_and_fees(run: Run) -> None:
    # Money unit: 1e-8, for half a tick of one lot is 0.00005. Buy 3 lots at 1001 as taker: 0.003 · 100.1 = 0.3003, fee
    # 0.0005 · 0.3003 = 0.00015015, cash −0.30045015. Sell 2 at 1000 as maker: + 0.2, rebate 0.00005 · 0.2 = 0.00001.
    result = run(BOOK, place(20, 1, BID, 1001, 3), place(21, 2, ASK, 1000, 2), trade(30, BID, 1000, 2))
    buy, sell = (entry for entry in result.entries if entry.kind == Record.FILL)
    assert (buy.cash, buy.position, buy.fee, buy.flags) == (-30_045_015, 3, 15_015, FILL_TAKER)
    assert (sell.cash, sell.position, sell.fee, sell.flags) == (-30_045_015 + 20_000_000 + 1000, 1, -1000, 0)


def test_fees_round_against_us_and_rebates_down(run: Run) -> None:
    # "rebate": tick 0.05, lot 0.00001, a position atom is 1e-8. Money unit: half a tick of an atom, 0.025 · 1e-8 =
    # 2.5e-10, so that 1e-8 is 40 units. Sell 1 lot at 1003 as maker at −0.00015: worth 0.0005015 = 2,006,000 units;
    # the rebate 0.000000075225 is 7e-8, rounded down in size.
    book = snapshot(10, {999: 5}, {1004: 4})
    result = run(book, place(20, 1, ASK, 1003, 1), trade(30, BID, 1003, 1), instrument="rebate")
    (fill,) = (entry for entry in result.entries if entry.kind == Record.FILL)
    assert (fill.fee, fill.cash, fill.position) == (-7 * 40, 2_006_000 + 280, -1000)
    # As taker 0.0004: a sale at 999 is worth 0.0004995, the fee 0.0000001998 → 20e-8 = 800 units.
    result = run(book, place(20, 1, ASK, 999, 1), instrument="rebate")
    assert ledger(result) == (1_998_000 - 800, -1000)


def test_fee_in_the_asset_received(run: Run) -> None:
    # "received": lot 0.001 = 100,000 atoms. Buy 3 lots as taker at 0.0010001: 300,000 · 0.0010001 = 300.03 → 301 atoms.
    # Cash is q·p alone: 0.003 · 10.01 = 0.03003.
    # Money unit: half a tick of an atom = 0.005 · 1e-8 = 5e-11; 0.03003 = 600,600,000 units.
    result = run(BOOK, place(20, 1, BID, 1001, 3), instrument="received")
    (fill,) = (entry for entry in result.entries if entry.kind == Record.FILL)
    assert (fill.fee, fill.cash, fill.position) == (301, -600_600_000, 299_699)
    assert fill.flags == FILL_TAKER | FEE_IN_BASE


def test_rebate_in_the_asset_received(run: Run) -> None:
    # "rebate": buy 1 lot (1000 atoms) as maker at −0.00015: ceil(−0.15) = 0 atoms; 7 lots: ceil(−1.05) = −1.
    book = snapshot(10, {990: 5}, {1001: 4})
    steps = (book, place(20, 1, BID, 1000, 8), trade(30, ASK, 1000, 1), trade(31, ASK, 1000, 7))
    result = run(*steps, instrument="rebate")
    assert [entry.fee for entry in result.entries if entry.kind == Record.FILL] == [0, -1]
    assert ledger(result)[1] == 8001


def test_inverse_value_rounds_half_up(run: Run) -> None:
    # "inverse": 100 per contract, tick 0.1. One contract at 1001 ticks = 100 / 100.1 = 0.999000999… → 0.99900100.
    # Taker 0.0005 of that: 0.0004995005 → 0.00049951. Buy: + value − fee = 99,900,100 − 49,951.
    result = run(BOOK, place(20, 1, BID, 1001, 1), instrument="inverse")
    assert ledger(result) == (99_900_100 - 49_951, 1)
    # Sell 2 at 999: 200 / 99.9 = 2.002002002… → 200,200,200; fee 100,100.1 → 100,101.
    result = run(BOOK, place(20, 1, ASK, 999, 2), instrument="inverse")
    assert ledger(result) == (-200_200_200 - 100_101, -2)
    # Half a unit goes up: 100 / 409.6 = 0.244140625, that is 24,414,062.5 → 24,414,063; maker fee 2,441.4063 → 2,442.
    book = snapshot(10, {4095: 5}, {4097: 4})
    result = run(book, place(20, 1, BID, 4096, 1), trade(30, ASK, 4096, 1), instrument="inverse")
    assert ledger(result) == (24_414_063 - 2_442, 1)


def test_funding_of_a_linear_contract(run: Run) -> None:
    # Long 3 lots at mark 1000: value 0.3; rate 10,000e-8: 0.00003 = 3000 units paid; at −7,321e-8 received
    # ceil(−0.3 · 0.00007321 / 1e-8) = ceil(−2196.3) = −2196.
    steps = (BOOK, place(20, 1, BID, 1001, 3))
    cash, position = ledger(run(*steps))
    assert ledger(run(*steps, funding(30, 1000, 10_000))) == (cash - 3000, position)
    assert ledger(run(*steps, funding(30, 1000, -7_321))) == (cash + 2196, position)
    flat = run(BOOK, funding(30, 1000, 10_000))
    assert not [entry for entry in flat.entries if entry.kind == Record.FUNDING]


def test_funding_of_a_short_inverse_contract(run: Run) -> None:
    # Short 2 at mark 1000: −2.0 coin; rate 10,000e-8: receives 0.0002 = 20,000 units.
    steps = (BOOK, place(20, 1, ASK, 999, 2))
    cash, _ = ledger(run(*steps, instrument="inverse"))
    result = run(*steps, funding(30, 1000, 10_000), instrument="inverse")
    assert ledger(result) == (cash + 20_000, -2)


# ---- home


def test_fill_is_booked_when_it_arrives_with_the_mid_of_home(run: Run) -> None:
    # Home hears of the snapshot at 40. The fill of 20 arrives at 25, before any book is known here: mid 0.
    late = snapshot(10, {999: 5}, {1001: 4}, local=40)
    result = run(late, place(20, 1, BID, 1001, 2), response_latency=5)
    (fill,) = (entry for entry in result.entries if entry.kind == Record.FILL)
    assert (fill.ts, fill.exch_ts, fill.mid2) == (25, 20, 0)
    # With 20 ns of latency both arrive at 40: the market at home comes first. 999 + 1001 half ticks.
    result = run(late, place(20, 1, BID, 1001, 2), response_latency=20)
    (fill,) = (entry for entry in result.entries if entry.kind == Record.FILL)
    assert (fill.ts, fill.mid2) == (40, 2000)


def test_mid_is_the_last_usable_one(run: Run) -> None:
    # The ask falls to 999 under a bid of 999: crossed. The fill of that moment carries the mid before.
    result = run(BOOK, place(20, 1, BID, 1000, 2), level(30, ASK, 999, 3))
    (fill,) = (entry for entry in result.entries if entry.kind == Record.FILL)
    assert (fill.ts, fill.mid2) == (30, 2000)


def test_book_validity_is_journaled_at_home(run: Run) -> None:
    result = run(BOOK, gap(20), gap(21), snapshot(30, {999: 5}, {1001: 4}))
    told = [(entry.kind, entry.ts) for entry in result.entries]
    assert told == [(Record.BOOK_VALID, 10), (Record.BOOK_INVALID, 20), (Record.BOOK_VALID, 30)]
