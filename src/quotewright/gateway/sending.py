"""Everything that leaves: places within the budget, cancels before all else, questions when there is room."""

from __future__ import annotations

from collections import deque

import msgspec

from quotewright.domain.journal import Record, Refusal
from quotewright.gateway.account import Account
from quotewright.gateway.errands import BALANCES, CANCEL, FILLS, LEARN, OPEN_ORDERS, QUERY, ROUND, UNBLOCK, Errand
from quotewright.gateway.lifecycle import ENDED, Event, Order, State
from quotewright.gateway.messages import Command
from quotewright.gateway.port import Failure, FailureKind, NewOrder

_COMMANDS = {QUERY: "query_order", LEARN: "query_order", OPEN_ORDERS: "open_orders", BALANCES: "balances"}
_NO_EFFECT = (FailureKind.LIMITED, FailureKind.BANNED, FailureKind.CLOCK, FailureKind.UNSENT)


class Asked(msgspec.Struct):
    """A message that left and is not answered."""

    command: str
    sent: int
    order: Order | None = None
    errand: Errand | None = None
    late: bool = False  # taken to be in doubt


class Sending(Account):
    """Sends, counts what it sends, and knows what is not answered."""

    _ref = 0

    def _begin_sending(self) -> None:
        self._room_at = -1  # version of the budget at which there was room for one more order
        self._asked: dict[int, Asked] = {}
        self._deadlines: deque[tuple[int, int]] = deque()  # the time-out is the same for all, so they are in order

    def _ask(self, asked: Asked, now: int) -> int:
        """Number and count a message that is about to leave."""
        self._ref += 1
        self._await(self._ref, asked, now)
        return self._ref

    def _await(self, ref: int, asked: Asked, now: int) -> None:
        self._asked[ref] = asked
        self._deadlines.append((now + self.settings.answer_timeout, ref))
        self.budget.charge(self.settings.account, self._cost(asked.command), now, self.settings.soft_percent)

    def _look_ahead(self, now: int) -> None:
        """See whether there is room for one more order before it is wanted: then only time matters."""
        if self._room_at != self.budget.version and self._has_room_for_order(now):
            self._room_at = self.budget.version

    def _has_room_for_order(self, now: int) -> bool:
        account = self.settings.account
        cancel, settle = self._reserve(1)
        keep = cancel + settle + self.budget.others(account)
        return self.budget.fits(account, self._cost("place"), now, keep, self.settings.soft_percent)

    # places

    def _place(self, command: Command, client_id: str, now: int) -> None:
        """Send an order, unless something forbids it; the books are kept when it is on its way."""
        refusal = self._refusal(command.instrument, now) or self._lingering(command, now)
        if refusal:
            order = _order_of(command, client_id)
            order.reason = refusal
            self._tell(Record.DENIED, order)
            return
        self._ref = ref = self._ref + 1
        try:
            self.port.place(ref, _new_order(client_id, command), now)
        finally:
            self._remember_place(ref, _order_of(command, client_id), now)

    def _remember_place(self, ref: int, order: Order, now: int) -> None:
        order.sent = now
        order.state = State.SENT
        order.place_ref = ref
        self._changed[order.instrument] = now
        self._add(order)
        self._await(ref, Asked("place", now, order), now)

    def _refusal(self, instrument: int, now: int) -> int:
        """Why no order may be placed now; 0 if it may."""
        if self.budget.blocked_until > now or (self.holds and self.held(instrument)):
            return Refusal.HELD
        if self.budget.places_until and self.budget.places_until.get(self.settings.account, 0) > now:
            return Refusal.BUDGET
        return 0 if self._room_at == self.budget.version or self._has_room_for_order(now) else Refusal.BUDGET

    def _lingering(self, order: Command, now: int) -> int:
        """Why no order may take the place of another: that one has not gone, and the next would pile up on it."""
        for since, going in self._going.values():
            if now - since <= self.settings.cancel_patience:
                return 0
            if (going.leg, going.instrument, going.side) == (order.leg, order.instrument, order.side):
                return Refusal.HELD
        return 0

    def _place_failed(self, order: Order, failure: Failure, now: int) -> None:
        if failure.kind is FailureKind.REFUSED:
            self._end(order, Event.REJECTED, failure.reason, now)
        elif failure.kind in _NO_EFFECT:
            limited = failure.kind is FailureKind.LIMITED
            self._end(order, Event.NO_EFFECT, Refusal.BUDGET if limited else Refusal.HELD, now)
        elif order.state is State.SENT:  # otherwise the stream was faster than the doubt
            self._doubt(order, now, self.settings.stream_patience)

    # cancels

    def _want_cancel(self, order: Order, now: int) -> None:
        """An order is to be cancelled: at once if it can be, otherwise as soon as it is known to be there."""
        order.wish = True
        if self._can_cancel(order):
            self._errands.add(CANCEL, order.client_id, order.instrument, now)

    def _can_cancel(self, order: Order) -> bool:
        return order.wish and order.cancel_ref == 0 and order.state in (State.OPEN, State.UNKNOWN)

    def _send_cancels(self, errands: list[Errand], now: int) -> None:
        """All cancels that are due; in one message an instrument where all that rests there is to go."""
        groups: dict[int, list[Order]] = {}
        for errand in errands:
            order = self._orders.get(str(errand.subject))
            if order is None or not self._can_cancel(order):
                self._errands.drop(CANCEL, errand.subject)
            elif self.budget.blocked_until > now:
                self._errands.move(errand, self.budget.blocked_until)
            else:
                groups.setdefault(order.instrument, []).append(order)
        for instrument, orders in groups.items():
            if len(orders) >= self.settings.cancel_all_from and self._may_cancel_all(instrument):
                self._send_cancel_all(instrument, orders, now)
                continue
            for order in orders:
                self._send_cancel(order, now)

    def _may_cancel_all(self, instrument: int) -> bool:
        """Only if every order known there is to be cancelled: the message asks for no client ids."""
        orders = self._live[instrument].values()
        return self.port.capabilities.cancel_all and all(order.wish or order.state in ENDED for order in orders)

    def _send_cancel(self, order: Order, now: int) -> None:
        """Send one, of an order that can be cancelled; the books are kept when it is on its way."""
        cost, place = self._cost("cancel"), self._cost("place")
        sure = self._room_at == self.budget.version and cost.weight <= place.weight and cost.orders <= place.orders
        if not sure and not self.budget.fits(self.settings.account, cost, now, 0, 100):
            self._errands.drop(CANCEL, order.client_id)
            self._errands.add(CANCEL, order.client_id, order.instrument, max(self.budget.frees(now), now + 1))
            self._hold("budget", now, f"the cancel of {order.client_id} must wait: the limit is used up")
            return
        self._ref = ref = self._ref + 1
        try:
            self.port.cancel(ref, order.instrument, order.client_id, now)
        finally:
            self._remember_cancel(ref, order, now)

    def _remember_cancel(self, ref: int, order: Order, now: int) -> None:
        self._errands.drop(CANCEL, order.client_id)
        self._move(order, Event.CANCEL, now)
        self._going.setdefault(order.client_id, (now, order))
        order.cancel_tries += 1
        order.cancel_ref = ref
        self._await(ref, Asked("cancel", now, order), now)

    def _send_cancel_all(self, instrument: int, orders: list[Order], now: int) -> None:
        ref = self._ask(Asked("cancel_all", now), now)
        for order in orders:
            self._errands.drop(CANCEL, order.client_id)
            if self._move(order, Event.CANCEL, now):
                self._going.setdefault(order.client_id, (now, order))
                order.cancel_tries += 1
                order.cancel_ref = ref
        self.port.cancel_all(ref, instrument, now)

    def _cancel_failed(self, order: Order, kind: FailureKind, now: int) -> None:
        order.cancel_ref = 0
        if order.state in ENDED:
            return
        if kind in _NO_EFFECT:
            if self._move(order, Event.CANCEL_FAILED, now):
                due = max(self.budget.blocked_until, now + self._backoff(order.cancel_tries))
                self._errands.add(CANCEL, order.client_id, order.instrument, due)
        else:  # it may have been filled or cancelled: the stream will say, or the venue when asked
            self._doubt(order, now, self.settings.stream_patience)

    # questions

    def _send_question(self, errand: Errand, now: int) -> None:
        """Ask, unless there is no room; then later."""
        if self.budget.blocked_until > now:
            self._errands.move(errand, self.budget.blocked_until)
            return
        order = self._orders.get(str(errand.subject)) if errand.kind in (QUERY, FILLS) else None
        if errand.kind == QUERY and (order is None or order.state is not State.UNKNOWN):
            self._errands.drop(QUERY, errand.subject)
            return
        if errand.kind == FILLS and (order is None or order.booked >= order.filled):
            self._errands.drop(FILLS, errand.subject)
            return
        command = _COMMANDS.get(errand.kind, "trades")
        if not self._has_room(command, errand.kind in (QUERY, FILLS), now):
            wait = self._backoff(errand.tries)
            self._errands.move(errand, min(max(self.budget.frees(now), now + 1), now + wait))
            return
        ref = self._ask(Asked(command, now, order, errand), now)
        errand.ref = ref
        instrument = errand.instrument
        if errand.kind == QUERY:
            self.port.query_order(ref, instrument, str(errand.subject), now)
        elif errand.kind == LEARN:
            self.port.query_order(ref, instrument, "", now, venue_id=int(str(errand.subject).partition(":")[2]))
        elif errand.kind == OPEN_ORDERS:
            self.port.open_orders(ref, instrument, now)
        elif errand.kind == BALANCES:
            self.port.balances(ref, now)
        elif order is not None and order.venue_id:
            self.port.trades(ref, instrument, now, venue_id=order.venue_id)
        else:
            self.port.trades(ref, instrument, now, from_id=self._trades[instrument].ask_from)

    def _has_room(self, command: str, settles: bool, now: int) -> bool:
        """Whether a question leaves the reserve whole; one that settles a doubt may use the part meant for it."""
        cancel, settle = self._reserve(0)
        keep = cancel + (0 if settles else settle) + self.budget.others(self.settings.account)
        return self.budget.fits(self.settings.account, self._cost(command), now, keep, 100)

    def _question_failed(self, errand: Errand, now: int) -> None:
        errand.tries += 1
        due = now + self._backoff(errand.tries)
        self._errands.move(errand, max(due, self.budget.blocked_until))

    # what comes back without being an answer

    def _on_failure(self, failure: Failure, now: int) -> None:
        asked = self._asked.pop(failure.ref, None)
        if asked is None:
            return
        self._obey(failure, asked.command, now)
        order = asked.order
        if asked.command == "place":
            if order is not None:
                self._place_failed(order, failure, now)
        elif asked.command == "cancel":
            if order is not None and order.cancel_ref == failure.ref:
                if failure.kind is FailureKind.REFUSED:
                    self._note(now, "cancel-refused", "note", failure.text, order.client_id, order.instrument)
                self._cancel_failed(order, failure.kind, now)
        elif asked.command == "cancel_all":
            for each in self._asked_to_cancel(failure.ref):
                self._cancel_failed(each, failure.kind, now)
        elif asked.errand is not None and asked.errand.ref == failure.ref:
            if asked.errand.kind == QUERY and failure.kind is FailureKind.UNKNOWN_ORDER and order is not None:
                self._not_found(order, asked, now)
            elif asked.errand.kind == LEARN and asked.errand.tries >= 5:
                self._hold("trades", now, f"no order is known for a trade of {asked.errand.subject}")
            if asked.errand.ref == failure.ref and self._errands.get(*asked.errand.key) is asked.errand:
                self._question_failed(asked.errand, now)

    def _asked_to_cancel(self, ref: int) -> list[Order]:
        return [order for orders in self._live for order in orders.values() if order.cancel_ref == ref]

    def _not_found(self, order: Order, asked: Asked, now: int) -> None:
        """The venue knows no such order: proof that it never arrived only once it could no longer be under way."""
        if order.state is not State.UNKNOWN or asked.errand is None:
            return
        if self._resolve_not_found(order, asked.sent):
            self._end(order, Event.NOT_FOUND, 0, now)
        elif asked.errand.tries >= 2 and not order.proven and now < self._arrived_by(order):
            self._errands.move(asked.errand, max(self._arrived_by(order), self.budget.blocked_until))

    def _arrived_by(self, order: Order) -> int:
        """When an order that was sent is surely known to the venue, or never will be."""
        return order.sent + self.port.request_window + self.settings.not_found_margin

    def _resolve_not_found(self, order: Order, asked_at: int) -> bool:
        heard = self.stream_up or not self.port.capabilities.user_stream
        return heard and asked_at >= self._arrived_by(order) and not order.proven and not order.contradicted

    def _obey(self, failure: Failure, command: str, now: int) -> None:
        """What a failure means for everything else: bans, limits, clocks."""
        settings = self.settings
        if failure.kind is FailureKind.BANNED:
            self._block("banned", now + (failure.retry_after or settings.banned_wait), failure, now)
        elif failure.kind is FailureKind.LIMITED:
            until = now + (failure.retry_after or settings.limited_wait)
            if command == "place" and failure.code in settings.order_limit_codes:
                self.budget.places_until[settings.account] = until
                self._note(now, "order-limit", "note", failure.text)
            else:
                self._block("limited", until, failure, now)
        elif failure.kind is FailureKind.CLOCK:
            self._hold("clock", now, f"the venue refuses our time: {failure.text}")
            self._errands.add(ROUND, "", -1, now + settings.retry_first)

    def _block(self, name: str, until: int, failure: Failure, now: int) -> None:
        self.budget.blocked_until = max(self.budget.blocked_until, until)
        self._hold(name, now, f"the venue answers {failure.code}: {failure.text}")
        self._errands.add(UNBLOCK, "", -1, self.budget.blocked_until)

    def _time_out(self, now: int) -> None:
        """Questions that nobody answered: in doubt."""
        while self._deadlines and self._deadlines[0][0] <= now:
            ref = self._deadlines.popleft()[1]
            asked = self._asked.get(ref)
            if asked is None:
                continue
            if asked.command == "place":
                asked.late = True  # its answer is still evidence, should it come
                if asked.order is not None and asked.order.state is State.SENT:
                    self._doubt(asked.order, now, 0)
            else:
                self._on_failure(Failure(ref, FailureKind.DOUBT, 0, "not answered in time"), now)

    def _next_sending(self) -> int:
        due = self._errands.next_due()
        while self._deadlines and self._deadlines[0][1] not in self._asked:
            self._deadlines.popleft()
        return min(due, self._deadlines[0][0]) if self._deadlines else due

    def _end(self, order: Order, event: Event, reason: int, now: int) -> None:
        """An order has ended; told to the engine unless it was told before."""
        if not self._move(order, event, now):
            return
        order.contradicted = False
        order.reason = reason
        if order.place_ref:
            self._asked.pop(order.place_ref, None)
        if order.told:
            return
        if order.state is State.CANCELED:
            order.told, order.expected = True, order.filled
            self._tell(Record.CANCELED, order, qty=order.filled, leaves=max(order.qty - order.filled, 0))
        elif order.state is State.REJECTED:
            order.told, order.expected = True, 0
            self._tell(Record.REJECTED, order)
        elif order.state is State.DENIED:
            order.told, order.expected = True, 0
            self._tell(Record.DENIED, order)


def _order_of(command: Command, client_id: str) -> Order:
    return Order(
        client_id=client_id,
        order=command.order,
        leg=command.leg,
        instrument=command.instrument,
        side=command.side,
        price=command.price,
        qty=command.qty,
        flags=command.flags,
        expected=command.qty,
    )


def _new_order(client_id: str, command: Command) -> NewOrder:
    return NewOrder(client_id, command.instrument, command.side, command.price, command.qty, command.flags)
