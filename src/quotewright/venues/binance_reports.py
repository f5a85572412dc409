"""From what Binance Spot says to facts, exactly.

Raises ParseError (of a field) or msgspec's errors (of a form) for whatever is not understood: the caller tells.
Of an execution report that is a fill, the order's report comes first, then the trade's.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from quotewright.domain.errors import ParseError
from quotewright.domain.events import ASK, BID
from quotewright.domain.instrument import Instrument
from quotewright.domain.journal import Reject
from quotewright.domain.units import INT64_MAX, Step
from quotewright.gateway.port import Balances, OrderReport, OrderStatus, Source, TradeReport
from quotewright.importers.exact import StepCounts
from quotewright.venues.binance_wire import (
    Account,
    AccountPosition,
    ExecutionReport,
    MyTrade,
    OrderAnswer,
    OrderListAnswer,
)

_MS = 1_000_000
_LAST_MS = INT64_MAX // _MS
_ATOM = Step(1, 8)
_SIDES = {"BUY": BID, "SELL": ASK}
_STATUSES = {
    "NEW": OrderStatus.OPEN,
    "PENDING_NEW": OrderStatus.OPEN,
    "PARTIALLY_FILLED": OrderStatus.OPEN,
    "PENDING_CANCEL": OrderStatus.OPEN,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELED,
    "REJECTED": OrderStatus.REJECTED,
    "EXPIRED": OrderStatus.CANCELED,  # by the venue; of an IOC or FOK see `_status`
    "EXPIRED_IN_MATCH": OrderStatus.CANCELED,
}
_CHANGES = frozenset(("NEW", "CANCELED", "REPLACED", "REJECTED", "TRADE", "EXPIRED", "TRADE_PREVENTION"))
_ENDED = {"IOC": Reject.IOC, "FOK": Reject.FOK}


class _Amounts(StepCounts):
    """Atoms of fees and balances, which may be negative."""

    def __missing__(self, text: str) -> int:
        return -super().__missing__(text[1:]) if text.startswith("-") else super().__missing__(text)


class Reports:
    """Decodes orders, trades and balances of the instruments known."""

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self._numbers = {instrument.symbol.upper(): index for index, instrument in enumerate(instruments)}
        self._prices = [StepCounts(instrument.price_step, "price") for instrument in instruments]
        self._qtys = [StepCounts(instrument.qty_step, "quantity") for instrument in instruments]
        self._amounts = _Amounts(_ATOM, "amount")
        self._execution = msgspec.json.Decoder(ExecutionReport).decode
        self._position = msgspec.json.Decoder(AccountPosition).decode
        self._order = msgspec.json.Decoder(OrderAnswer).decode
        self._orders = msgspec.json.Decoder(list[OrderAnswer]).decode
        self._parts = msgspec.json.Decoder(list[msgspec.Raw]).decode
        self._list = msgspec.json.Decoder(OrderListAnswer).decode
        self._trades = msgspec.json.Decoder(list[MyTrade]).decode
        self._account = msgspec.json.Decoder(Account).decode

    def execution(self, event: msgspec.Raw | bytes) -> tuple[OrderReport, TradeReport | None] | str:
        """An event of the user stream; the symbol alone if it is not ours."""
        told = self._execution(event)
        instrument = self._numbers.get(told.symbol)
        if instrument is None:
            return told.symbol
        if told.change not in _CHANGES:
            raise ParseError("execution type", told.change[:40], "is not known")
        side = _named(_SIDES, "side", told.side)
        status, reason = _status(told.status, told.in_force)
        time = _time(told.time)
        order = OrderReport(
            client_id=told.original_id or told.client_id,
            venue_id=_positive(told.order_id, "order id"),
            instrument=instrument,
            side=side,
            price=self._prices[instrument][told.price],
            qty=self._qtys[instrument][told.qty],
            filled=self._qtys[instrument][told.filled],
            status=status,
            time=time,
            source=Source.STREAM,
            reason=_stream_reason(told.reason, reason),
            text="" if told.reason == "NONE" else told.reason,
            execution_id=_positive(told.execution_id, "execution id"),
        )
        if told.change != "TRADE":
            return order, None
        trade = TradeReport(
            client_id=order.client_id,
            venue_id=_positive(told.order_id, "order id"),
            trade_id=_positive(told.trade_id, "trade id"),
            instrument=instrument,
            side=side,
            price=_above_zero(self._prices[instrument][told.last_price], "price of a fill"),
            qty=_above_zero(self._qtys[instrument][told.last_qty], "quantity of a fill"),
            maker=told.maker,
            fee=self._amounts[told.fee],
            fee_asset=told.fee_asset or "",
            time=time,
            source=Source.STREAM,
        )
        return order, trade

    def position(self, event: msgspec.Raw | bytes) -> Balances:
        """Balances of the user stream: those that changed."""
        told = self._position(event)
        amounts = {entry.asset: (self._amounts[entry.free], self._amounts[entry.locked]) for entry in told.balances}
        return Balances(0, amounts, _time(told.time), whole=False)

    def account(self, result: msgspec.Raw | bytes, ref: int) -> Balances:
        """Every balance of the account."""
        told = self._account(result)
        amounts = {entry.asset: (self._amounts[entry.free], self._amounts[entry.locked]) for entry in told.balances}
        return Balances(ref, amounts, _time(told.update_time), whole=True)

    def order(
        self, result: msgspec.Raw | bytes, instrument: int, source: Source, ref: int
    ) -> tuple[OrderReport, list[TradeReport]]:
        """An order in an answer, and the fills told with it: takers', since it has only just been placed."""
        told = self._order(result)
        report = self._report(told, instrument, source, ref)
        trades = [
            TradeReport(
                client_id=report.client_id,
                venue_id=report.venue_id,
                trade_id=_positive(fill.trade_id, "trade id"),
                instrument=instrument,
                side=report.side,
                price=_above_zero(self._prices[instrument][fill.price], "price of a fill"),
                qty=_above_zero(self._qtys[instrument][fill.qty], "quantity of a fill"),
                maker=False,
                fee=self._amounts[fill.commission],
                fee_asset=fill.commission_asset,
                time=report.time,
                source=source,
            )
            for fill in told.fills
        ]
        return report, trades

    def orders(self, result: msgspec.Raw | bytes, instrument: int) -> list[OrderReport]:
        """A list of open orders."""
        return [self._report(told, instrument, Source.SNAPSHOT, 0) for told in self._orders(result)]

    def cancelled(self, result: msgspec.Raw | bytes, instrument: int) -> list[OrderReport]:
        """What a cancel-all ended: orders, and lists of orders."""
        found: list[OrderReport] = []
        for part in self._parts(result):
            told = self._list(part).order_reports if b'"orderReports"' in bytes(part) else [self._order(part)]
            found += [self._report(order, instrument, Source.ANSWER, 0) for order in told]
        return found

    def trades(self, result: msgspec.Raw | bytes, instrument: int) -> list[TradeReport]:
        """A list of our trades."""
        return [
            TradeReport(
                client_id="",
                venue_id=_positive(told.order_id, "order id"),
                trade_id=_positive(told.id, "trade id"),
                instrument=instrument,
                side=BID if told.is_buyer else ASK,
                price=_above_zero(self._prices[instrument][told.price], "price of a fill"),
                qty=_above_zero(self._qtys[instrument][told.qty], "quantity of a fill"),
                maker=told.is_maker,
                fee=self._amounts[told.commission],
                fee_asset=told.commission_asset,
                time=_time(told.time),
                source=Source.SNAPSHOT,
            )
            for told in self._trades(result)
        ]

    def _report(self, told: OrderAnswer, instrument: int, source: Source, ref: int) -> OrderReport:
        if self._numbers.get(told.symbol) != instrument:
            raise ParseError("symbol", told.symbol[:40], "is not the one that was asked for")
        status, reason = _status(told.status, told.time_in_force)
        return OrderReport(
            client_id=told.orig_client_order_id or told.client_order_id,
            venue_id=_positive(told.order_id, "order id"),
            instrument=instrument,
            side=_named(_SIDES, "side", told.side),
            price=self._prices[instrument][told.price],
            qty=self._qtys[instrument][told.orig_qty],
            filled=self._qtys[instrument][told.executed_qty],
            status=status,
            time=_above_zero(_time(told.transact_time or told.update_time), "time of an order"),
            source=source,
            reason=reason,
            ref=ref,
        )


def _status(text: str, in_force: str) -> tuple[OrderStatus, int]:
    """What a status means, and the reason that it implies."""
    status = _STATUSES.get(text)
    if status is None:
        raise ParseError("order status", text[:40], "is not known")
    if text == "EXPIRED":
        ended = _ENDED.get(in_force)
        return (OrderStatus.EXPIRED, ended) if ended else (OrderStatus.CANCELED, Reject.OTHER)
    if text == "EXPIRED_IN_MATCH":
        return OrderStatus.CANCELED, Reject.SELF_TRADE
    return status, Reject.OTHER if status is OrderStatus.REJECTED else 0


def _stream_reason(text: str, reason: int) -> int:
    lowered = text.lower()
    if reason == Reject.OTHER and "insufficient" in lowered:
        return Reject.BALANCE
    if reason == Reject.OTHER and "immediately" in lowered:
        return Reject.POST_ONLY
    return reason


def _named(names: dict[str, int], field: str, text: str) -> int:
    value = names.get(text)
    if value is None:
        raise ParseError(field, text[:40], "is not known")
    return value


def _time(milliseconds: int) -> int:
    if not 0 <= milliseconds <= _LAST_MS:
        raise ParseError("time", milliseconds, "is no time in milliseconds")
    return milliseconds * _MS


def _positive(number: int, field: str) -> int:
    if not 0 <= number <= INT64_MAX:
        raise ParseError(field, number, "is not a number of 64 bits")
    return number


def _above_zero(count: int, field: str) -> int:
    if count <= 0:
        raise ParseError(field, count, "is not above zero")
    return count
