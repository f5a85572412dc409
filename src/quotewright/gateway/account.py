"""What a gateway knows of its account: orders, answers due to the session, notes, and why quoting is held."""

from __future__ import annotations

from collections.abc import Callable

from quotewright.domain.events import BID
from quotewright.domain.journal import Record
from quotewright.gateway.budget import Budget
from quotewright.gateway.errands import CANCEL, ESCALATE, FILLS, QUERY, ROUND, Errands
from quotewright.gateway.holdings import Holdings
from quotewright.gateway.ids import ClientIds
from quotewright.gateway.lifecycle import ENDED, TRANSITIONS, Event, Order, State
from quotewright.gateway.messages import Answer, Note
from quotewright.gateway.port import Cost, TradeReport, VenuePort
from quotewright.gateway.seen_trades import SeenTrades
from quotewright.gateway.settings import GatewaySettings


class Account:
    """Orders by every name they go by, and the one place where their state changes."""

    def __init__(
        self,
        port: VenuePort,
        settings: GatewaySettings,
        ids: ClientIds,
        attribute: Callable[[str], int],
        budget: Budget | None = None,
    ) -> None:
        self.port = port
        self.settings = settings
        self.ids = ids
        self.budget = Budget() if budget is None else budget
        self.answers: list[Answer] = []
        self.notes: list[Note] = []
        self.holds: set[str] = {"starting"}
        self.stream_up = False
        self.stopping = False
        self._attribute = attribute
        self._errands = Errands()
        self._orders: dict[str, Order] = {}  # by client id
        self._by_number: dict[int, Order] = {}  # by the engine's number
        self._by_venue: dict[tuple[int, int], Order] = {}  # by instrument and the venue's number
        self._live: list[dict[str, Order]] = [{} for _ in port.instruments]  # open, in doubt, or with fills to come
        self._live_count = 0
        self._unknown: dict[str, Order] = {}
        self._ownerless: dict[tuple[int, int], list[TradeReport]] = {}  # by instrument and the venue's order number
        self._unbooked: dict[str, Order] = {}  # ended, with fills to come
        self._ended: dict[str, Order] = {}  # over, the oldest first
        self._going: dict[str, tuple[int, Order]] = {}  # sent a cancel, and when the first: the oldest first
        self._used_up: dict[int, int] = {}  # by leg, the highest engine's number that was forgotten
        self._changed = [0 for _ in port.instruments]  # when an order of the instrument last changed, local
        self._trades = [SeenTrades(settings.most_trades) for _ in port.instruments]
        self._lots = [0 for _ in port.instruments]
        self._holdings = Holdings(port.instruments)
        self._costs: dict[str, Cost] = {}

    # views

    def live_orders(self, instrument: int = -1) -> list[Order]:
        """Orders that are open, in doubt, or have fills to come; of one instrument, or of all."""
        chosen = self._live if instrument < 0 else [self._live[instrument]]
        return [order for orders in chosen for order in orders.values()]

    def exposure(self, instrument: int) -> tuple[int, int]:
        """Lots that may be bought and sold beyond those booked: open and doubtful orders count as if filled."""
        buys = sells = 0
        for order in self._live[instrument].values():
            if order.side == BID:
                buys += order.exposure
            else:
                sells += order.exposure
        return buys, sells

    def worst_position(self, instrument: int) -> tuple[int, int]:
        """Least and greatest position in lots that booked trades and orders in doubt can come to."""
        buys, sells = self.exposure(instrument)
        return self._lots[instrument] - sells, self._lots[instrument] + buys

    def positions(self) -> list[int]:
        """Lots bought less lots sold by the trades taken since the start, by instrument, whoever placed the orders."""
        return list(self._lots)

    def balances(self) -> dict[str, tuple[int, int]]:
        """Free and locked atoms by asset, as the venue last said."""
        return dict(self._holdings.totals)

    def expected_balances(self) -> dict[str, int]:
        """Atoms by asset that the trades told in answers and notes so far leave the account with.

        Empty while there is nothing to go by.
        """
        untold = [trade for trades in self._ownerless.values() for trade in trades]
        return self._holdings.expected(untold)

    def held(self, instrument: int) -> list[str]:
        """Why no order may be placed in an instrument now; holds named with another instrument do not count."""
        reasons: list[str] = []
        for hold in sorted(self.holds):
            _, colon, where = hold.partition(":")
            if not colon or where == str(instrument):
                reasons.append(hold)
        return reasons

    # orders

    def _add(self, order: Order) -> None:
        self._orders[order.client_id] = order
        if order.order >= 0:
            self._by_number[order.order] = order
        if order.venue_id:
            self._by_venue[(order.instrument, order.venue_id)] = order
        self._sort(order)

    def _find(self, client_id: str, instrument: int, venue_id: int) -> Order | None:
        order = self._orders.get(client_id) if client_id else None
        if order is None and venue_id:
            order = self._by_venue.get((instrument, venue_id))
        return order

    def _sort(self, order: Order) -> None:
        """Put an order among the live ones, or among those to be forgotten in time."""
        live = self._live[order.instrument]
        name = order.client_id
        self._put(self._unknown, order, order.state is State.UNKNOWN)
        if self._is_over(order):
            self._unbooked.pop(name, None)
            if live.pop(name, None) is not None:
                self._live_count -= 1
            self._errands.drop(FILLS, name)
            self._ended.setdefault(name, order)
        else:
            self._ended.pop(name, None)
            self._put(self._unbooked, order, order.state in ENDED)
            if name not in live:
                live[name] = order
                self._live_count += 1
        cancel, settle = self._reserve(0)
        self.budget.reserve(self.settings.account, cancel + settle)

    @staticmethod
    def _put(group: dict[str, Order], order: Order, belongs: bool) -> None:
        if belongs:
            group[order.client_id] = order
        else:
            group.pop(order.client_id, None)

    def _is_over(self, order: Order) -> bool:
        """Whether nothing more can come of an order: ended, and all its fills booked."""
        return order.ended_for_good

    def _forget_old(self, now: int) -> None:
        latest = now - self.settings.keep_ended
        while self._ended:
            order = next(iter(self._ended.values()))
            if order.ended > latest and len(self._ended) <= self.settings.most_ended:
                return
            del self._ended[order.client_id]
            self._forget(order)

    def _forget(self, order: Order) -> None:
        """Drop an order that is over: a trade that still comes is told as late."""
        self._orders.pop(order.client_id, None)
        self._by_number.pop(order.order, None)
        self._by_venue.pop((order.instrument, order.venue_id), None)
        if not order.stranger:
            self._used_up[order.leg] = max(self._used_up.get(order.leg, -1), order.order)

    def _reserve(self, more: int) -> tuple[int, int]:
        """Weight that must stay free to cancel every open order, and to ask for each, with `more` orders on top.

        Cancelling all in every instrument is always possible, for there may be orders that are not known yet; and what
        an adapter asks by itself does not come out of the cancels' share.
        """
        count = self._live_count + more
        attempts = self.settings.cancel_attempts
        cancel = count * self._cost("cancel").weight + len(self._live) * self._cost("cancel_all").weight
        return cancel * attempts + self.budget.for_adapters, count * self._cost("query_order").weight

    def _cost(self, command: str) -> Cost:
        cost = self._costs.get(command)
        if cost is None:
            cost = self._costs[command] = self.port.cost(command)
        return cost

    # states

    def _move(self, order: Order, event: Event, now: int) -> bool:
        """Take one transition of the table; a contradiction makes the order UNKNOWN and returns False."""
        state = TRANSITIONS[order.state].get(event)
        if state is None or (event in (Event.REJECTED, Event.NO_EFFECT, Event.NOT_FOUND) and order.booked):
            self._contradict(order, event.name, now)
            return False
        self._changed[order.instrument] = now
        if state is order.state:
            return True
        was, order.state = order.state, state
        if state in ENDED:
            order.ended = now
            order.wish = False
            self._going.pop(order.client_id, None)
            for kind in (CANCEL, QUERY, ESCALATE):
                self._errands.drop(kind, order.client_id)
            self._sort(order)
        elif State.UNKNOWN in (was, state) or was is State.JOURNALED:
            self._sort(order)
        return True

    def _contradict(self, order: Order, what: str, now: int) -> None:
        """The venue contradicts itself: the order is in doubt until it answers a question asked from now on."""
        wait = 0
        if order.contradicted:  # it goes on: ask less and less often
            order.query_tries += 1
            wait = self._backoff(order.query_tries)
        else:
            text = f"{order.state.name} and then {what}"
            self._note(now, "contradiction", "pause", text, order.client_id, order.instrument)
            self._errands.add(ROUND, "", -1, now)
        order.contradicted = True
        order.time = 0
        order.filled = order.booked
        order.cancel_ref = 0
        self._enter_doubt(order, now)
        self._errands.add(QUERY, order.client_id, order.instrument, now + wait)

    def _backoff(self, tries: int) -> int:
        """How long to wait before something is tried once more."""
        return min(self.settings.retry_first << min(max(tries - 1, 0), 20), self.settings.retry_most)

    def _doubt(self, order: Order, now: int, wait: int) -> None:
        """What became of an order is not known; it is asked for after `wait`, unless the stream settles it before."""
        if order.state in ENDED:
            return
        if order.state is not State.UNKNOWN and self._move(order, Event.DOUBT, now):
            self._enter_doubt(order, now)
        self._errands.add(QUERY, order.client_id, order.instrument, now + wait)

    def _enter_doubt(self, order: Order, now: int) -> None:
        order.state = State.UNKNOWN
        order.unknown_since = now
        self._changed[order.instrument] = now
        self._sort(order)
        if not order.told:
            self._tell(Record.UNKNOWN, order)
        if order.wish and not order.cancel_tries:  # asked for while it was on its way
            self._errands.add(CANCEL, order.client_id, order.instrument, now)
        self._errands.add(ESCALATE, order.client_id, order.instrument, now + self.settings.unknown_patience)

    # what the session hears

    def _tell(self, kind: Record, order: Order, *, price: int = 0, qty: int = 0, leaves: int = 0) -> None:
        """Answer about an order's state; strangers are nobody's business in the engine."""
        if order.stranger:
            return
        reason = order.reason if kind in (Record.CANCELED, Record.REJECTED, Record.DENIED) else 0
        answer = Answer(
            kind=kind,
            order=order.order,
            leg=order.leg,
            instrument=order.instrument,
            side=order.side,
            price=price,
            qty=qty,
            leaves=leaves,
            reason=reason,
            venue_id=order.venue_id,
            exch_ts=order.time,
            client_id=order.client_id,
        )
        self.answers.append(answer)

    def _note(self, now: int, name: str, severity: str, text: str, client_id: str = "", instrument: int = -1) -> None:
        self.notes.append(Note(now, name, severity, text, client_id, instrument))

    def _hold(self, name: str, now: int, text: str) -> None:
        """Hold quoting for a reason; said once."""
        if name not in self.holds:
            self.holds.add(name)
            self._note(now, name, "pause", text)
