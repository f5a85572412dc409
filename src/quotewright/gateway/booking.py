"""What the venue says of orders and trades, taken once each, in whatever order and however often it comes."""

from __future__ import annotations

from quotewright.domain.journal import FILL_TAKER, FOK, IOC, LATE, Record, Reject
from quotewright.gateway.errands import CANCEL, FILLS, LEARN, QUERY
from quotewright.gateway.lifecycle import ENDED, EVENT_OF, Event, Order, State
from quotewright.gateway.messages import Answer
from quotewright.gateway.port import OrderReport, OrderStatus, Source, TradeReport
from quotewright.gateway.sending import Sending

_MOST_TRIES = 5  # questions for missing fills before quoting is held


class Booking(Sending):
    """Brings orders up to date and books fills, the latter from trades alone."""

    def _begin_booking(self) -> None:
        self._history_ends = 0  # trades before may be in what a journal expects the account to hold
        self._history_before = 0  # trades of unknown orders before are from before the account's first session

    # reports

    def _on_report(self, report: OrderReport, now: int, asked_at: int = -1) -> None:
        """Take what the venue says of one order; `asked_at` is when a list it stands in was asked for."""
        order = self._find(report.client_id, report.instrument, report.venue_id)
        asked = self._asked.pop(report.ref, None) if report.ref else None
        tries = 0
        if asked is not None:
            self.holds.discard("clock")
            asked_at = asked.sent
            if asked.errand is not None and asked.errand.ref == report.ref:
                tries = asked.errand.tries + 1
                self._errands.finish(asked.errand)
        if order is None:
            self._on_stranger(report, now)
            return
        self._name(order, report.venue_id, now)
        answers_cancel = order.cancel_ref != 0 and report.ref == order.cancel_ref
        if answers_cancel:
            order.cancel_ref = 0
        if not self._is_old(order, report, asked_at):
            self._take(order, report, now)
        if answers_cancel and order.state is State.CANCELING:  # an answer, but not the end
            self._cancel_lingers(order, now)
        if order.state is State.UNKNOWN and tries:
            errand = self._errands.add(QUERY, order.client_id, order.instrument, now + self._backoff(tries))
            errand.tries = max(errand.tries, tries)

    def _cancel_lingers(self, order: Order, now: int) -> None:
        if self._move(order, Event.CANCEL_FAILED, now):
            due = now + self._backoff(order.cancel_tries)
            self._errands.add(CANCEL, order.client_id, order.instrument, due)

    def _is_old(self, order: Order, report: OrderReport, asked_at: int) -> bool:
        """Whether a report says nothing that is not known already: older, or told before."""
        if order.contradicted:
            return report.source is not Source.QUERY or asked_at < order.unknown_since
        if report.status is not OrderStatus.OPEN:
            ending = EVENT_OF[report.status].name
            same = order.state.name == ending or order.state is State.DENIED
            return order.state in ENDED and same and report.filled <= order.filled
        if order.state in ENDED:
            if report.source is Source.SNAPSHOT and asked_at > order.ended + self.settings.rest_lag:
                return False
            return report.filled < order.filled or report.time <= order.time
        if order.state in (State.JOURNALED, State.SENT):
            return False  # the first word of it, even if a trade was faster
        if report.filled < order.filled:
            return True
        if report.time > order.time or report.filled > order.filled:
            return False
        if order.state is State.UNKNOWN:
            asked = report.source in (Source.QUERY, Source.SNAPSHOT)
            return not asked or asked_at < order.unknown_since
        return order.accepted or report.time < order.time

    def _take(self, order: Order, report: OrderReport, now: int) -> None:
        event = EVENT_OF[report.status]
        if event is not Event.OPEN and report.filled < order.filled:
            self._contradict(order, f"{report.status.name} with {report.filled} of {order.filled} filled", now)
            return
        order.time = max(order.time, report.time)
        order.filled = max(order.filled, report.filled)
        order.heard = now
        if event is Event.OPEN:
            self._opened(order, report, now)
        elif order.state is State.CANCELED and event is Event.CANCELED:
            text = f"ended with {report.filled} filled, more than the venue said before"
            self._note(now, "late-fills", "note", text, order.client_id, order.instrument)
            self._sort(order)
        else:
            self._end(order, event, report.reason or _reason_of(order, report), now)
        if order.filled > order.booked and not order.stranger:
            self._errands.add(FILLS, order.client_id, order.instrument, now + self.settings.fills_grace)

    def _opened(self, order: Order, report: OrderReport, now: int) -> None:
        was = order.state
        if not self._move(order, Event.OPEN, now):
            return
        order.contradicted = False
        if was is State.UNKNOWN:
            order.query_tries = 0
            self._errands.drop(QUERY, order.client_id)
            if order.cancel_ref:  # a cancel is still under way: its answer is yet to come
                self._move(order, Event.CANCEL, now)
        if order.told and not order.stranger:  # the engine takes it for ended
            order.wish = True
            self._note(now, "back-from-the-dead", "pause", "it rests after all", order.client_id, order.instrument)
        elif not order.accepted or was is State.UNKNOWN:
            order.accepted = True
            self._tell(Record.ACCEPTED, order, price=report.price, qty=report.qty)
        if self._can_cancel(order):
            wait = self._backoff(order.cancel_tries) if order.cancel_tries else 0
            self._errands.add(CANCEL, order.client_id, order.instrument, now + wait)

    def _name(self, order: Order, venue_id: int, now: int) -> None:
        """Learn the venue's own number of an order, and book trades that came under it."""
        if not venue_id or order.venue_id == venue_id:
            return
        if order.venue_id:
            text = f"venue number {order.venue_id} and then {venue_id}"
            self._note(now, "contradiction", "pause", text, order.client_id, order.instrument)
            return
        order.venue_id = venue_id
        key = (order.instrument, venue_id)
        self._by_venue[key] = order
        for trade in self._claim(key):
            self._book(order, trade, now)

    # trades

    def _on_trade(self, trade: TradeReport, now: int) -> None:
        if self._is_duplicate(trade):
            return
        self._trades[trade.instrument].add(trade.trade_id)
        order = self._find(trade.client_id, trade.instrument, trade.venue_id)
        listed = trade.source is Source.SNAPSHOT
        if order is None and listed and trade.time < self._history_before:
            return
        self._lots[trade.instrument] += trade.side * trade.qty
        self._holdings.book(trade)
        if order is not None:
            self._name(order, trade.venue_id, now)
            self._book(order, trade, now)
        elif trade.client_id:
            self._book_ownerless(trade, trade.client_id, now)
        else:
            key = (trade.instrument, trade.venue_id)
            self._ownerless.setdefault(key, []).append(trade)
            self._errands.add(LEARN, f"{key[0]}:{key[1]}", trade.instrument, now + self.settings.stream_patience)

    def _is_duplicate(self, trade: TradeReport) -> bool:
        return trade.trade_id in self._trades[trade.instrument]

    def _book(self, order: Order, trade: TradeReport, now: int) -> None:
        """Book one trade of an order that is known."""
        order.booked += trade.qty
        order.filled = max(order.filled, order.booked)
        order.heard = now
        self._changed[order.instrument] = now
        late = order.booked > order.expected or order.order < 0
        if order.stranger and order.leg < 0:
            self._foreign_trade(trade, order.client_id, now)
        else:
            self._fill(order, trade, late)
        if late and not order.stranger:
            severity = "halt" if order.booked > order.qty else "pause"
            text = f"trade {trade.trade_id} of {trade.qty} lots came after its end"
            self._note(now, "late-fill", severity, text, order.client_id, order.instrument)
        if order.booked >= order.qty and order.state in (State.SENT, State.OPEN, State.CANCELING, State.UNKNOWN):
            order.time = max(order.time, trade.time)
            self._end(order, Event.FILLED, 0, now)
        elif order.state in (State.REJECTED, State.DENIED) and not order.stranger:
            self._contradict(order, "a trade", now)
        if order.booked >= order.expected:
            order.told = True
        self._sort(order)

    def _fill(self, order: Order, trade: TradeReport, late: bool) -> None:
        flags = (0 if trade.maker else FILL_TAKER) | (LATE if late else 0)
        answer = Answer(
            kind=Record.FILL,
            order=order.order,
            leg=order.leg,
            instrument=trade.instrument,
            side=trade.side,
            price=trade.price,
            qty=trade.qty,
            leaves=max(order.expected - order.booked, 0),
            flags=flags,
            fee=trade.fee,
            fee_asset=trade.fee_asset,
            trade=trade.trade_id,
            venue_id=trade.venue_id,
            exch_ts=trade.time,
            client_id=order.client_id,
        )
        self.answers.append(answer)

    def _fills_missing(self, order: Order, now: int) -> None:
        """A list of an order's trades came without all that the venue told of: lists lag; ask again."""
        order.fills_tries += 1
        if order.fills_tries == _MOST_TRIES:
            self._hold("fills", now, f"{order.client_id}: {order.filled} lots filled, trades of {order.booked} known")
        due = now + self._backoff(order.fills_tries)
        self._errands.add(FILLS, order.client_id, order.instrument, due)

    # orders that this session did not place and no journal names

    def _on_stranger(self, report: OrderReport, now: int) -> None:
        parsed = self.ids.parse(report.client_id)
        key = (report.instrument, report.venue_id)
        if report.status is not OrderStatus.OPEN and key not in self._ownerless:
            return
        order = self._meet(report, now)
        for trade in self._claim(key):
            self._book(order, trade, now)
        if report.status is not OrderStatus.OPEN:
            return
        whose = "orphan" if parsed else "foreign"
        if order.policy == "refuse":
            self._note(now, whose, "pause", "an open order that is not ours", order.client_id, order.instrument)
            self.holds.add("strangers")
        else:
            self._note(now, whose, "note", f"open order: {order.policy}", order.client_id, order.instrument)
        if order.policy == "cancel" or (self.stopping and order.policy == "adopt"):
            self._want_cancel(order, now)

    def _meet(self, report: OrderReport, now: int) -> Order:
        """Begin to follow an order that this session did not place."""
        parsed = self.ids.parse(report.client_id)
        order = Order(
            client_id=report.client_id or f"#{report.instrument}:{report.venue_id}",
            order=parsed.order if parsed and parsed.session == self.ids.session else -1,
            leg=self._attribute(report.client_id) if parsed else -1,
            instrument=report.instrument,
            side=report.side,
            price=report.price,
            qty=report.qty,
            flags=0,
            stranger=True,
            policy=self.settings.orphans if parsed else self.settings.foreign,
            venue_id=report.venue_id,
            filled=report.filled,
            time=report.time,
            heard=now,
            accepted=True,
            told=True,
        )
        self._add(order)
        self._move(order, EVENT_OF[report.status], now)
        return order

    def _claim(self, key: tuple[int, int]) -> list[TradeReport]:
        self._errands.drop(LEARN, f"{key[0]}:{key[1]}")
        return self._ownerless.pop(key, [])

    def _book_ownerless(self, trade: TradeReport, client_id: str, now: int) -> None:
        """A trade of an order that is not followed: forgotten, of an earlier session, or not ours."""
        parsed = self.ids.parse(client_id)
        leg = self._attribute(client_id) if parsed else -1
        if leg < 0:
            self._foreign_trade(trade, client_id, now)
            return
        number = parsed.order if parsed and parsed.session == self.ids.session else -1
        stray = Order(client_id, number, leg, trade.instrument, trade.side, trade.price, trade.qty, 0, stranger=True)
        self._fill(stray, trade, late=True)
        text = f"trade {trade.trade_id} of {trade.qty} lots came long after its end"
        self._note(now, "late-fill", "pause", text, client_id, trade.instrument)

    def _foreign_trade(self, trade: TradeReport, client_id: str, now: int) -> None:
        """Someone else's: it moves balances, and nobody's position."""
        severity = "pause" if self.settings.foreign == "refuse" else "note"
        text = f"trade {trade.trade_id} of {trade.qty} lots at {trade.price}"
        self._note(now, "foreign-trade", severity, text, client_id, trade.instrument)
        if trade.time < self._history_ends:  # a journal holds none of these, but what it expects may include it
            self._holdings.accept()


def _reason_of(order: Order, report: OrderReport) -> int:
    """Why an order ended that the venue took off without a reason."""
    if report.status is OrderStatus.EXPIRED and order.flags & FOK:
        return Reject.FOK
    if report.status is OrderStatus.EXPIRED and order.flags & IOC:
        return Reject.IOC
    return 0
