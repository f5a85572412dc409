"""Putting a session together: from its settings, the venues' own instruments and what the last one left."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from quotewright.domain.errors import InputError
from quotewright.domain.journal import Hold, Record
from quotewright.gateway.gateway import Gateway
from quotewright.gateway.ids import ClientIds
from quotewright.gateway.messages import KnownOrder, Note
from quotewright.gateway.port import VenuePort
from quotewright.gateway.settings import GatewaySettings
from quotewright.live.answers import Translator
from quotewright.live.carry import Carry, LegCarry, OrderCarry, StartFrame
from quotewright.live.cross_venue import CrossVenue
from quotewright.live.latency import LatencyBook, LatencyBudget
from quotewright.live.session import Link, Session
from quotewright.live.settings import Mode, SessionSettings, VenueSettings
from quotewright.live.step import Response, Step
from quotewright.sessions.agents import AgentSpec
from quotewright.sessions.wiring import LegStart, Market, Wired, wire
from quotewright.storage.session_log import META, NOTE, SessionLog

_ID_BITS = 32


@dataclass(frozen=True)
class Place:
    """A venue of the session as it stands: its instruments, and its port where orders are sent."""

    settings: VenueSettings
    markets: Sequence[Market]
    port: VenuePort | None = None
    gateway_settings: GatewaySettings | None = None


GatewayMaker = Callable[[VenuePort, GatewaySettings, ClientIds, Callable[[str], int]], Gateway]


def assemble(
    settings: SessionSettings,
    mode: Mode,
    places: Sequence[Place],
    log: SessionLog,
    carry: Carry,
    now: int,
    *,
    told: Callable[[str], None] | None = None,
    noted: Callable[[Note], None] | None = None,
    spare_legs: int = 8,
    make_gateway: GatewayMaker = Gateway,
    latency: LatencyBudget | None = None,
    latencies: LatencyBook | None = None,
    read_clock: Callable[[], int] | None = None,
    in_flight: int = 4096,
) -> Session:
    """A session ready for its first market update; its first frame is in the log, and gateways have what they missed.

    Raises InputError if an agent of the last session still holds something and is not in this one.
    """
    markets = [market for place in places for market in place.markets]
    names = [market.name for market in markets]
    agents = worlds_of(settings, mode)
    simulated = {agent.name for agent in agents if agent.world.startswith("\0")}
    elsewhere = [place.settings.name for place in places if place.port is not None]
    pairs = [(number, index) for number, agent in enumerate(agents) for index in _traded(agent, names)]
    legs = [replace_leg(carry.leg(agents[number].name, names[index])) for number, index in pairs]
    for (number, _), leg in zip(pairs, legs, strict=True):
        leg.simulated = mode != "live" or agents[number].name in simulated
        if not leg.simulated:
            leg.held |= int(Hold.VENUE)  # until its gateway is ready, and what rests from before is in the step's books
    _check_left(carry, legs)
    orders, leg_of = _adopted(carry, legs)
    starts = {
        pair: LegStart(leg.cash, leg.position, leg.orders_sent, held=leg.held, halted=leg.halted)
        for pair, leg in zip(pairs, legs, strict=True)
    }
    wired = wire(
        markets,
        agents,
        settings.simulated,
        seed=settings.seed,
        mark_interval_ns=settings.mark_interval,
        told=told,
        elsewhere=elsewhere if mode == "live" else (),
        starts=starts,
        spare_legs=spare_legs,
        in_flight=in_flight,
    )
    session_number = max(carry.session + 1, now // 1_000_000)  # a lost log does not make it repeat
    frame = StartFrame(
        session_number, mode, now, settings.to_dict(), [_market(market) for market in markets], legs, orders, carry,
        spare_legs,
    )  # fmt: skip
    log.append(META, msgspec.json.encode(frame))
    log.flush()
    links: list[Link] = []
    first = 0
    for place in places:
        link = Link(place.settings.name, first, len(place.markets))
        if place.port is not None and mode == "live":
            link.gateway = _gateway(place, first, session_number, carry, orders, legs, names, leg_of, make_gateway, now)
        links.append(link)
        first += len(place.markets)
    session = Session(
        Step(wired, log),
        links,
        [index for _, index in pairs],
        [
            -1 if agents[number].name in simulated or mode != "live" else _link_of(links, index)
            for number, index in pairs
        ],
        Translator([market.instrument for market in markets]),
        noted=noted or _to_log(log),
        early=[adoption(order) for order in orders],
        latency=latency,
        latencies=latencies,
        read_clock=read_clock,
        cross=CrossVenue([market.instrument for market in markets], settings.apart_bp),
        number=session_number,
        carried=legs,
    )
    for number, leg in enumerate(legs):
        session.remember_hold(number, leg.held)
    return session


def worlds_of(settings: SessionSettings, mode: Mode) -> list[AgentSpec]:
    """The agents with the world each is in: the account of the venue, or one of its own where it is simulated."""
    live = settings.venues[0].name
    found: list[AgentSpec] = []
    for agent in settings.agents:
        if mode != "live" or agent.name in settings.shadow:
            world = agent.world or agent.name
            found.append(replace(agent, world=f"\0{world}"))
            continue
        venues = {name.partition(":")[0] for name in agent.instruments} or {venue.name for venue in settings.venues}
        if len(venues) > 1:
            raise InputError(f"agent {agent.name}: instruments", ", ".join(sorted(venues)), "are of several venues")
        found.append(replace(agent, world=min(venues, default=live)))
    return found


def adoption(order: OrderCarry) -> Response:
    """The step's input that takes an order over."""
    return Response(
        0, order.number, order.price, order.qty, order.qty - order.filled, order.leg, int(Record.ADOPTED), order.side,
        flags=order.flags,
    )  # fmt: skip


def replace_leg(leg: LegCarry) -> LegCarry:
    """A copy whose only hold is the operator's."""
    return LegCarry(
        leg.agent, leg.instrument, leg.cash, leg.position, leg.orders_sent, leg.held & int(Hold.OPERATOR), leg.halted
    )


def _traded(agent: AgentSpec, names: Sequence[str]) -> list[int]:
    return [index for index, name in enumerate(names) if not agent.instruments or name in agent.instruments]


def _check_left(carry: Carry, legs: Sequence[LegCarry]) -> None:
    here = {(leg.agent, leg.instrument): leg for leg in legs}
    with_orders = {order.leg for order in carry.orders}
    for number, leg in enumerate(carry.legs):
        now = here.get((leg.agent, leg.instrument))
        if now is not None and now.simulated != leg.simulated and (leg.position or leg.cash or number in with_orders):
            was, would_be = ("real", "simulated") if now.simulated else ("simulated", "real")
            raise InputError(
                "out",
                f"{leg.agent} on {leg.instrument}",
                f"has {was} books here, and would go on with them in {would_be} trading: choose another folder",
            )
        if leg.position and now is None:
            raise InputError(
                "agent",
                leg.agent,
                f"held {leg.position} atoms of {leg.instrument} when the last session ended, and is not in this one: "
                "keep it, or let it flatten first",
            )


def _adopted(carry: Carry, legs: Sequence[LegCarry]) -> tuple[list[OrderCarry], dict[tuple[str, str], int]]:
    """Orders of earlier sessions with numbers of this one; those of agents that are gone are left to the gateway.

    Simulated ones ended with the session they were in.
    """
    leg_of = {(leg.agent, leg.instrument): number for number, leg in enumerate(legs)}
    sent = [leg.orders_sent for leg in legs]
    found: list[OrderCarry] = []
    kept: list[OrderCarry] = []
    for order in carry.orders:
        before = carry.legs[order.leg]
        leg = leg_of.get((before.agent, before.instrument), -1)
        if leg < 0 or before.simulated:
            continue
        sent[leg] += 1
        number = ((leg + 1) << _ID_BITS) + sent[leg]
        found.append(msgspec.structs.replace(order, number=number, leg=leg))
        kept.append(order)
    carry.orders = kept
    for mine, count in zip(legs, sent, strict=True):
        mine.orders_sent = count  # whatever the step sends before it has heard of them has other numbers
    return found, leg_of


def _gateway(
    place: Place,
    first: int,
    session: int,
    carry: Carry,
    orders: Sequence[OrderCarry],
    legs: Sequence[LegCarry],
    names: Sequence[str],
    leg_of: Mapping[tuple[str, str], int],
    make: GatewayMaker,
    now: int,
) -> Gateway:
    assert place.port is not None
    ids = ClientIds(place.settings.desk, session)

    def attribute(client_id: str) -> int:
        """Leg of an order of an earlier session."""
        origin = ids.parse(client_id)
        if origin is None:
            return -1
        before = carry.sessions.get(str(origin.session), [])
        number = (origin.order >> _ID_BITS) - 1
        if not 0 <= number < len(before):
            return -1
        agent, instrument = before[number]
        return leg_of.get((agent, instrument), -1)

    gateway = make(place.port, place.gateway_settings or GatewaySettings(), ids, attribute)
    here = names[first : first + len(place.markets)]
    known: list[KnownOrder] = []
    for order, origin in zip(orders, carry.orders, strict=True):
        leg = legs[order.leg]
        if leg.instrument in here:
            client_id = ClientIds(place.settings.desk, origin.session).make(origin.number)
            known.append(
                KnownOrder(
                    client_id, order.number, order.leg, here.index(leg.instrument), order.side, order.price, order.qty,
                    order.filled, order.flags, order.venue_id,
                )
            )  # fmt: skip
    seen = {index: carry.seen[name] for index, name in enumerate(here) if name in carry.seen}
    gateway.restore(known, seen, carry.balances.get(place.settings.name), carry.since or now, now)
    return gateway


def _link_of(links: Sequence[Link], instrument: int) -> int:
    for number, link in enumerate(links):
        if link.first <= instrument < link.first + link.count:
            return number
    raise InputError("instrument", instrument, "is at no venue of this session")


def _market(market: Market) -> dict[str, Any]:
    return {"name": market.name, "instrument": market.instrument.to_dict(), "reference2": market.reference2}


def _to_log(log: SessionLog) -> Callable[[Note], None]:
    def note(given: Note) -> None:
        log.append(NOTE, msgspec.json.encode({"kind": "note", **msgspec.to_builtins(given)}))

    return note


def wired_again(
    frame: StartFrame, markets: Sequence[Market], settings: SessionSettings, in_flight: int, *, as_live: bool
) -> Wired:
    """The session wired as it was at its start; `as_live`: with its orders at the venues where they were."""
    names = [market.name for market in markets]
    agents = worlds_of(settings, frame.mode)  # pyright: ignore[reportArgumentType]
    pairs = [(number, index) for number, agent in enumerate(agents) for index in _traded(agent, names)]
    starts = {
        pair: LegStart(leg.cash, leg.position, leg.orders_sent, held=leg.held, halted=leg.halted)
        for pair, leg in zip(pairs, frame.legs, strict=False)
    }
    return wire(
        markets, agents, settings.simulated, seed=settings.seed, mark_interval_ns=settings.mark_interval,
        elsewhere=[venue.name for venue in settings.venues] if as_live and frame.mode == "live" else (),
        starts=starts, spare_legs=frame.spare_legs, in_flight=in_flight,
    )  # fmt: skip
