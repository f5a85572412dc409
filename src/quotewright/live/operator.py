"""What an operator may ask of a running session, checked and turned into journaled inputs.

    {"do": "pause"}  {"do": "resume"}      of all agents, or of those in a list "agents"
    {"do": "cancel"}  {"do": "flatten"}
    {"do": "abandon", "client_id": ID}     an order in doubt never reached the venue, by a person's word
    {"do": "accept-balances"}      what the venue says the accounts hold is right: a deposit, a withdrawal
    {"do": "param", "agent": NAME, "name": PARAM, "value": NUMBER}
    {"do": "order", "agent": NAME, "instrument": VENUE:SYMBOL, "side": "buy", "price": "1.5", "qty": "2"}
    {"do": "trade", "agent": NAME, "instrument": …, "side": …, "price": …, "qty": …, "fee": "0"}    done elsewhere
    {"do": "agent", "settings": {one [[agent]] table}}

An order's "type" is limit (the default), post-only or ioc. A manual order passes the same risk gate as a quote.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, cast

import msgspec

from quotewright.accounting.valuation import Valuation
from quotewright.domain.errors import InputError
from quotewright.domain.events import ASK, BID
from quotewright.domain.journal import IOC, POST_ONLY, Hold, Record
from quotewright.domain.units import parse_decimal
from quotewright.engine.commands import ORDER_IDS_PER_LEG
from quotewright.live.session import Session
from quotewright.live.settings import Mode, SessionSettings
from quotewright.live.step import Response
from quotewright.live.stops import Stop
from quotewright.sessions.agents import AgentSpec, agent_from_dict
from quotewright.sessions.spare_legs import NOBODY, settle_in
from quotewright.sessions.wiring import Market, decision_of
from quotewright.storage.session_log import META, NOTE
from quotewright.strategies.catalogue import find

MILLISECOND = 1_000_000
_TYPES = {"limit": 0, "post-only": POST_ONLY, "ioc": IOC}
_SIDES = {"buy": BID, "sell": ASK}
_MOST_MONEY = 2**61


def _is_one_of(given: object, names: Collection[str]) -> bool:
    """Whether it is one of these names; anything else that JSON can say is not."""
    return isinstance(given, str) and given in names


class Operator:
    """Carries out operators' words in one session; answers with what was done, or raises InputError."""

    def __init__(
        self, session: Session, settings: SessionSettings, mode: Mode, agents: Sequence[AgentSpec],
        markets: Sequence[Market], legs: Sequence[tuple[str, str]],
    ) -> None:  # fmt: skip
        self._session = session
        self._settings = settings
        self._mode = mode
        self._agents = list(agents)  # as they trade: with their worlds
        self._markets = list(markets)
        self._legs = list(legs)  # (agent, instrument) by leg

    @property
    def legs(self) -> list[tuple[str, str]]:
        """Agent and instrument by leg."""
        return list(self._legs)

    def carry_out(self, word: Mapping[str, Any], now: int) -> dict[str, Any]:
        """Do what one command says; raises InputError naming field, value and fix."""
        do = word.get("do")
        known = {
            "pause": self._pause, "resume": self._resume, "cancel": self._stop, "flatten": self._stop,
            "param": self._param, "order": self._order, "trade": self._trade, "agent": self._agent,
            "accept-balances": self._accept, "abandon": self._abandon,
        }  # fmt: skip
        if not isinstance(do, str) or do not in known:
            raise InputError("do", do, f"must be one of {', '.join(known)}")
        self._session.step.log.append(NOTE, msgspec.json.encode({"kind": "operator", "time": now, "word": dict(word)}))
        return known[do](word, now)

    def _of(self, word: Mapping[str, Any]) -> list[int]:
        here = {agent for agent, _ in self._legs}
        given = word.get("agents") or sorted(here)
        if not isinstance(given, list | tuple):
            raise InputError("agents", given, "must be a list of agents; leave it out for all of them")
        named = cast(Sequence[object], given)
        for name in named:
            if not isinstance(name, str) or name not in here:
                raise InputError("agents", name, "is not an agent of this session")
        return [leg for leg, (agent, _) in enumerate(self._legs) if agent in named]

    def _pause(self, word: Mapping[str, Any], now: int) -> dict[str, Any]:
        legs = self._of(word)
        if len(legs) == len(self._legs):
            self._session.begin_stop(Stop("pause", patience=self._settings.stop_patience), now)
        else:
            self._session.hold(legs, Hold.OPERATOR, now)
        return {"paused": [list(self._legs[leg]) for leg in legs]}

    def _resume(self, word: Mapping[str, Any], now: int) -> dict[str, Any]:
        legs = self._of(word)
        self._session.release(legs, Hold.OPERATOR, now)
        self._session.end_pause()
        return {"resumed": [list(self._legs[leg]) for leg in legs]}

    def _stop(self, word: Mapping[str, Any], now: int) -> dict[str, Any]:
        kind = str(word["do"])
        self._session.begin_stop(Stop(kind, patience=self._settings.stop_patience), now)
        return {"stopping": kind}

    def _abandon(self, word: Mapping[str, Any], now: int) -> dict[str, Any]:
        client_id = word.get("client_id")
        if not isinstance(client_id, str) or not client_id:
            raise InputError("client_id", client_id, "must be the client id of an order in doubt")
        gateways = [link.gateway for link in self._session.links if link.gateway is not None]
        if not any(gateway.abandon(client_id, now) for gateway in gateways):  # it is of one of them at most
            raise InputError("client_id", client_id, "is of no order in doubt; the lines of session.jsonl name those")
        return {"abandoned": client_id}

    def _accept(self, _: Mapping[str, Any], now: int) -> dict[str, Any]:
        accepted: list[str] = []
        for link in self._session.links:
            if link.gateway is not None:
                link.gateway.accept_balances(now)
                accepted.append(link.name)
        return {"accepted": accepted}

    def _leg(self, word: Mapping[str, Any]) -> int:
        named = (str(word.get("agent", "")), str(word.get("instrument", "")))
        if named not in self._legs:
            raise InputError("agent", f"{named[0]} on {named[1]}", f"trades nothing so called; there are {self._legs}")
        return self._legs.index(named)

    def _param(self, word: Mapping[str, Any], now: int) -> dict[str, Any]:
        name = str(word.get("agent", ""))
        legs = self._of({"agents": [name]})
        strategy = find(next(agent.strategy for agent in self._agents if agent.name == name))
        names = [param.name for param in strategy.params]
        if not _is_one_of(word.get("name"), names):
            raise InputError("name", word.get("name"), f"is not a parameter of {strategy.name}: {', '.join(names)}")
        number = names.index(str(word["name"]))
        given = word.get("value")
        if isinstance(given, bool) or not isinstance(given, int | float) or abs(given) > 1e300:
            raise InputError("value", given, "must be a number")
        value = strategy.params[number].check(float(given))
        fraction, exponent = math.frexp(value)
        digits = int(math.ldexp(fraction, 53))
        self._session.answer(
            [Response(0, 0, digits, number, exponent - 53, leg, int(Record.PARAM), 0) for leg in legs], now
        )
        return {"agent": name, "name": word["name"], "value": value}

    def _numbers(self, word: Mapping[str, Any], leg: int) -> tuple[int, int, int]:
        instrument = self._markets[self._session.leg_instruments[leg]].instrument
        if not _is_one_of(word.get("side"), _SIDES):
            raise InputError("side", word.get("side"), "must be buy or sell")
        price = instrument.price_ticks(str(word.get("price", "")))
        qty = instrument.qty_lots(str(word.get("qty", "")))
        bounds = self._session.step.wired.state.instruments[self._session.leg_instruments[leg]]
        for field, count, most in (("price", price, bounds["max_price"]), ("qty", qty, bounds["max_qty"])):
            if not 1 <= count <= most:
                raise InputError(field, word.get(field), f"must be above zero, and no more than {instrument.name} has")
        return _SIDES[str(word["side"])], price, qty

    def _order(self, word: Mapping[str, Any], now: int) -> dict[str, Any]:
        leg = self._leg(word)
        side, price, qty = self._numbers(word, leg)
        kind = word.get("type", "limit")
        if not _is_one_of(kind, _TYPES):
            raise InputError("type", kind, f"must be one of {', '.join(_TYPES)}")
        if not self._session.step.started:  # it would wait for the market, and leave at a price nobody has looked at
            raise InputError("order", word.get("price"), "the market has not been heard of yet; try again")
        self._session.on_time(now)  # first what is due: the next order that the leg places is then this one
        state = self._session.step.wired.state
        number = int(state.legs[leg]["orders_sent"]) + 1
        self._session.answer([Response(0, 0, price, qty, 0, leg, int(Record.MANUAL), side, flags=_TYPES[kind])], now)
        if int(state.legs[leg]["orders_sent"]) < number:
            return {"sent": False, "why": "refused by risk: see REFUSED in the journal"}
        open_now = (leg + 1) * ORDER_IDS_PER_LEG + number in state.orders["id"]
        if self._session.elsewhere[leg] >= 0 and not open_now:  # no venue answers within the call: it never left
            return {"sent": False, "why": self._why_denied(leg)}
        return {"sent": True}

    def _why_denied(self, leg: int) -> str:
        """Why the order that a leg has just placed did not leave."""
        link = self._session.links[self._session.elsewhere[leg]]
        assert link.gateway is not None  # whose leg goes elsewhere
        if held := link.gateway.held(self._session.leg_instruments[leg] - link.first):
            return f"held back at the venue: {', '.join(held)}"
        state = self._session.step.wired.state
        at_once = int(state.engine[0]["now"]) + int(state.limits[leg]["message_burst"])
        if int(state.legs[leg]["budget_until"]) > at_once:  # nothing but such a denial takes it so far
            return "the venue's message budget is used up; try again later"
        return "it did not leave: see DENIED or REJECTED in the journal"

    def _trade(self, word: Mapping[str, Any], now: int) -> dict[str, Any]:
        leg = self._leg(word)
        side, price, qty = self._numbers(word, leg)
        instrument = self._markets[self._session.leg_instruments[leg]].instrument
        atoms = side * qty * instrument.atoms_per_lot
        digits, scale = parse_decimal(str(word.get("fee", "0")), "fee")  # a negative one was received
        fee = math.ceil(Fraction(digits, 10**scale) / instrument.money_unit)
        cash = -int(Valuation(instrument).worth(atoms, 2 * price)) - fee
        if max(abs(cash), abs(fee)) > _MOST_MONEY:
            raise InputError("qty", word.get("qty"), "is worth more than a ledger of 64 bits holds")
        self._session.answer([Response(0, 0, price, atoms, 0, leg, int(Record.ADJUSTED), side, fee=cash)], now)
        return {"booked": {"cash": instrument.money(cash), "position": instrument.position(atoms)}}

    def _agent(self, word: Mapping[str, Any], now: int) -> dict[str, Any]:
        table = word.get("settings")
        if not isinstance(table, Mapping):
            raise InputError("settings", table, "must be the table of one agent")
        agent = agent_from_dict(cast(Mapping[str, Any], table), len(self._agents) + 1)
        if agent.name in {each.name for each in self._agents}:
            raise InputError("name", agent.name, "is already an agent of this session")
        names = [market.name for market in self._markets]
        wanted = tuple(dict.fromkeys(agent.instruments or names))
        for name in wanted:
            if name not in names:  # refused before any leg of it begins
                raise InputError("instruments", name, f"is not in this session: {', '.join(names)}")
        stop = self._session.stop
        if stop is not None and stop.kind != "pause":
            raise InputError("agent", agent.name, "the session is being stopped")
        free = len(self._session.step.wired.state.legs) - len(self._session.leg_instruments)
        if free < len(wanted):
            raise InputError(
                "agent",
                agent.name,
                f"there is no room left for another agent: {free} legs are free, {len(wanted)} wanted",
            )
        find(agent.strategy).bind(agent.params)
        for name in wanted:  # what one instrument refuses must not leave the agent on another
            market = self._markets[names.index(name)]
            agent.limits.to_limits(market.instrument, market.reference2)
        for name in wanted:
            self._settle(agent, names.index(name), now)
        self._agents.append(replace(agent, instruments=wanted))
        return {"agent": agent.name, "instruments": list(wanted)}

    def _settle(self, agent: AgentSpec, instrument: int, now: int) -> None:
        number = len(self._agents)
        live = self._mode == "live" and not agent.world
        link = next(
            n for n, each in enumerate(self._session.links) if each.first <= instrument < each.first + each.count
        )
        elsewhere = link if live else -1
        leg = len(self._session.leg_instruments)
        wired = self._session.step.wired
        settle_agent(wired, leg, agent, self._markets[instrument], instrument, elsewhere=live)
        meta = {
            "kind": "agent", "agent": agent.name, "instrument": self._markets[instrument].name, "leg": leg,
            "number": number, "index": instrument, "live": live, "settings": agent.to_dict(),
        }  # fmt: skip
        self._session.step.log.append(META, msgspec.json.encode(meta))
        self._session.add_leg(instrument, elsewhere)
        self._legs.append((agent.name, self._markets[instrument].name))
        self._session.answer(
            [Response(0, number, 0, decision_place(wired, agent), 0, leg, int(Record.ACTIVATED), 0)], now
        )
        self._session.judge_leg(leg, now)


def settle_agent(wired: Any, leg: int, agent: AgentSpec, market: Market, instrument: int, *, elsewhere: bool) -> None:
    """Prepare a spare leg for an agent, as it was or is to be activated; InputError if there is no room left."""
    if leg >= len(wired.state.legs) or int(wired.state.legs[leg]["agent"]) != NOBODY:
        raise InputError("agent", agent.name, "there is no room left for another agent; restart the session with it")
    strategy = find(agent.strategy)
    row = {
        "instrument": instrument,
        "triggers": agent.triggers_or(strategy.triggers),
        "interval": int(agent.interval_ms * MILLISECOND) or strategy.interval,
        "phase": int(agent.phase_ms * MILLISECOND),
        "price_tolerance": agent.price_tolerance,
        "qty_tolerance": int(agent.qty_tolerance * 1000),
        "order_flags": POST_ONLY,
    }
    limits = agent.limits.to_limits(market.instrument, market.reference2)
    bound = strategy.bind(agent.params)
    settle_in(wired.state, wired.venue, leg, strategy, row, limits, bound, elsewhere=elsewhere)


def decision_place(wired: Any, agent: AgentSpec) -> int:
    """Where the strategy's decision function stands in the table; it is put there if it is new."""
    function = decision_of(find(agent.strategy))
    table = wired.state.decide
    for place in range(len(table)):
        if table[place] is function or table[place] == function:
            return place
    for place in range(len(table)):
        if table[place] is None or (not callable(table[place]) and int(table[place]) == 0):
            table[place] = function
            return place
    raise InputError("agent", agent.name, "there is no room left for another strategy; restart the session with it")
