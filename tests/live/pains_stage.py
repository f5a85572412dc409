"""A session, its venue and the network between them under a virtual clock, for scenarios in which the test decides
what happens when: what the market trades, which fault strikes, when the process dies.

The session is made as in `simtest`, over the native adapter; the venue's own books are there to be compared with ours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import Any, cast

import numpy as np

from quotewright.domain.events import ASK, BID
from quotewright.domain.instrument import ASSET_ATOM, Instrument
from quotewright.domain.journal import IOC, JOURNAL, Record
from quotewright.exchange.accounts import Account
from quotewright.exchange.fault_schedule import rule_from_dict
from quotewright.exchange.faults import FaultPlane
from quotewright.exchange.hooks import Outcome, Request
from quotewright.exchange.keys import ApiKey
from quotewright.exchange.limits import Limits
from quotewright.exchange.markets import HOUSE
from quotewright.exchange.orders import Fill, Order
from quotewright.exchange.quiet_market import QuietMarket, QuietSettings
from quotewright.exchange.server import ExchangeServer
from quotewright.exchange.settings import AccountSettings, ExchangeSettings
from quotewright.exchange.tickets import Ticket
from quotewright.gateway.gateway import Gateway
from quotewright.gateway.lifecycle import State
from quotewright.live.carry import Carry, read_carry
from quotewright.live.operator import Operator
from quotewright.live.session import Session
from quotewright.live.status import session_status
from quotewright.risk.profile import RiskProfile
from quotewright.sessions.agents import AgentSpec
from quotewright.simtest.network import Network
from quotewright.simtest.observer import ACCOUNT, Observer, Violations
from quotewright.simtest.plan import MS, SECOND, START, VENUE, Plan
from quotewright.simtest.process import Process, session_markets
from quotewright.storage.session_log import RECORDS, read_log

MID = 10_000  # ticks of 0.01, in every instrument
FEE = "0.001"
ROOMY = RiskProfile(max_position=5_000.0, max_order=1_000.0, max_open=20_000.0, max_loss=1_000.0)


def spot(base: str, maker: str = FEE, taker: str = FEE) -> Instrument:
    """A pair as the venue of the scenarios states it; a lot at the middle is worth 0.1."""
    return Instrument(
        VENUE, f"{base}USD", "spot", base, "USD", "0.01", "0.001", min_qty="0.001", max_qty="9000", min_notional="1",
        min_price="0.01", max_price="100000", maker_rate=maker, taker_rate=taker, fee_asset="received",
    )  # fmt: skip


def quoter(name: str, *, away: float = 10.0, levels: int = 1, limits: RiskProfile = ROOMY, **given: Any) -> AgentSpec:
    """An agent that quotes 200 lots a level, the first `away` bp from the middle, on both instruments unless told."""
    params = {"order_notional": 20.0, "max_inventory": 20.0, "levels": float(levels), "half_spread": away, "skew": 0.0}
    return AgentSpec(name, "ladder", params, limits, interval_ms=100.0, **given)


IDLE = quoter("idle", away=300.0)  # far from the market: for scenarios of orders by hand


class HeardFaults(FaultPlane):
    """The fault plane, which remembers what reached the venue."""

    def __init__(self) -> None:
        super().__init__(Random(1), (), START)
        self.heard: list[tuple[int, Request]] = []

    def before_request(self, request: Request, now: int) -> Outcome | None:
        """Remember it."""
        self.heard.append((now, request))
        return super().before_request(request, now)


class Stage:
    """See the module. Times are virtual; `trace` takes every message for whoever looks for a cause."""

    def __init__(
        self,
        folder: Path,
        *agents: AgentSpec,
        limits: Limits | None = None,
        latency: int = MS,
        balance: str = "1000",
        rates: tuple[str, str] = (FEE, FEE),
        move: float = 0.0,
        take: float = 0.0,
        half_spread: int = 20,
        make_gateway: Callable[..., Gateway] = Gateway,
    ) -> None:
        self.folder = folder / "log"
        self.instruments = (spot("AAA", *rates), spot("BBB", *rates))
        self.plan = Plan(
            1, 0, self.instruments, (MID, MID), agents or (IDLE,), 200 * MS, latency, 0, limits or Limits(), balance,
            (), (), (), (), "cancel", 2 * SECOND,
        )  # fmt: skip
        self.faults = HeardFaults()
        self.now = START
        self._secret = f"{Random(9).getrandbits(128):032x}"
        markets = [
            QuietSettings(each, 1, MID, 100 * MS, half_spread, 5, 2_000, move, take, 300) for each in self.instruments
        ]
        money = {"AAA": balance, "BBB": balance, "USD": f"{balance}000"}
        account = AccountSettings(ACCOUNT, [ApiKey("sim-key", self._secret)], money, *rates)
        self.server = ExchangeServer(ExchangeSettings(markets, [account], self.plan.limits), START, self.faults)
        self.violations = Violations(1, START)
        self.lines: list[str] = []
        self.network = Network(self.server, Random(2), latency, 0, (), START, self._say, lambda digested: None)
        self.begun = dict(self.account.free)
        self.observer = Observer(self.plan, self.server, self.violations)
        self.process: Process
        self._make_gateway = make_gateway
        self._checks: list[Callable[[], None]] = []

    def _say(self, now: int, text: str) -> None:
        self.lines.append(f"{(now - START) / SECOND:9.4f} {text}")

    # the session

    def begin(self, *, settled: bool = True) -> Stage:
        """Start a session from the log; with `settled` wait until it may quote."""
        self.process = Process(
            self.plan, self.folder, self.network, self.observer, self.violations, self._secret, Random(3),
            self._make_gateway,
        )  # fmt: skip
        self.process.start(self.now)
        if settled:
            self.until(lambda: not self.process.settled())
        return self

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        if not self.process.ended:
            self.kill()

    def kill(self) -> None:
        """kill -9."""
        self.process.kill(self.now, noticed=True)
        self.run(0.1)

    @property
    def session(self) -> Session:
        """The session that runs."""
        assert self.process.session is not None
        return self.process.session

    @property
    def gateway(self) -> Gateway:
        """Its gateway."""
        assert self.process.gateway is not None
        return self.process.gateway

    @property
    def operator(self) -> Operator:
        """Its operator's desk."""
        operator = self.process._operator  # pyright: ignore[reportPrivateUsage]
        assert operator is not None
        return operator

    def word(self, do: str, **given: Any) -> dict[str, Any]:
        """An operator's word, at once; raises InputError."""
        self.process.wire.now = self.now
        return self.operator.carry_out({"do": do, **given}, self.now)

    def order(self, side: str, price: str, qty: str, kind: str = "limit", agent: str = "idle", on: str = "AAA") -> bool:
        """An order by hand; whether it was sent."""
        word = {"agent": agent, "instrument": f"{VENUE}:{on}USD", "side": side, "price": price, "qty": qty}
        return bool(self.word("order", type=kind, **word)["sent"])

    def stop(self, kind: str, seconds: float = 60) -> None:
        """Ask for a stop, and wait for the session's end."""
        self.process.ask_stop(kind, self.now)
        self.until(lambda: self.process.ended == "stopped", seconds)

    # time

    def always(self, check: Callable[[], None]) -> None:
        """Have something looked at after every event from now on."""
        self._checks.append(check)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + int(seconds * SECOND)
        while self._advance(end):
            for check in self._checks:
                check()

    def until(self, condition: Callable[[], object], seconds: float = 30) -> None:
        """Let time pass until something holds."""
        end = self.now + int(seconds * SECOND)
        while not condition():
            assert self.now < end, f"not within {seconds} s: {self.process.settled()}\n" + "\n".join(self.lines[-12:])
            self.run(0.01)

    def _advance(self, end: int) -> bool:
        due = min(self.network.next_due(), self.process.next_due())
        if due > end:
            self.now = end
            self.network.run(end)
            if not self.process.ended:
                self.process.look(end)
            return False
        self.now = max(self.now, due)
        self.network.run(self.now)
        if not self.process.ended:
            if self.process.next_due() <= self.now:
                self.process.on_time(self.now)
            self.process.look(self.now)
        return True

    # the venue

    @property
    def account(self) -> Account:
        """The account in the venue's own books."""
        return self.server.accounts[ACCOUNT]

    def open(self, base: str = "", side: int = 0) -> list[Order]:
        """Orders that rest at the venue."""
        names = [f"{base}USD"] if base else list(self.account.open)
        orders = [order for name in names for order in self.account.open.get(name, {}).values()]
        return [order for order in orders if side in (0, order.side)]

    def fills(self, base: str = "") -> list[Fill]:
        """The account's fills at the venue."""
        return [fill for name, fills in self.account.fills.items() if base in name for fill in fills]

    @property
    def in_doubt(self) -> int:
        """Orders that the gateway does not know the state of."""
        return sum(order.state is State.UNKNOWN for order in self.gateway.live_orders())

    def of(self, agent: str, base: str = "") -> list[Order]:
        """Orders of one of our agents that rest at the venue."""
        orders = [(order, self.observer.owner(order.client_id)) for order in self.open(base)]
        return [order for order, owner in orders if owner is not None and owner[0] == agent]

    def asked(self, kind: str, since: int = 0) -> list[Request]:
        """Requests of a kind that reached the venue."""
        return [request for at, request in self.faults.heard if request.kind == kind and at >= since]

    def fault(self, kind: str, seconds: float = 0, **given: Any) -> int:
        """Put a fault in force now, for so long or until `heal`."""
        rule = {"kind": kind, **given, **({"to": seconds} if seconds else {})}
        return self.faults.add(rule_from_dict(rule), self.now)

    def heal(self) -> None:
        """No fault any more."""
        self.faults.clear()

    def trade(self, base: str, side: int, price: int, lots: int) -> None:
        """Someone else's taker of a side comes to the market."""
        symbol = self.server.venue.symbols[f"{base}USD"]
        symbol.market.place(0, HOUSE, side, price, lots, IOC, self.now)
        self._publish(base)

    def _publish(self, base: str) -> None:
        self.server.venue.trading.settle(self.server.venue.symbols[f"{base}USD"], self.now)
        self.server.venue.publishers[f"{base}USD"].tell_at_once(self.now)
        self.network.collect(self.now)

    def move(self, base: str, ticks: int) -> None:
        """The whole market moves at once; what stands in its way is taken."""
        symbol = self.server.venue.symbols[f"{base}USD"]
        market = cast(QuietMarket, symbol.market)
        market._mid += ticks  # pyright: ignore[reportPrivateUsage]
        market._requote(self.now)  # pyright: ignore[reportPrivateUsage]
        self._publish(base)

    def foreign(self, base: str, side: int, price: int, lots: int, client_id: str = "by-phone") -> Order:
        """An order on our account that someone else places."""
        symbol = self.server.venue.symbols[f"{base}USD"]
        ticket = Ticket(side, "LIMIT", "GTC", price, lots, 0, 0, client_id, "ACK", "EXPIRE_MAKER")
        order, _ = self.server.venue.trading.place(self.account, symbol, ticket, self.now)
        self.network.collect(self.now)
        return order

    # the books

    def position(self, base: str) -> int:
        """Atoms of 1e-8 of an asset that the account has more than at first, by the venue's books."""
        return self.account.free[base] + self.account.locked[base] - self.begun[base]

    def status(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Legs as an operator sees them."""
        told = session_status(self.session, session_markets(self.plan), self.operator.legs)
        return {(leg["agent"], leg["instrument"].partition(":")[2].removesuffix("USD")): leg for leg in told["legs"]}

    def agree(self) -> Carry:
        """Assert that what our journal leaves is what the venue has: money, orders, fills; returns it."""
        carry = read_carry(self.folder)
        ours = dict.fromkeys(self.begun, 0)
        for leg in carry.legs:
            instrument = next(each for each in self.instruments if each.name == leg.instrument)
            atoms = leg.position * instrument.qty_step.fraction / instrument.atoms_per_lot / ASSET_ATOM
            ours[instrument.base] += int(atoms)
            ours["USD"] += int(leg.cash * instrument.money_unit / ASSET_ATOM)
        assert ours == {asset: self.position(asset) for asset in self.begun}
        assert len(carry.orders) == len([order for order in self.open() if order.client_id.startswith("q")])
        booked = self.records(Record.FILL)
        assert sorted(self.lots(booked)) == sorted((fill.side, fill.price, fill.qty) for fill in self.fills())
        placed = Counter(request.params["newClientOrderId"] for request in self.asked("order.place"))
        assert not [name for name, times in placed.items() if times > 1], "an order was sent twice"
        assert not self.violations.found
        return carry

    @staticmethod
    def lots(booked: Any) -> Iterable[tuple[int, int, int]]:
        """Side, price and lots of FILL records."""
        return [(int(row["side"]), int(row["price"]), int(row["qty"])) for row in booked]

    def records(self, *kinds: Record) -> Any:
        """Journal records of all sessions of the log, of some kinds."""
        blocks = [np.frombuffer(frame.payload, JOURNAL) for frame in read_log(self.folder) if frame.kind == RECORDS]
        rows = np.concatenate(blocks) if blocks else np.zeros(0, JOURNAL)
        return rows[np.isin(rows["kind"], kinds)] if kinds else rows


def both_sides(stage: Stage, base: str = "AAA") -> bool:
    """Whether the venue has a bid and an ask of ours."""
    return bool(stage.open(base, BID)) and bool(stage.open(base, ASK))
