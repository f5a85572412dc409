"""The gateway: commands in, the venue's facts in, answers out. It reads no clock and does no I/O.

    command ──► budget ──► port.place / cancel ──► adapter ──► venue
    answers ◄── life cycle ◄── facts: reports, trades, failures, lists ◄──┘

Call `command`, `on_fact` and `on_time` with the local time; take `answers` and `notes` after every call, and call
`on_time` no later than `next_due`. A command must be in the journal before it is given to a gateway.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence

from quotewright.domain.journal import Record, Reject
from quotewright.domain.messages import CANCEL as CANCEL_COMMAND
from quotewright.domain.messages import PLACE as PLACE_COMMAND
from quotewright.gateway.budget import Budget
from quotewright.gateway.errands import CANCEL, ESCALATE, QUERY, ROUND, UNBLOCK, Errand
from quotewright.gateway.ids import ClientIds
from quotewright.gateway.lifecycle import ENDED, Event, Order, State
from quotewright.gateway.messages import Answer, Command, KnownOrder
from quotewright.gateway.port import (
    Alarm,
    Balances,
    CancelAllDone,
    Cleared,
    Fact,
    Failure,
    OpenOrders,
    OrderReport,
    Rule,
    StreamDown,
    StreamUp,
    TradeList,
    TradeReport,
    Used,
    VenuePort,
)
from quotewright.gateway.reconcile import Reconciling
from quotewright.gateway.settings import GatewaySettings

_Work = Command | Fact | Callable[[int], None] | None


class Gateway(Reconciling):
    """One account at one venue."""

    def __init__(
        self,
        port: VenuePort,
        settings: GatewaySettings,
        ids: ClientIds,
        attribute: Callable[[str], int],
        budget: Budget | None = None,
    ) -> None:
        super().__init__(port, settings, ids, attribute, budget)
        self._begin_sending()
        self._begin_booking()
        self._begin_reconciling()
        self._started = False
        self._busy = False
        self._inbox: deque[tuple[_Work, int]] = deque()

    # the session's side

    def restore(
        self,
        orders: Sequence[KnownOrder],
        seen_trades: Mapping[int, Collection[int]],
        balances: Mapping[str, int] | None,
        since: int,
        now: int,
    ) -> None:
        """Take in what a journal holds, before `start`.

        `seen_trades` are ids by instrument; `balances` the totals in atoms with exactly those trades in them (None: not
        known, the venue's are then taken as right); `since` the time of the account's first session: older trades of
        unknown orders are history.
        """
        self._history_before = since - self.settings.clock_margin
        for instrument, ids in sorted(seen_trades.items()):
            self._trades[instrument].restore(ids, self.settings.trade_overlap)
        if balances is not None:
            self._holdings.restore(balances)
            self._history_ends = now + self.settings.clock_margin
        elif any(seen_trades.values()):  # whose amounts nobody knows: a reading that lags may lack them
            self._readings_from = now
        for known in orders:
            order = Order(
                client_id=known.client_id,
                order=known.order,
                leg=known.leg,
                instrument=known.instrument,
                side=known.side,
                price=known.price,
                qty=known.qty,
                flags=known.flags,
                venue_id=known.venue_id,
                booked=known.filled,
                filled=known.filled,
                expected=known.qty if known.total < 0 else known.total,
                told=known.total >= 0,
                sent=now,
                wish=known.canceling,
            )
            self._add(order)

    def start(self, now: int) -> None:
        """Begin: every restored order is in doubt until the venue has spoken of it."""
        self._started = True
        if self.port.capabilities.user_stream and not self.stream_up:
            self.holds.add("stream")
        self._history_before = self._history_before or now - self.settings.clock_margin
        for order in list(self._orders.values()):
            if order.state is State.JOURNALED:
                self._doubt(order, now, 2 * self.settings.stream_patience)
        if self.stream_up or not self.port.capabilities.user_stream:
            self._begin_round(now)
        self._work(None, now)

    def command(self, c: Command, now: int) -> None:
        """Place or cancel an order; what comes of it stands in `answers`, at once or later."""
        self._work(c, now)

    def on_fact(self, fact: Fact, now: int) -> None:
        """Take what the adapter reports; may be called from within a call to the port."""
        self._work(fact, now)

    def on_time(self, now: int) -> None:
        """Do what is due."""
        self._work(None, now)

    def next_due(self) -> int:
        """When `on_time` has something to do next, ns; 2**63 - 1: never."""
        return self._next_sending()

    def cancel_everything(self, now: int) -> None:
        """Cancel all orders and place none until `resume`; `everything_cancelled` says when the venue has confirmed."""
        self._work(self._stop, now)

    def resume(self, now: int) -> None:
        """Allow places again after `cancel_everything`."""
        self.stopping = False
        self.holds.discard("stopped")
        self._work(None, now)

    @property
    def everything_cancelled(self) -> bool:
        """Stopping, every order ended with all its fills booked, and the venue lists no open order of ours since."""
        quiet = self.stopping and self._nothing_rests() and not self._ownerless
        return quiet and all(self._is_confirmed(i) for i in range(len(self.port.instruments)))

    def accept_balances(self, now: int) -> None:
        """A person says that the venue's balances are right, whatever trades say: deposits, withdrawals."""
        self._holdings.accept()
        self.holds.discard("balances")
        self._differ_since = self._differ_first = 0
        self._work(self._begin_round, now)

    def abandon(self, client_id: str, now: int) -> bool:
        """A person says that an order in doubt rests nowhere and has no more fills; False if it is not in doubt."""
        order = self._orders.get(client_id)
        in_doubt = order is not None and order.state is State.UNKNOWN
        if order is not None and in_doubt:
            self._note(now, "abandoned", "note", "taken for ended, by a person's word", client_id, order.instrument)
            order.filled = order.booked
            self._end(order, Event.CANCELED if order.booked else Event.REJECTED, Reject.UNKNOWN_ORDER, now)
        self._work(None, now)
        return in_doubt

    # the work

    def _work(self, work: _Work, now: int) -> None:
        """Take work in the order of arrival, never one piece within another, then do what is due."""
        if self._busy:
            self._inbox.append((work, now))
            return
        self._busy = True
        try:
            if self._inbox:  # an error left something there
                self._inbox.append((work, now))
            else:
                self._take_in(work, now)
                if self._started:
                    self._do_due(now)
            while self._inbox:
                item, at = self._inbox.popleft()
                self._take_in(item, at)
                if self._started:
                    self._do_due(at)
            self._look_ahead(now)
        finally:
            self._busy = False

    def _take_in(self, work: _Work, now: int) -> None:
        if isinstance(work, Command):  # before all else: an order wants to leave
            self._on_command(work, now)
            return
        match work:
            case None:
                pass
            case OrderReport():
                self._on_report(work, now)
            case TradeReport():
                self._on_trade(work, now)
            case Failure():
                self._on_failure(work, now)
            case OpenOrders():
                self._on_open_orders(work, now)
            case TradeList():
                self._on_trade_list(work, now)
            case CancelAllDone():
                self._on_cancel_all(work, now)
            case Balances():
                self._on_balances(work, now)
            case Used():
                self.budget.correct(self.settings.account, work.kind, work.interval, work.used, now)
            case Rule():
                self.budget.rule(self.settings.account, work.kind, work.interval, work.limit)
            case StreamUp() | StreamDown() | Alarm() | Cleared():
                self._on_condition(work, now)
            case _:
                work(now)

    def _on_command(self, c: Command, now: int) -> None:
        order = self._by_number.get(c.order)
        if c.kind == PLACE_COMMAND:
            client_id = self.ids.make(c.order)
            if order is not None or c.order <= self._used_up.get(c.leg, -1) or client_id in self._orders:
                self._note(now, "order-twice", "halt", f"order {c.order} was placed before", "", c.instrument)
            else:
                self._place(c, client_id, now)
        elif c.kind == CANCEL_COMMAND:
            if order is None or (order.state in ENDED and order.ended_for_good):
                self.answers.append(self._refused(c, Reject.UNKNOWN_ORDER))
            elif order.state not in ENDED:
                order.wish = True
                if self._can_cancel(order) and self.budget.blocked_until <= now and self._started:
                    self._send_cancel(order, now)
                else:
                    self._want_cancel(order, now)
        else:
            self._note(now, "no-amend", "note", f"order {c.order} cannot be amended here", "", c.instrument)
            self.answers.append(self._refused(c, Reject.OTHER))

    @staticmethod
    def _refused(c: Command, reason: Reject) -> Answer:
        return Answer(Record.CANCEL_REJECTED, c.order, c.leg, c.instrument, c.side, reason=reason)

    def _on_condition(self, fact: StreamUp | StreamDown | Alarm | Cleared, now: int) -> None:
        match fact:
            case StreamUp():
                self.stream_up = True
                self.holds.discard("stream")
                self.holds.add("reconcile")
                if self._started:
                    self._begin_round(now)
            case StreamDown():
                self.stream_up = False
                self._hold("stream", now, fact.why)
            case Alarm():
                if fact.severity == "note":
                    self._note(now, fact.name, "note", fact.text, "", fact.instrument)
                    return
                if _hold_name(fact) not in self.holds:
                    self._note(now, fact.name, fact.severity, fact.text, "", fact.instrument)
                self.holds.add(_hold_name(fact))
            case Cleared():
                self.holds.discard(_hold_name(fact))

    def _do_due(self, now: int) -> None:
        """Everything due: cancels first, then doubts, then the rest."""
        if self._deadlines and self._deadlines[0][0] <= now:
            self._time_out(now)
        if self.stopping:
            self._confirm_stop(now)
        if self._errands.any_due(now):
            self._do_errands(now)
        if self.holds:
            self._review_holds(now)

    def _do_errands(self, now: int) -> None:
        cancels: list[Errand] = []
        due = self._errands.take_due(now)
        for errand in due:
            if errand.kind == CANCEL:
                cancels.append(errand)
        if cancels:
            self._send_cancels(cancels, now)
        for errand in due:
            if errand.kind != CANCEL:
                self._do(errand, now)
        self._forget_old(now)

    def _do(self, errand: Errand, now: int) -> None:
        if errand.kind == ESCALATE:
            self._errands.finish(errand)
            order = self._orders.get(str(errand.subject))
            if order is not None and order.state is State.UNKNOWN:
                self._hold("unknown", now, f"{order.client_id} has been in doubt for long")
        elif errand.kind == UNBLOCK:
            self._unblock(errand, now)
        elif errand.kind == ROUND:
            self._begin_round(now)
            self._inbox.append((None, now))  # its questions are due now
        else:
            self._send_question(errand, now)

    def _unblock(self, errand: Errand, now: int) -> None:
        """A ban or limit is over: what it held back has gone out by now, cancels first; then compare everything."""
        if self.budget.blocked_until > now:
            self._errands.move(errand, self.budget.blocked_until)
            return
        self._errands.finish(errand)
        self.holds -= {"banned", "limited"}
        self.holds.add("reconcile")
        self._begin_round(now)
        self._inbox.append((None, now))

    def _stop(self, now: int) -> None:
        self.stopping = True
        self.holds.add("stopped")
        for order in self.live_orders():
            if order.state not in ENDED and order.policy != "refuse":
                self._want_cancel(order, now)
        for order in list(self._unknown.values()):
            self._errands.add(QUERY, order.client_id, order.instrument, now)


def _hold_name(fact: Alarm | Cleared) -> str:
    return fact.name if fact.instrument < 0 else f"{fact.name}:{fact.instrument}"
