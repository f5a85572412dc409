"""Our picture against the venue's: at the start, after every reconnect, after contradictions, and on a timer.

A list that was asked for lies behind the stream by up to `rest_lag`, so an order may be missing from it that was
acknowledged after, and stand in it though it has ended since. What still disagrees then is asked for order by order;
what disagrees for long holds quoting.
"""

from __future__ import annotations

from collections.abc import Mapping

from quotewright.gateway.booking import Booking
from quotewright.gateway.errands import BALANCES, FILLS, OPEN_ORDERS, ROUND, TRADES, Errand
from quotewright.gateway.holdings import describe
from quotewright.gateway.lifecycle import ENDED, Order, State
from quotewright.gateway.port import Balances, CancelAllDone, OpenOrders, TradeList
from quotewright.gateway.sending import Asked


class Reconciling(Booking):
    """Rounds of questions about everything, and what their answers mean."""

    def _begin_reconciling(self) -> None:
        self._round: set[tuple[int, int]] = set()  # questions of this round that are not answered
        self._listed = [
            0 for _ in self.port.instruments
        ]  # when the last list was asked for with nothing to cancel in it
        self._list_sent = [0 for _ in self.port.instruments]  # when the last list at all was asked for
        self._differences: dict[str, int] = {}
        self._reading: tuple[Mapping[str, tuple[int, int]], int] = ({}, 0)  # and the earliest it may be as of
        self._begun = False  # balances were read once to begin with
        self._readings_from = 0  # what balances were before is of no use to begin with
        self._differ_since = 0  # the same differences
        self._differ_first = 0  # any

    def _begin_round(self, now: int) -> None:
        """Ask for open orders and new trades of every instrument, and for balances."""
        self._errands.drop(ROUND, "")
        for instrument in range(len(self.port.instruments)):
            self._ask_in_round(OPEN_ORDERS, instrument, now)
            self._ask_in_round(TRADES, instrument, now)
        self._ask_in_round(BALANCES, 0, now)

    def _ask_in_round(self, kind: int, instrument: int, now: int) -> None:
        errand = self._errands.add(kind, instrument, instrument, now)
        if errand.ref:  # asked before this round began: what happened since is not in its answer
            self._errands.move(errand, now)
        self._round.add((kind, instrument))

    def _answered(self, ref: int) -> Asked | None:
        """The question an answer belongs to, with its errand done; None if it came too late."""
        asked = self._asked.pop(ref, None)
        if asked is None:
            return None
        self.holds.discard("clock")
        if asked.errand is not None and asked.errand.ref == ref:
            self._errands.finish(asked.errand)
        elif asked.errand is not None:
            asked.errand = None
        return asked

    def _done_in_round(self, errand: Errand | None, now: int) -> None:
        if errand is None or not self._round:
            return
        self._round.discard((errand.kind, errand.instrument))
        if not self._round:
            self._errands.add(ROUND, "", -1, now + self.settings.reconcile_every)
            self._judge_balances(now)

    def _is_settled(self) -> bool:
        """Whether no order is in doubt and every fill that the venue told of is booked."""
        if self._unknown or self._unbooked or self._ownerless:
            return False
        return all(order.booked >= order.filled or order.stranger for order in self.live_orders())

    def _review_holds(self, now: int) -> None:
        """Take back what holds for no longer; after a start or reconnect only when no doubt is left."""
        holds = self.holds
        if not self._round and self._is_settled() and (self.stream_up or not self.port.capabilities.user_stream):
            holds.discard("starting")
            holds.discard("reconcile")
        if not self._unknown:
            holds.discard("unknown")
        if not self._unbooked:
            holds.discard("fills")
        if not self._ownerless:
            holds.discard("trades")
        if "budget" in holds and self.budget.free(now) >= sum(self._reserve(0)):
            holds.discard("budget")
        if "strangers" in holds and not any(order.policy == "refuse" for order in self.live_orders()):
            holds.discard("strangers")

    # answers

    def _on_open_orders(self, fact: OpenOrders, now: int) -> None:
        asked = self._answered(fact.ref)
        seen: set[str] = set()
        to_cancel = False
        for report in fact.orders:
            self._on_report(report, now, fact.sent)
            order = self._find(report.client_id, report.instrument, report.venue_id)
            if order is not None:
                seen.add(order.client_id)
                to_cancel |= order.policy != "refuse"
        for order in list(self._live[fact.instrument].values()):
            if order.client_id not in seen:
                self._missing(order, fact.sent, now)
        self._list_sent[fact.instrument] = max(self._list_sent[fact.instrument], fact.sent)
        if not to_cancel:
            self._listed[fact.instrument] = max(self._listed[fact.instrument], fact.sent)
        if asked is not None:
            self._done_in_round(asked.errand, now)

    def _missing(self, order: Order, sent: int, now: int) -> None:
        """An order of ours that a list of open orders lacks has ended, unless the list is older than the order."""
        if order.state in ENDED or order.state is State.SENT or sent < order.heard + self.settings.rest_lag:
            return
        if order.cancel_ref == 0:  # otherwise the answer to its cancel will tell
            self._doubt(order, now, 0)

    def _on_trade_list(self, fact: TradeList, now: int) -> None:
        asked = self._answered(fact.ref)
        for trade in fact.trades:
            self._on_trade(trade, now)
        if asked is None or asked.errand is None:
            return
        errand = asked.errand
        seen = self._trades[fact.instrument]
        if errand.kind == TRADES:
            if fact.trades:
                seen.listed(max(trade.trade_id for trade in fact.trades))
            if fact.complete or not fact.trades:
                self._done_in_round(errand, now)
            else:
                self._errands.add(TRADES, errand.subject, errand.instrument, now)
        elif errand.kind == FILLS and asked.order is not None and asked.order.booked < asked.order.filled:
            self._fills_missing(asked.order, now)

    def _on_cancel_all(self, fact: CancelAllDone, now: int) -> None:
        self._answered(fact.ref)
        for report in fact.orders:
            self._on_report(report, now)
        for order in self._asked_to_cancel(fact.ref):
            order.cancel_ref = 0
            self._doubt(order, now, self.settings.stream_patience)

    # balances

    def _on_balances(self, fact: Balances, now: int) -> None:
        asked = self._answered(fact.ref) if fact.ref else None
        self._holdings.view(fact.balances, fact.time)
        if asked is None or asked.errand is None:
            return
        self._reading = (fact.balances, asked.sent - 2 * self.settings.rest_lag)
        if self._round:
            self._done_in_round(asked.errand, now)
        else:
            self._judge_balances(now)

    def _judge_balances(self, now: int) -> None:
        """Compare the last reading with what trades say; in a round only once all its trades are in."""
        settings = self.settings
        balances, since = self._reading
        if not balances:
            return
        if not self._holdings.known:
            if since < self._readings_from:
                self._errands.add(ROUND, "", -1, self._readings_from + 2 * settings.rest_lag)
                return
            if not self._is_settled() or not self._holdings.begin(balances, since):
                first, self._begun = not self._begun, True
                self._errands.add(ROUND, "", -1, now + (settings.rest_lag if first else settings.reconcile_every))
            return
        differences = self._holdings.compare(balances, since)
        if not differences:
            self._differ_since = self._differ_first = 0
            self._differences = {}
            self.holds.discard("balances")
            return
        if differences != self._differences:
            self._differences = differences
            self._differ_since = now
            if not self._differ_first:
                self._differ_first = now
                for instrument in range(len(self.port.instruments)):  # perhaps trades are missing
                    self._errands.add(TRADES, instrument, instrument, now)
        lasting = now - self._differ_since >= settings.conflict_patience
        if lasting or now - self._differ_first >= 6 * settings.conflict_patience:
            self._hold("balances", now, f"the venue holds more than trades explain: {describe(differences)}")
        self._errands.add(BALANCES, 0, 0, now + (settings.conflict_patience if lasting else settings.rest_lag))

    # stops

    def _is_confirmed(self, instrument: int) -> bool:
        """Whether a list asked for after the last change showed nothing of ours resting."""
        return self._listed[instrument] >= self._changed[instrument] + self.settings.rest_lag

    def _nothing_rests(self) -> bool:
        return all(order.policy == "refuse" for order in self.live_orders())

    def _confirm_stop(self, now: int) -> None:
        """While stopping: once nothing is known to rest, have the venue confirm it."""
        if not self._nothing_rests() or self._ownerless:
            return
        for instrument in range(len(self.port.instruments)):
            if not self._is_confirmed(instrument):
                again = self._list_sent[instrument] + self.settings.retry_first
                due = max(now, again, self._changed[instrument] + self.settings.rest_lag)
                self._errands.add(OPEN_ORDERS, instrument, instrument, due)
