"""What happens in one run, drawn from its seed alone: market, agents, faults of venue and network, crashes, words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import Any

from quotewright.domain.instrument import Instrument
from quotewright.exchange.fault_draw import random_schedule
from quotewright.exchange.fault_schedule import KINDS, FaultRule
from quotewright.exchange.limits import Limits
from quotewright.risk.profile import RiskProfile
from quotewright.sessions.agents import AgentSpec

MS = 10**6
SECOND = 10**9
VENUE = "sim"
START = 1_800_000_000 * SECOND  # of virtual time; any would do
SYMBOLS = (("AAA", "0.01", "0.001", 10_000), ("BBB", "0.1", "0.0001", 12_000), ("CCC", "0.001", "0.01", 8_000))
ORDER_NOTIONAL = 20.0
ROOM_TO_BEGIN = 3000  # weight a minute: a new session does not know what the last one used, and asks much at first
NETWORK_FAULTS = ("cut", "half_open", "silence", "lag", "lost_request", "lost_reply", "no_route")


@dataclass(frozen=True, slots=True)
class NetworkFault:
    """A window, ns since the start, in which the network fails in one way, each time with a probability.

    cut          a connection is torn: both sides hear of it, what was under way is lost
    half_open    a connection is gone for one side only; the other hears after `magnitude` ns
    silence      what is sent on a connection vanishes, both ways, though it stands
    lag          a message takes up to `magnitude` ns longer
    lost_request an HTTP request never arrives
    lost_reply   an HTTP request is carried out, its answer never arrives
    no_route     no connection and no request gets through
    """

    kind: str
    start: int
    end: int
    probability: float
    magnitude: int = 0


@dataclass(frozen=True, slots=True)
class Crash:
    """The process dies after `calls` more calls to the outside from `at` on, and is back `after` ns later.

    `how`: "before" or "after" that call, or "torn": in the middle of writing the log. `noticed`: the venue sees the
    connections close; otherwise it goes on sending into the void for a while.
    """

    at: int
    calls: int
    how: str
    after: int
    noticed: bool


@dataclass(frozen=True, slots=True)
class Deed:
    """An operator's word, or "restart": the session is stopped as configured and begun anew."""

    at: int
    word: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """A run. Times are ns since `START`; faults end by `faulty`, and after that all has to settle."""

    seed: int
    faulty: int
    instruments: tuple[Instrument, ...]
    mids: tuple[int, ...]  # ticks
    agents: tuple[AgentSpec, ...]
    market_step: int
    latency: int
    jitter: int
    limits: Limits
    balance: str  # of every base asset; the quote asset has a thousand times that
    faults: tuple[FaultRule, ...]
    network: tuple[NetworkFault, ...]
    crashes: tuple[Crash, ...]
    deeds: tuple[Deed, ...]
    stop: str
    recv_window: int


def draw_plan(seed: int, *, seconds: float = 12.0, calm: bool = False) -> Plan:
    """The plan of a seed; with `calm` the same without any fault or crash."""
    rng = Random(f"simtest/{seed}")
    faulty = int(seconds * SECOND)
    count = rng.choice((2, 2, 3))
    chosen = SYMBOLS[:count]
    instruments = tuple(_instrument(base, tick, lot) for base, tick, lot, _ in chosen)
    names = [instrument.name for instrument in instruments]
    agents = tuple(_agent(rng, number, names) for number in range(rng.choice((2, 2, 3))))
    intensity = rng.choice((0.3, 1.0, 1.0, 2.0, 4.0))
    kinds = [kind for kind in KINDS if rng.random() < 0.8]
    plan = Plan(
        seed=seed,
        faulty=faulty,
        instruments=instruments,
        mids=tuple(mid for _, _, _, mid in chosen),
        agents=agents,
        market_step=rng.choice((200, 400, 600)) * MS,
        latency=int(10 ** rng.uniform(-1, 1.3) * MS),
        jitter=int(10 ** rng.uniform(-1, 1.7) * MS),
        limits=_limits(rng),
        balance=rng.choice(("1000", "1000", "1000", "2")),
        faults=random_schedule(rng, faulty, kinds, intensity * rng.uniform(0.5, 2)),
        network=_network(rng, faulty, intensity),
        crashes=_crashes(rng, faulty),
        deeds=_deeds(rng, faulty, agents, names, [mid for _, _, _, mid in chosen], instruments),
        stop=rng.choice(("cancel", "flatten")),
        recv_window=rng.choice((1000, 2000, 2000, 5000)) * MS,
    )
    begins_again = plan.crashes or any(deed.word["do"] == "restart" for deed in plan.deeds)
    if begins_again and plan.limits.weight_minute < ROOM_TO_BEGIN:
        plan = replace(plan, limits=replace(plan.limits, weight_minute=ROOM_TO_BEGIN))
    if calm:
        return replace(plan, faults=(), network=(), crashes=())
    return plan


def _instrument(base: str, tick: str, lot: str) -> Instrument:
    return Instrument(
        venue=VENUE,
        symbol=f"{base}USD",
        kind="spot",
        base=base,
        quote="USD",
        tick=tick,
        lot=lot,
        min_qty=lot,
        max_qty="9000",
        min_notional="1",
        min_price=tick,
        max_price="100000",
        maker_rate="0.001",
        taker_rate="0.001",
        fee_asset="received",
    )


def _agent(rng: Random, number: int, names: list[str]) -> AgentSpec:
    strategy = ("ladder", "symmetric", "avellaneda_stoikov")[(number + rng.randrange(3)) % 3]
    params: dict[str, float] = {
        "order_notional": ORDER_NOTIONAL * rng.choice((1, 2)),
        "max_inventory": rng.choice((3.0, 6.0, 20.0)),
    }
    if strategy == "ladder":
        params |= {"levels": float(rng.randint(2, 5)), "half_spread": rng.uniform(0, 3), "step": rng.uniform(0.5, 2)}
    elif strategy == "symmetric":
        params["half_spread"] = rng.uniform(0, 2)
    chosen = tuple(names) if rng.random() < 0.4 else tuple(sorted(rng.sample(names, rng.randint(1, len(names)))))
    limits = RiskProfile(
        max_position=ORDER_NOTIONAL * rng.choice((3, 6, 12)),
        max_order=ORDER_NOTIONAL * 4,
        max_open=ORDER_NOTIONAL * rng.choice((6, 20)),
        messages_per_second=rng.choice((5.0, 20.0)),
        message_burst=20.0,
        max_loss=1000.0,
    )
    return AgentSpec(
        name=f"agent{number + 1}",
        strategy=strategy,
        params=params,
        limits=limits,
        instruments=chosen,
        interval_ms=float(rng.choice((250, 500, 1000))),
        price_tolerance=rng.choice((0, 1, 2)),
    )


def _limits(rng: Random) -> Limits:
    return Limits(
        weight_minute=rng.choice((800, 1500, 3000, 6000)),
        orders_10s=rng.choice((60, 100, 200, 400)),
        orders_day=200_000,
        ban_after=10,
        ban_seconds=5,
    )


def _network(rng: Random, faulty: int, intensity: float) -> tuple[NetworkFault, ...]:
    found: list[NetworkFault] = []
    for kind in NETWORK_FAULTS:
        expected = intensity * rng.uniform(0.3, 1.5)
        for _ in range(int(expected) + (rng.random() < expected % 1)):
            length = int(rng.uniform(0.2, 4 if kind in ("silence", "no_route") else 6) * SECOND)
            start = rng.randrange(max(1, faulty - length))
            probability = {"cut": 0.02, "half_open": 0.02, "silence": 1.0, "no_route": 1.0}.get(kind, 0.0)
            magnitude = int(10 ** rng.uniform(1, 3.5) * MS) if kind in ("lag", "half_open") else 0
            chance = probability or rng.uniform(0.02, 0.4)
            found.append(NetworkFault(kind, start, start + length, chance, magnitude))
    return tuple(sorted(found, key=lambda fault: (fault.start, fault.end, fault.kind)))


def _crashes(rng: Random, faulty: int) -> tuple[Crash, ...]:
    count = rng.choice((0, 1, 1, 2, 3))
    found = [
        Crash(
            rng.randrange(SECOND, faulty),
            rng.randint(1, 40),
            rng.choice(("before", "after", "after", "torn")),
            int(10 ** rng.uniform(1, 3.5) * MS),
            rng.random() < 0.7,
        )
        for _ in range(count)
    ]
    return tuple(sorted(found, key=lambda crash: crash.at))


def _deeds(
    rng: Random,
    faulty: int,
    agents: tuple[AgentSpec, ...],
    names: list[str],
    mids: list[int],
    instruments: tuple[Instrument, ...],
) -> tuple[Deed, ...]:
    found: list[Deed] = []
    for _ in range(rng.randint(0, 6)):
        at = rng.randrange(SECOND, faulty)
        agent = rng.choice(agents)
        what = rng.choice(("pause", "param", "order", "order", "restart"))
        if what == "pause":
            named: dict[str, Any] = {"agents": [agent.name]} if rng.random() < 0.7 else {}
            found.append(Deed(at, {"do": "pause", **named}))
            found.append(Deed(min(at + rng.randrange(SECOND, 4 * SECOND), faulty), {"do": "resume", **named}))
        elif what == "param":
            word = {"do": "param", "agent": agent.name, "name": "max_inventory", "value": rng.choice((1.0, 4.0, 10.0))}
            found.append(Deed(at, word))
        elif what == "order":
            name = rng.choice(agent.instruments)
            index = names.index(name)
            instrument = instruments[index]
            side = rng.choice(("buy", "sell"))
            away = rng.choice((-20, -5, 0, 3)) * (1 if side == "buy" else -1)
            price = instrument.price_step.format(mids[index] + away)
            lots = max(1, int(ORDER_NOTIONAL / float(price) / float(instrument.lot)))
            qty = instrument.qty_step.format(lots)
            kind = rng.choice(("limit", "post-only", "ioc"))
            word = {"do": "order", "agent": agent.name, "instrument": name, "side": side, "price": price, "qty": qty}
            found.append(Deed(at, {**word, "type": kind}))
        else:
            found.append(Deed(at, {"do": "restart"}))
    return tuple(sorted(found, key=lambda deed: deed.at))
