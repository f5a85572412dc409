"""The one path that orders take, whatever carried them: checks, locks, the market, fills, fees, reports.

Money is conserved: what leaves one balance enters another, the market's, or the fees'.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from quotewright.domain.events import BID
from quotewright.domain.journal import FOK, IOC, POST_ONLY
from quotewright.exchange.accounts import Account
from quotewright.exchange.api_errors import (
    DUPLICATE,
    INSUFFICIENT,
    WOULD_TAKE,
    filter_failure,
    rejected,
)
from quotewright.exchange.markets import NOBODY, Market, Print
from quotewright.exchange.orders import (
    CANCELED,
    EXPIRED,
    EXPIRED_IN_MATCH,
    FILLED,
    PARTIALLY_FILLED,
    Fill,
    Order,
    execution_report,
    ms,
)
from quotewright.exchange.public_book import PublicBook, PublicTrade
from quotewright.exchange.rules import SymbolRules, fee_of, fixed8
from quotewright.exchange.tickets import Ticket

Report = Callable[[Account, str, dict[str, Any]], None]  # account, symbol or "", event


class Symbol:
    """One symbol: its rules, market, public book, and the venue's counters."""

    def __init__(self, rules: SymbolRules, market: Market, first_id: int) -> None:
        self.rules = rules
        self.market = market
        self.book = PublicBook(first_id)
        self.orders: dict[int, Order] = {}  # open ones of every account
        self.last_order = 0
        self.last_trade = 0
        self.last_execution = 0
        self.trades: list[PublicTrade] = []  # not published yet


class Trading:
    """Orders of every account in every symbol. `clock` gives the venue's time as clients see it."""

    def __init__(self, accounts: Mapping[int, Account], clock: Callable[[int], int], report: Report) -> None:
        self.fees: dict[str, int] = {}  # atoms collected, by asset
        self._accounts = accounts
        self._clock = clock
        self._report = report
        self._last_time = 0

    def place(self, account: Account, symbol: Symbol, ticket: Ticket, now: int) -> tuple[Order, list[Fill]]:
        """A new order, as far as it goes at once; raises ApiError if it is refused, which leaves no trace."""
        order = self._admit(account, symbol, ticket, now)
        account.remember(now, None, order.pays)
        if ticket.flags & POST_ONLY and symbol.market.place(
            order.id, account.number, order.side, order.price, order.qty, ticket.flags, now
        ):
            raise rejected(WOULD_TAKE)
        symbol.last_order = order.id
        account.move(order.pays, -order.locked, order.locked)
        account.updated = order.time
        order.resting = not ticket.flags & (IOC | FOK)
        symbol.orders[order.id] = order
        account.add(order, now)
        self._tell(account, symbol, order, "NEW", now)
        fills: list[Fill] = []
        if not ticket.flags & POST_ONLY and order.qty:
            self._match(account, symbol, order, ticket.flags, now)
        self.settle(symbol, now, order.id, fills)
        if order.open and not order.resting:
            self._end(account, symbol, order, EXPIRED, "EXPIRED", now)
        self._positions(account, symbol, now)
        return order, fills

    def check(self, account: Account, symbol: Symbol, ticket: Ticket, now: int) -> None:
        """Raise ApiError if such an order would be refused before it meets the book."""
        self._admit(account, symbol, ticket, now)

    def cancel(self, account: Account, symbol: Symbol, order: Order, cancel_id: str, now: int) -> None:
        """Take an open order off the book."""
        symbol.market.cancel(order.id, now)
        self._end(account, symbol, order, CANCELED, "CANCELED", now, cancel_id)
        self._positions(account, symbol, now)

    def settle(self, symbol: Symbol, now: int, taker: int = 0, fills: list[Fill] | None = None) -> None:
        """Take in what happened in a symbol's market: book, tape, fills; those of `taker` are added to `fills`."""
        prints = symbol.market.take_prints()
        symbol.book.apply(symbol.market.take_changes())
        touched: dict[int, set[str]] = {}
        for done in prints:
            time = self._time(done.time)
            symbol.last_trade += 1
            trade = PublicTrade(symbol.last_trade, done.price, done.qty, done.side, time)
            symbol.trades.append(trade)
            symbol.book.tape.append(trade)
            for number, maker in ((done.maker, True), (done.taker, False)):
                order = symbol.orders.get(number) if number else None
                if order is not None:
                    fill = self._fill(symbol, order, done, maker, time, now)
                    if number == taker and fills is not None:
                        fills.append(fill)
                    elif number != taker:
                        touched.setdefault(order.owner, set()).update((symbol.rules.base, symbol.rules.quote))
        for owner in touched:
            self._positions(self._accounts[owner], symbol, now)

    def _admit(self, account: Account, symbol: Symbol, ticket: Ticket, now: int) -> Order:
        """The order that a ticket asks for, with the amount it must lock."""
        rules = symbol.rules
        if ticket.client_id and account.open_client_id(rules.name, ticket.client_id):
            raise rejected(DUPLICATE)
        if not ticket.flags & (IOC | FOK) and len(account.open.get(rules.name, ())) >= rules.most_open:
            raise filter_failure("MAX_NUM_ORDERS")
        qty = ticket.qty or self._market_lots(account, symbol, ticket)
        if ticket.side != BID:
            locked = qty * rules.lot
        elif ticket.price:
            locked = ticket.price * qty * rules.value
        else:
            locked = symbol.market.reach(_left_out(account, ticket), BID, 0, qty)[1] * rules.value
        pays = rules.quote if ticket.side == BID else rules.base
        if max(locked, ticket.quote_qty if ticket.side == BID else 0) > account.free.get(pays, 0):
            raise rejected(INSUFFICIENT)
        number, time = symbol.last_order + 1, self._time(now)
        return Order(
            rules,
            number,
            account.number,
            ticket.client_id or f"venue-{rules.name}-{number}",
            ticket.side,
            ticket.type,
            ticket.tif,
            ticket.price,
            qty,
            ticket.quote_qty,
            ticket.prevention,
            time,
            time,
            locked=locked,
        )

    def _market_lots(self, account: Account, symbol: Symbol, ticket: Ticket) -> int:
        """The most lots that an amount of the quote asset buys, or whose sale gives no more than it."""
        rules, low, high = symbol.rules, 0, symbol.rules.max_qty
        owner = _left_out(account, ticket)
        while low < high:
            middle = (low + high + 1) // 2
            lots, value = symbol.market.reach(owner, ticket.side, 0, middle)
            if lots == middle and value * rules.value <= ticket.quote_qty:
                low = middle
            else:
                high = middle - 1
        return low

    def _match(self, account: Account, symbol: Symbol, order: Order, flags: int, now: int) -> None:
        """Send an order into the market, after taking away what it must not meet."""
        market, owner = symbol.market, account.number
        if order.prevention == "EXPIRE_MAKER":
            if flags & FOK and market.reach(owner, order.side, order.price, order.qty)[0] < order.qty:
                return
            for number in market.own_met(owner, order.side, order.price, order.qty):
                market.cancel(number, now)
                self._end(account, symbol, symbol.orders[number], EXPIRED_IN_MATCH, "TRADE_PREVENTION", now)
        price = order.price or (symbol.rules.max_price if order.side == BID else 1)
        market.place(order.id, owner, order.side, price, order.qty, flags, now)

    def _fill(self, symbol: Symbol, order: Order, done: Print, maker: bool, time: int, now: int) -> Fill:
        """Move the money of one fill, and report it."""
        account, rules = self._accounts[order.owner], symbol.rules
        quote, base = done.price * done.qty * rules.value, done.qty * rules.lot
        rate = account.maker_rate if maker else account.taker_rate
        account.remember(now, order, rules.base, rules.quote)
        if order.side == BID:
            fee, fee_asset = fee_of(base, rate), rules.base
            released = order.price * done.qty * rules.value if order.price else quote
            account.move(rules.quote, released - quote, -released)
            account.move(rules.base, base - fee)
        else:
            fee, fee_asset = fee_of(quote, rate), rules.quote
            released = base
            account.move(rules.base, 0, -released)
            account.move(rules.quote, quote - fee)
        self.fees[fee_asset] = self.fees.get(fee_asset, 0) + fee
        order.locked -= released
        order.filled += done.qty
        order.spent += quote
        order.updated = account.updated = time
        order.status = FILLED if order.filled == order.qty else PARTIALLY_FILLED
        fill = Fill(
            symbol.last_trade,
            order.id,
            order.owner,
            order.side,
            done.price,
            done.qty,
            quote,
            fee,
            fee_asset,
            time,
            now,
            maker,
        )
        account.filled(rules.name, fill)
        if order.status == FILLED:
            self._release(account, symbol, order)
        symbol.last_execution += 1
        event = execution_report(order, "TRADE", symbol.last_execution, self._clock(now), fill=fill)
        self._report(account, rules.name, event)
        return fill

    def _end(
        self, account: Account, symbol: Symbol, order: Order, status: str, what: str, now: int, cancel_id: str = ""
    ) -> None:
        account.remember(now, order, order.pays)
        order.status = status
        order.updated = account.updated = self._time(now)
        self._release(account, symbol, order)
        self._tell(account, symbol, order, what, now, cancel_id)

    def _release(self, account: Account, symbol: Symbol, order: Order) -> None:
        """Give back what an ended order still holds."""
        account.move(order.pays, order.locked, -order.locked)
        order.locked = 0
        order.resting = False
        del symbol.orders[order.id]
        account.end(order)

    def _tell(self, account: Account, symbol: Symbol, order: Order, what: str, now: int, cancel_id: str = "") -> None:
        symbol.last_execution += 1
        event = execution_report(order, what, symbol.last_execution, self._clock(now), cancel_id=cancel_id)
        self._report(account, symbol.rules.name, event)

    def _positions(self, account: Account, symbol: Symbol, now: int) -> None:
        """Report the balances of a symbol's two assets."""
        balances = [
            {"a": asset, "f": fixed8(account.free.get(asset, 0)), "l": fixed8(account.locked.get(asset, 0))}
            for asset in (symbol.rules.base, symbol.rules.quote)
        ]
        updated = ms(account.updated)
        event = {"e": "outboundAccountPosition", "E": ms(self._clock(now)), "u": updated, "B": balances}
        self._report(account, "", event)

    def _time(self, now: int) -> int:
        """The venue's clock for what happens in the market: it never goes back."""
        self._last_time = max(self._last_time, self._clock(now))
        return self._last_time


def _left_out(account: Account, ticket: Ticket) -> int:
    """Whose resting orders a new one will not trade with."""
    return account.number if ticket.prevention == "EXPIRE_MAKER" else NOBODY
