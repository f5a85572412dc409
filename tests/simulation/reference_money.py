"""Money and booking at home as docs/reference/replay-venue.md describes them, in exact fractions.

Amounts are fractions of the settle asset, computed from the instrument's decimal strings, and become
money units only when they are written down.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from reference_market import Market
from reference_records import Entry, Row, Update

from quotewright.domain import events as ev
from quotewright.domain import journal as jn
from quotewright.domain.events import ASK, BID
from quotewright.domain.instrument import Instrument
from quotewright.domain.journal import Record

ATOM = Fraction(1, 10**8)


class Money:
    """Values and fees of one instrument, exact, from its decimal strings."""

    def __init__(self, instrument: Instrument) -> None:
        self.kind = instrument.kind
        self.tick = Fraction(instrument.tick)
        self.lot = Fraction(instrument.lot)
        self.contract = Fraction(instrument.contract_size)
        self.rates = {0: Fraction(instrument.maker_rate), jn.FILL_TAKER: Fraction(instrument.taker_rate)}
        self.fee_in_received = instrument.fee_asset == "received"
        whole_atoms = (self.lot / ATOM).denominator == 1
        self.atoms_per_lot = int(self.lot / ATOM) if self.kind == "spot" and whole_atoms else 1
        self.unit = ATOM
        if self.kind != "inverse":
            half_tick = self.tick / 2 * self.contract * self.lot / self.atoms_per_lot
            self.unit = fraction_gcd(ATOM, half_tick)

    def value(self, lots: Fraction, price: int) -> Fraction:
        """Value in the settle asset of a positive quantity in lots at a price in ticks."""
        if self.kind == "inverse":
            exact = lots * self.lot * self.contract / (price * self.tick)
            return math.floor(exact / ATOM + Fraction(1, 2)) * ATOM
        return lots * self.lot * self.contract * price * self.tick

    def units(self, amount: Fraction) -> int:
        whole = amount / self.unit
        assert whole.denominator == 1
        return whole.numerator


def fraction_gcd(a: Fraction, b: Fraction) -> Fraction:
    """The largest fraction of which both are whole multiples."""
    return Fraction(math.gcd(a.numerator * b.denominator, b.numerator * a.denominator), a.denominator * b.denominator)


class Home:
    """Our side: books the responses, with the market as it is known here."""

    def __init__(self, markets: list[Market], instruments: Sequence[Instrument], agents: int) -> None:
        self.markets = markets
        self.money = [money_of(instrument) for instrument in instruments]
        self.mid2 = [0] * len(instruments)
        self.agents = agents
        self.cash: dict[tuple[int, int], Fraction] = {}
        self.position: dict[tuple[int, int], int] = {}  # position atoms
        self.journal: list[Entry] = []

    def on_update(self, update: Update) -> None:
        i = update.instrument
        market = self.markets[i]
        was_valid = market.valid
        for row in update.rows:
            market.apply_row(row)
        market.finish(update.rows)
        if market.usable:
            self.mid2[i] = market.touch[BID][0] + market.touch[ASK][0]
        if market.valid != was_valid:
            kind = Record.BOOK_VALID if market.valid else Record.BOOK_INVALID
            self.journal.append(Entry(kind, update.local_ts, update.exch_ts, -1, i))
        for row in update.rows:
            if row.kind == ev.FUNDING:
                self.pay_funding(update, row)

    def pay_funding(self, update: Update, row: Row) -> None:
        i, rate = update.instrument, Fraction(row.qty, 10**8)
        money = self.money[i]
        for agent in range(self.agents):
            position = self.position.get((agent, i), 0)
            if position == 0:
                continue
            sign = 1 if position > 0 else -1
            value = money.value(Fraction(abs(position), money.atoms_per_lot), row.price)
            paid = math.ceil(sign * value * rate / ATOM) * ATOM
            self.cash[agent, i] = self.cash.get((agent, i), Fraction(0)) - paid
            self.journal.append(
                Entry(Record.FUNDING, update.local_ts, 0, agent, i, price=row.price, qty=row.qty, mid2=self.mid2[i],
                      fee=money.units(paid), cash=money.units(self.cash[agent, i]), position=position)
            )  # fmt: skip

    def on_response(self, response: Entry, now: int) -> None:
        if response.kind == Record.FILL:
            response = self.book_fill(response)
        self.journal.append(response._replace(ts=now))

    def book_fill(self, fill: Entry) -> Entry:
        key = (fill.agent, fill.instrument)
        money = self.money[fill.instrument]
        value = money.value(Fraction(fill.qty), fill.price)
        rate = money.rates[fill.flags]
        position = self.position.get(key, 0) + fill.side * fill.qty * money.atoms_per_lot
        direction = fill.side if money.kind == "inverse" else -fill.side
        cash = self.cash.get(key, Fraction(0)) + direction * value
        flags = fill.flags
        if money.fee_in_received and fill.side == BID:
            fee = math.ceil(fill.qty * money.atoms_per_lot * rate)
            position -= fee
            flags |= jn.FEE_IN_BASE
        else:
            fee_amount = math.ceil(value * rate / ATOM) * ATOM
            cash -= fee_amount
            fee = money.units(fee_amount)
        self.cash[key], self.position[key] = cash, position
        mid2 = self.mid2[fill.instrument]
        return fill._replace(fee=fee, cash=money.units(cash), position=position, mid2=mid2, flags=flags)


MONEY: dict[Instrument, Money] = {}


def money_of(instrument: Instrument) -> Money:
    """Money of an instrument; kept, because parsing decimal strings thousands of times is slow."""
    if instrument not in MONEY:
        MONEY[instrument] = Money(instrument)
    return MONEY[instrument]
