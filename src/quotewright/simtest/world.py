"""One run of a seed: venue, network, processes and operator under one virtual clock."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from random import Random

import msgspec

from quotewright.exchange.faults import FaultPlane
from quotewright.exchange.keys import ApiKey
from quotewright.exchange.quiet_market import QuietSettings
from quotewright.exchange.settings import AccountSettings, ExchangeSettings
from quotewright.gateway.gateway import Gateway
from quotewright.live.assemble import GatewayMaker
from quotewright.simtest.invariants import check_end
from quotewright.simtest.network import NEVER, Network, Trace
from quotewright.simtest.observer import (
    ACCOUNT,
    Observer,
    Violation,
    Violations,
    WatchedCounters,
    WatchedFaults,
    WatchedServer,
)
from quotewright.simtest.plan import MS, SECOND, START, Crash, Plan
from quotewright.simtest.process import Process, session_markets, session_settings
from quotewright.simtest.repetition import first_difference

LEAST_CALM = 1 * SECOND  # after the last fault, before the session is stopped
MOST_CALM = 240 * SECOND  # within which everything must have settled: a budget may have to refill
MOST_STOP = 180 * SECOND
LOOK_EVERY = 50 * MS
ORDERS_INTERVAL = 10 * SECOND  # of the venue's limit on orders
STANDING = 20_000  # steps at one moment: more is a session that turns without getting on
ENOUGH_FILLS = 5
ENOUGH_FAULTS = 5
_SHARED_MEMORY = Path("/dev/shm")


class RunResult(msgspec.Struct):
    """What a run did and found."""

    seed: int
    seconds: float  # virtual
    fills: int
    orders: int
    faults: dict[str, int]
    crashes: int
    restarts: int
    sent: int
    digest: str
    violations: list[Violation]

    @property
    def enough(self) -> bool:
        """Whether it counts as a run: it has enough fills and faults."""
        return self.fills >= ENOUGH_FILLS and sum(self.faults.values()) >= ENOUGH_FAULTS


class StandsStill(Exception):
    """Virtual time does not go on."""

    def __init__(self, now: int) -> None:
        super().__init__(now)
        self.now = now


def run_plan(
    plan: Plan, *, make_gateway: GatewayMaker = Gateway, trace: Trace | None = None, repeat: bool = False
) -> RunResult:
    """Run a plan to its end; with `repeat` the last session is also repeated from its log, command by command."""
    folder = _SHARED_MEMORY if _SHARED_MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="simtest-", dir=folder) as temporary:
        return World(plan, Path(temporary), make_gateway, trace, repeat).run()


class World:
    """See the module."""

    def __init__(self, plan: Plan, folder: Path, make_gateway: GatewayMaker, trace: Trace | None, repeat: bool) -> None:
        self._plan = plan
        self._folder = folder / "log"
        self._make_gateway = make_gateway
        self._repeat = repeat
        self._rng = Random(f"world/{plan.seed}")
        self._secret = f"secret of {plan.seed}"
        self._digest = hashlib.blake2b(digest_size=16)
        self._violations = Violations(plan.seed, START)
        self._faults = WatchedFaults(FaultPlane(Random(f"faults/{plan.seed}"), plan.faults, START), self._violations)
        self._counters = WatchedCounters(plan.limits, self._violations)
        self._server = WatchedServer(_venue(plan, self._secret), START, self._faults, self._counters)
        self._observer = Observer(plan, self._server, self._violations)
        self._network = Network(
            self._server, Random(f"network/{plan.seed}"), plan.latency, plan.jitter, plan.network, START,
            trace, self._digest.update,
        )  # fmt: skip
        self._crashes = [*plan.crashes]
        self._deeds = [*plan.deeds]
        self._armed: Crash | None = None
        self._process: Process | None = None
        self._begin_at = START
        self._look_at = START
        self._crashed = self._torn = self._restarts = 0
        self._begun = self._server.accounts[ACCOUNT].free.copy()
        self._standing = 0

    def run(self) -> RunResult:
        """Until the last stop is confirmed, or an invariant is broken for good."""
        try:
            now = self._until_settled()
            now = self._until_stopped(now)
        except StandsStill as still:
            now = still.now
            self._violations.add("time goes on", "something is due again and again, and never done", now)
        process = self._process
        if process is not None and not process.ended:
            process.kill(now, noticed=True)
        self._observer.look(now)
        if process is None or process.ended != "failed":
            check_end(self._plan, self._folder, self._server, self._observer, self._begun, self._violations, now)
        if self._repeat and not self._violations.found:
            difference = first_difference(self._folder, session_settings(self._plan), session_markets(self._plan))
            if difference:
                self._violations.add("the journal replays", difference, now)
        faults = {**self._faults.applied}
        for kind, count in self._network.applied.items():
            faults[f"network_{kind}"] = count
        for kind, count in (("crash", self._crashed), ("torn_write", self._torn), ("restart", self._restarts)):
            if count:
                faults[kind] = count
        return RunResult(
            self._plan.seed, (now - START) / 1e9, self._observer.fills, self._faults.orders, faults,
            self._crashed, self._restarts, self._network.sent, self._digest.hexdigest(), self._violations.found,
        )  # fmt: skip

    def _until_settled(self) -> int:
        now, faulty = START, START + self._plan.faulty
        calm_since = 0
        while True:
            now = self._advance(now)
            process = self._process
            if now < faulty:
                continue
            if process is not None:
                process.mortality.disarm()
            if process is not None and process.ended == "failed":
                return now
            if process is not None and not process.ended and not process.stopping and not process.settled():
                calm_since = calm_since or now
                if now - calm_since >= LEAST_CALM:
                    return now
            else:
                calm_since = 0
            if now > faulty + MOST_CALM:
                state = process.settled() if process is not None and not process.ended else "no process"
                self._violations.add("it settles", state, now)
                return now

    def _until_stopped(self, now: int) -> int:
        process = self._process
        if process is None or process.ended:
            return now
        self._no_stranger(process, now)
        process.ask_stop(self._plan.stop, now)
        end = now + MOST_STOP
        while not process.ended:
            now = self._advance(now)
            if now > end:
                self._violations.add("stop is confirmed", process.settled(), now)
                break
        if not self._is_stuck(process):
            now = max(now, self._network.drain(now + 10 * SECOND))
        return now

    @staticmethod
    def _is_stuck(process: Process) -> bool:
        return process.ended != "stopped"

    def _no_stranger(self, process: Process, now: int) -> None:
        """What rests at the venue is known to the gateway."""
        known = process.known_ids()
        for client_id in self._server_ids():
            if client_id not in known:
                self._violations.add("no order unknown", f"{client_id} rests at the venue", now)

    def _server_ids(self) -> list[str]:
        return self._observer.open_ids()

    def _advance(self, now: int) -> int:
        """One step of virtual time; returns what it is then."""
        process = self._process
        alive = process is not None and not process.ended
        due = min(self._network.next_due(), self._look_at)
        if process is not None and alive:
            due = min(due, process.next_due())
        if self._crashes and alive:
            due = min(due, START + self._crashes[0].at)
        if self._deeds:
            due = min(due, START + self._deeds[0].at)
        if not alive:
            due = min(due, self._begin_at)
        self._standing = self._standing + 1 if due <= now else 0
        if self._standing > STANDING:
            raise StandsStill(now)
        now = max(now, due)
        self._network.run(now)
        self._interfere(now)
        if process is not None and not process.ended:
            if process.next_due() <= now:
                process.on_time(now)
            process.look(now)
        self._observer.look(now)
        if process is not None and process.ended:
            self._bury(process, now)
        if self._process is None and self._begin_at <= now:
            self._begin(now)
        if self._look_at <= now:
            self._look_at = now + LOOK_EVERY
            if alive and process is not None and not process.ended and process.session is not None:
                self._no_stranger(process, now)
        return now

    def _interfere(self, now: int) -> None:
        process = self._process
        while self._deeds and START + self._deeds[0].at <= now:
            deed = self._deeds.pop(0)
            if process is not None and not process.ended and process.session is not None:
                if deed.word["do"] == "restart" and not process.stopping:
                    self._restarts += 1
                process.carry_out(deed.word, now)
        if self._crashes and process is not None and not process.ended and START + self._crashes[0].at <= now:
            self._armed = self._crashes.pop(0)
            process.mortality.arm(self._armed.calls, self._armed.how)

    def _bury(self, process: Process, now: int) -> None:
        """After a death or an end: when the next one begins."""
        if process.ended == "failed":
            self._begin_at = NEVER
            return
        self._begin_at = now + 100 * MS
        if process.ended == "killed" and self._armed is not None:
            self._crashed += 1
            self._torn += self._armed.how == "torn"
            self._begin_at = now + self._armed.after
            process.kill(now, self._armed.noticed)
            self._armed = None
        self._process = None

    def _begin(self, now: int) -> None:
        self._armed = None
        if now > START:
            self._counters.forgiven = now + ORDERS_INTERVAL
        self._process = Process(
            self._plan, self._folder, self._network, self._observer, self._violations, self._secret,
            Random(f"process/{self._plan.seed}/{now}"), self._make_gateway,
        )  # fmt: skip
        self._process.start(now)


def _venue(plan: Plan, secret: str) -> ExchangeSettings:
    markets = [
        QuietSettings(instrument, plan.seed, mid, plan.market_step, half_spread=2, levels=4, take=0.8, take_qty=60)
        for instrument, mid in zip(plan.instruments, plan.mids, strict=True)
    ]
    balances = {instrument.base: plan.balance for instrument in plan.instruments}
    balances["USD"] = f"{plan.balance}000"
    account = AccountSettings(ACCOUNT, [ApiKey("sim-key", secret)], balances)
    return ExchangeSettings(markets, [account], plan.limits)
