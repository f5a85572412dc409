"""Short ways to write down updates and messages for hand-worked cases. Times are venue times; home hears at once."""

from __future__ import annotations

from reference_records import AMEND, CANCEL, PLACE, Message, Result, Row, Update

from quotewright.domain import events as ev
from quotewright.domain.events import ASK, BID
from quotewright.domain.journal import Record, Reject

Levels = dict[int, int]  # price: quantity


def update(ts: int, *rows: Row, local: int | None = None, instrument: int = 0) -> Update:
    return Update(ts, ts if local is None else local, instrument, rows)


def snapshot(
    ts: int, bids: Levels, asks: Levels, seq: int = 0, local: int | None = None, instrument: int = 0
) -> Update:
    """An L2 snapshot."""
    levels = [(BID, p, q) for p, q in bids.items()] + [(ASK, p, q) for p, q in asks.items()]
    rows = [Row(ev.LEVEL, side, price, qty, 0, seq) for side, price, qty in levels]
    return update(ts, Row(ev.CLEAR, 0, 0, 0, 0, seq), *rows, local=local, instrument=instrument)


def level(ts: int, side: int, price: int, qty: int, seq: int = 0, instrument: int = 0) -> Update:
    return update(ts, Row(ev.LEVEL, side, price, qty, 0, seq), instrument=instrument)


def best(ts: int, bid: int, bid_qty: int, ask: int, ask_qty: int, seq: int = 0) -> Update:
    return update(ts, Row(ev.BEST, BID, bid, bid_qty, 0, seq), Row(ev.BEST, ASK, ask, ask_qty, 0, seq))


def trade(ts: int, side: int, price: int, qty: int, maker: int = 0) -> Update:
    """`side` is the aggressor's."""
    return update(ts, Row(ev.TRADE, side, price, qty, maker, 0))


def gap(ts: int) -> Update:
    return update(ts, Row(ev.STATUS, 0, ev.Status.BOOK_GAP, 0, 0, 0))


def funding(ts: int, mark: int, rate: int) -> Update:
    return update(ts, Row(ev.FUNDING, 0, mark, rate, 0, 0))


def order_snapshot(ts: int, *orders: tuple[int, int, int, int]) -> Update:
    """An L3 snapshot of (id, side, price, quantity)."""
    rows = [Row(ev.ADD, side, price, qty, id_, 0) for id_, side, price, qty in orders]
    return update(ts, Row(ev.CLEAR, 0, 0, 0, 0, 0), *rows)


def add(ts: int, id_: int, side: int, price: int, qty: int) -> Update:
    return update(ts, Row(ev.ADD, side, price, qty, id_, 0))


def change(ts: int, id_: int, side: int, price: int, qty: int) -> Update:
    return update(ts, Row(ev.CHANGE, side, price, qty, id_, 0))


def delete(ts: int, id_: int, side: int, price: int) -> Update:
    return update(ts, Row(ev.DELETE, side, price, 0, id_, 0))


def place(
    ts: int, order: int, side: int, price: int, qty: int, flags: int = 0, agent: int = 0, instrument: int = 0
) -> Message:
    return Message(ts, order, price, qty, agent, instrument, PLACE, side, flags)


def cancel(ts: int, order: int, agent: int = 0) -> Message:
    return Message(ts, order, 0, 0, agent, 0, CANCEL, 0, 0)


def amend(ts: int, order: int, total: int, agent: int = 0) -> Message:
    return Message(ts, order, 0, total, agent, 0, AMEND, 0, 0)


def fills(result: Result, order: int) -> list[tuple[int, int, int]]:
    """(price, quantity, leaves) of each fill of an order."""
    return [(e.price, e.qty, e.leaves) for e in result.entries if e.kind == Record.FILL and e.order == order]


def outcomes(result: Result, order: int) -> list[str]:
    """What the venue told of an order, such as "ACCEPTED" or "REJECTED FOK"."""
    return [
        entry.kind.name + (f" {Reject(entry.reason).name}" if entry.reason else "")
        for entry in result.entries
        if entry.order == order
    ]


def ahead(result: Result, order: int) -> int:
    """The queue ahead of an order that still rests."""
    (found,) = [own.ahead for own in result.resting if own.order == order]
    return found


def leaves(result: Result) -> dict[int, int]:
    """Open quantity of each order that still rests."""
    return {own.order: own.leaves for own in result.resting}


def ledger(result: Result, agent: int = 0, instrument: int = 0) -> tuple[int, int]:
    """Cash and position after the last fill or funding of an agent on an instrument."""
    booked = [
        (entry.cash, entry.position)
        for entry in result.entries
        if entry.kind in (Record.FILL, Record.FUNDING) and (entry.agent, entry.instrument) == (agent, instrument)
    ]
    return booked[-1] if booked else (0, 0)
