"""What the venue itself knows, watched while a run goes on: ids used twice, limits passed, exposure out of bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import takewhile
from typing import Any

import msgspec

from quotewright.domain.events import BID
from quotewright.domain.instrument import ASSET_ATOM
from quotewright.exchange.accounts import Account
from quotewright.exchange.api_errors import ApiError
from quotewright.exchange.faults import FaultPlane
from quotewright.exchange.hooks import Faults, HttpReply, Outcome, Request, VenueEvent
from quotewright.exchange.limits import Counters, Limits
from quotewright.exchange.replies import Pending
from quotewright.exchange.server import ExchangeServer
from quotewright.exchange.settings import ExchangeSettings
from quotewright.gateway.ids import ClientIds
from quotewright.simtest.plan import Plan

ACCOUNT = "desk"
DESK = "sim"
CANCELS = frozenset(("order.cancel", "openOrders.cancelAll"))
BUDGETED = frozenset(("order.place", "order.status", "openOrders.status", "myTrades", "account.status"))
_MOST_TOLD = 20
_MOST_REMEMBERED = 20_000
_LEG_BITS = 32


class Violation(msgspec.Struct, frozen=True):
    """An invariant that did not hold."""

    seed: int
    invariant: str
    time: float  # virtual seconds since the start
    text: str


class Violations:
    """Those of one run; the first few of each kind are kept."""

    def __init__(self, seed: int, start: int) -> None:
        self.found: list[Violation] = []
        self._seed = seed
        self._start = start
        self._told: dict[tuple[str, str], None] = {}

    def add(self, invariant: str, text: str, now: int, *, once: str = "") -> None:
        """Note one; `once` names the thing that is to be told of once."""
        key = (invariant, once or text)
        if key not in self._told and len(self.found) < _MOST_TOLD:
            self._told[key] = None
            self.found.append(Violation(self._seed, invariant, (now - self._start) / 1e9, text))


class WatchedFaults:
    """The fault plane, with an ear for what reaches the venue."""

    def __init__(self, plane: FaultPlane, violations: Violations) -> None:
        self.plane = plane
        self.applied = plane.applied
        self.orders = 0
        self.placed: dict[str, None] = {}  # client ids, the latest
        self.banned = plane.banned
        self.refuse_connect = plane.refuse_connect
        self.clock_skew = plane.clock_skew
        self.engine_delay = plane.engine_delay
        self.frozen = plane.frozen
        self.balance_lag = plane.balance_lag
        self.next_due = plane.next_due
        self.after_request = plane.after_request
        self.on_frame = plane.on_frame
        self._violations = violations

    def before_request(self, request: Request, now: int) -> Outcome | None:
        """See `hooks.Faults`; a client id that comes a second time is a violation."""
        if request.kind == "order.place":
            client_id = request.params.get("newClientOrderId", "")
            if not client_id or client_id in self.placed:
                self._violations.add("no order twice", f"{client_id or 'no id'} came again", now)
            self.placed[client_id] = None
            self.orders += 1
            if len(self.placed) > _MOST_REMEMBERED:
                del self.placed[next(iter(self.placed))]
        return self.plane.before_request(request, now)

    def due_events(self, now: int) -> list[VenueEvent]:
        """See `hooks.Faults`."""
        return self.plane.due_events(now)

    def control(self, method: str, path: str, body: bytes, now: int) -> HttpReply:
        """See `hooks.Faults`."""
        return self.plane.control(method, path, body, now)


class WatchedCounters(Counters):
    """The venue's counters; a cancel refused for weight is a violation: some is reserved for it. So is any other
    message of the gateway's budget, and an order too many; what the adapter asks for itself may be refused.

    A new session cannot know how many orders the one before it placed, so until `forgiven` only weight is judged.
    """

    def __init__(self, limits: Limits, violations: Violations) -> None:
        super().__init__(limits)
        self._violations = violations
        self.forgiven = 0
        self.kind = ""  # of the request being judged

    def request(self, address: str, weight: int, now: int) -> None:
        """See `Counters`."""
        try:
            super().request(address, weight, now)
        except ApiError as error:
            if self.kind in CANCELS:
                self._violations.add("cancel reserve", f"{self.kind}: {error}", now, once="cancel")
            elif self.kind in BUDGETED:
                self._violations.add("weight limit", f"{self.kind}: {error}", now, once="weight")
            raise

    def order(self, account: str, now: int) -> None:
        """See `Counters`."""
        try:
            super().order(account, now)
        except ApiError as error:
            if now > self.forgiven:
                self._violations.add("order limit", f"{error}", now, once="orders")
            raise


class WatchedServer(ExchangeServer):
    """The venue, which lets its counters know what is being judged."""

    def __init__(self, settings: ExchangeSettings, now: int, faults: Faults, counters: WatchedCounters) -> None:
        super().__init__(settings, now, faults)
        self._watched = self.venue.counters = counters

    def _begin(self, pending: Pending, *given: Any, **named: Any) -> None:
        self._watched.kind = pending.request.kind
        super()._begin(pending, *given, **named)


class Observer:
    """Positions and open orders of every leg as the venue has them, against the limits of each."""

    def __init__(self, plan: Plan, server: ExchangeServer, violations: Violations) -> None:
        self.legs: dict[int, Sequence[tuple[str, str]]] = {}  # (agent, instrument) of each leg by session
        self.positions: dict[tuple[str, str], int] = {}  # position atoms
        self.fills = 0
        self._server = server
        self._account: Account = server.accounts[ACCOUNT]
        self._violations = violations
        self._ids = ClientIds(DESK, 0)
        self._seen = [0 for _ in plan.instruments]  # id of the latest fill of each symbol
        self._changes = -1
        self._instruments = plan.instruments
        self._atoms = [instrument.atoms_per_lot for instrument in plan.instruments]
        self._rules = [server.venue.symbols[instrument.symbol].rules for instrument in plan.instruments]
        self._symbols = [server.venue.symbols[instrument.symbol] for instrument in plan.instruments]
        self._owners: dict[str, tuple[str, str] | None] = {}
        self._limits: dict[tuple[str, str], tuple[int, Fraction]] = {}
        for agent in plan.agents:
            for instrument, mid in zip(plan.instruments, plan.mids, strict=True):
                if agent.instruments and instrument.name not in agent.instruments:
                    continue
                limits = agent.limits.to_limits(instrument, 2 * mid)
                notional = limits["max_open_notional"] * instrument.money_unit / ASSET_ATOM
                most = limits["max_position"] * instrument.atoms_per_lot
                self._limits[agent.name, instrument.name] = (most, notional)

    def owner(self, client_id: str) -> tuple[str, str] | None:
        """Agent and instrument of an order of ours; None if it is not ours."""
        if client_id not in self._owners:
            if len(self._owners) > _MOST_REMEMBERED:
                self._owners.clear()
            parsed = self._ids.parse(client_id)
            legs = self.legs.get(parsed.session, ()) if parsed else ()
            number = (parsed.order >> _LEG_BITS) - 1 if parsed else -1
            self._owners[client_id] = legs[number] if 0 <= number < len(legs) else None
        return self._owners[client_id]

    def look(self, now: int) -> None:
        """Take in what has changed, and judge it."""
        changes = sum(symbol.last_execution for symbol in self._symbols)
        if changes == self._changes:
            return
        self._changes = changes
        open_lots: dict[tuple[str, str], list[int]] = {}
        values: dict[tuple[str, str], int] = {}
        for index, instrument in enumerate(self._instruments):
            self._take_fills(index, now)
            rules, atoms = self._rules[index], self._atoms[index]
            for order in self._account.open.get(instrument.symbol, {}).values():
                key = self.owner(order.client_id)
                if key is None:
                    self._violations.add("no stranger", f"{order.client_id} is of no session", now)
                    continue
                left = order.qty - order.filled
                open_lots.setdefault(key, [0, 0])[order.side != BID] += left * atoms
                values[key] = values.get(key, 0) + order.price * left * rules.value
        for key, (buys, sells) in open_lots.items():
            most, notional = self._limits[key]
            position = self.positions.get(key, 0)
            if (buys and position + buys > most) or (sells and sells - position > most):
                text = f"{key[0]} on {key[1]}: position {position}, open +{buys} −{sells}, limit {most} atoms"
                self._violations.add("position limit", text, now, once=f"{key}")
            if values[key] > notional:
                text = f"{key[0]} on {key[1]}: {values[key]} atoms open, limit {float(notional):.0f}"
                self._violations.add("open limit", text, now, once=f"{key}")

    def _take_fills(self, index: int, now: int) -> None:
        instrument = self._instruments[index]
        fills = self._account.fills.get(instrument.symbol)
        if not fills or fills[-1].id == self._seen[index]:
            return
        fresh = list(takewhile(lambda fill: fill.id > self._seen[index], reversed(fills)))
        for fill in reversed(fresh):
            order = self._account.orders[instrument.symbol, fill.order]
            key = self.owner(order.client_id)
            self.fills += 1
            if key is None:
                self._violations.add("no stranger", f"{order.client_id} is of no session", now)
                continue
            atoms = fill.side * fill.qty * self._atoms[index]
            if fill.fee_asset == instrument.base:
                atoms -= fill.fee
            self.positions[key] = self.positions.get(key, 0) + atoms
        self._seen[index] = fills[-1].id

    def totals(self) -> Mapping[str, int]:
        """Free and locked atoms of every asset."""
        account = self._account
        return {asset: account.free[asset] + account.locked.get(asset, 0) for asset in account.free}

    def open_ids(self) -> list[str]:
        """Client ids of every open order of the account."""
        return [order.client_id for orders in self._account.open.values() for order in orders.values()]
