"""The instruments as Binance Spot states them, held against the ones we were given; what the venue can do; its limits.

A difference in anything that prices, sizes or costs depend on pauses quoting and is told; a bound that our instrument
does not state ("0") is taken over. Read at start, and again from time to time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from urllib.parse import quote

import msgspec

from quotewright.domain.errors import InputError, ParseError
from quotewright.domain.instrument import Instrument
from quotewright.domain.units import format_fraction, parse_decimal
from quotewright.gateway.port import Alarm, Capabilities, Cleared, Fact, Rule
from quotewright.venues.binance_clock import VenueClock
from quotewright.venues.binance_due import Due
from quotewright.venues.binance_requests import Requests
from quotewright.venues.binance_rest import Answer, NotUnderstood, RestCalls
from quotewright.venues.binance_settings import BinanceSettings
from quotewright.venues.binance_wire import UNREADABLE, Commission, ExchangeInfo, RateLimit, Rates, SymbolInfo

_S = 1_000_000_000
_INTERVALS = {"SECOND": _S, "MINUTE": 60 * _S, "HOUR": 3600 * _S, "DAY": 86400 * _S}
_KINDS = {"REQUEST_WEIGHT": "weight", "ORDERS": "orders"}
_AGAIN = 2 * _S  # after a failure
_STEPS = ("base", "quote", "tick", "lot")
_BOUNDS = ("min_qty", "max_qty", "min_notional", "min_price", "max_price")  # "0" in ours: not stated
_FEES = ("maker_rate", "taker_rate")


def limit_of(limit: RateLimit) -> tuple[str, int] | None:
    """Kind and interval of a limit as the gateway counts them; None for others."""
    kind, unit = _KINDS.get(limit.rate_limit_type), _INTERVALS.get(limit.interval)
    return (kind, limit.interval_num * unit) if kind and unit else None


def stated_instrument(venue: str, info: SymbolInfo, fees: Commission | None = None) -> Instrument:
    """An instrument as the venue states it; without `fees` its rates are 0."""
    values: dict[str, str] = {}
    for rule in info.filters:
        if rule.filter_type == "PRICE_FILTER":
            values |= {"tick": rule.tick_size, "min_price": rule.min_price, "max_price": rule.max_price}
        elif rule.filter_type == "LOT_SIZE":
            values |= {"lot": rule.step_size, "min_qty": rule.min_qty, "max_qty": rule.max_qty}
        elif rule.filter_type in ("NOTIONAL", "MIN_NOTIONAL"):
            values["min_notional"] = rule.min_notional
    for name in ("tick", "lot"):
        if not values.get(name):
            raise ParseError(name, "", "is not among the symbol's filters")
    if fees is not None:
        values["maker_rate"] = _rate(fees, "maker")
        values["taker_rate"] = _rate(fees, "taker")
    plain = {name: format_fraction(_fraction(value, name)) for name, value in values.items()}
    return Instrument(
        venue=venue,
        symbol=info.symbol,
        kind="spot",
        base=info.base_asset,
        quote=info.quote_asset,
        tick=plain["tick"],
        lot=plain["lot"],
        min_qty=plain.get("min_qty", "0"),
        max_qty=plain.get("max_qty", "0"),
        min_notional=plain.get("min_notional", "0"),
        min_price=plain.get("min_price", "0"),
        max_price=plain.get("max_price", "0"),
        maker_rate=plain.get("maker_rate", "0"),
        taker_rate=plain.get("taker_rate", "0"),
        fee_asset="received",
    )


def differences(ours: Instrument, theirs: Instrument, *, fees: bool) -> list[tuple[str, str, str]]:
    """Field, our value and theirs, of all that differs."""
    found: list[tuple[str, str, str]] = []
    for name in (*_STEPS, *_BOUNDS, *(_FEES if fees else ())):
        mine, stated = str(getattr(ours, name)), str(getattr(theirs, name))
        if name in ("base", "quote"):
            same = mine == stated
        else:
            unstated = name in _BOUNDS and _fraction(mine, name) == 0
            same = unstated or _fraction(mine, name) == _fraction(stated, name)
        if not same:
            found.append((name, mine, stated))
    return found


class InstrumentRules:
    """Reads the venue's rules; `known` is called once, when all of them have been read for the first time."""

    def __init__(
        self,
        given: Sequence[Instrument],
        requests: Requests,
        rest: RestCalls,
        clock: VenueClock,
        settings: BinanceSettings,
        due: Due,
        sink: Callable[[Fact, int], None],
        known: Callable[[int], None],
        not_understood: NotUnderstood,
    ) -> None:
        self.instruments = list(given)
        self.trading = [True] * len(given)
        self.capabilities = Capabilities(
            post_only=False,
            cancel_all=True,
            amend=False,
            reduce_only=False,
            dead_man_switch=False,
            query_by_client_id=True,
            user_stream=requests.key is not None,
        )
        self._given = list(given)
        self._requests = requests
        self._rest = rest
        self._clock = clock
        self._settings = settings
        self._due = due
        self._sink = sink
        self._known = known
        self._not_understood = not_understood
        self._told = False
        self._reading = False
        self._next = 0
        self._info: dict[str, SymbolInfo] = {}
        self._alarmed: set[int] = set()
        self._decode_info = msgspec.json.Decoder(ExchangeInfo).decode
        self._decode_fees = msgspec.json.Decoder(Commission).decode

    def read(self, now: int) -> None:
        """Begin to read the rules, unless that is under way."""
        if not self._reading:
            self._reading = True
            self._next = 0
            names = ",".join(f'"{symbol}"' for symbol in self._requests.symbols)
            target = f"/api/v3/exchangeInfo?symbols={quote(f'[{names}]')}"
            self._rest.ask("GET", target, {}, self._on_info, now)

    def on_time(self, now: int) -> None:
        """Read again if it is time to."""
        if self._next and now >= self._next:
            if now < self._rest.hold:  # a ban grows if it is not heeded
                self._next = self._rest.hold
            else:
                self.read(now)
        if self._next:
            self._due.by(self._next)

    def _on_info(self, answer: Answer, now: int) -> None:
        if answer.status != 200:
            if answer.code == -1121:
                text = f"the venue does not know one of {', '.join(self._requests.symbols)}"
                self._alarmed.add(-1)
                self._sink(Alarm("instrument-changed", text, "pause"), now)
            self._again(now)
            return
        try:
            info = self._decode_info(answer.body)
        except UNREADABLE as error:
            self._not_understood("the venue's rules", error, answer.body, now)
            self._again(now)
            return
        for limit in info.rate_limits:
            counted = limit_of(limit)
            if counted is not None:
                rule = Rule(counted[0], counted[1], limit.limit)
                self._rest.weigh(rule, now)
                self._sink(rule, now)
        self._info = {symbol.symbol: symbol for symbol in info.symbols}
        if -1 in self._alarmed:
            self._alarmed.discard(-1)
            self._sink(Cleared("instrument-changed"), now)
        if self._requests.key is None:
            for index in range(len(self._given)):
                self._check(index, None, now)
            self._finish(now)
        else:
            self._ask_fees(0, now)

    def _ask_fees(self, index: int, now: int) -> None:
        key = self._requests.key
        if index == len(self._given) or key is None:
            self._finish(now)
            return
        query = self._requests.query([("symbol", self._requests.symbols[index])], self._clock.timestamp(now))
        target = f"/api/v3/account/commission?{query}"

        def answered(answer: Answer, at: int) -> None:
            if answer.status != 200:
                if answer.code == -1021:
                    self._clock.measure(at)
                if answer.meaning is not None and answer.meaning.key_refused:
                    self._sink(Alarm("key-refused", answer.text, "halt"), at)
                self._again(at)
                return
            try:
                fees = self._decode_fees(answer.body)
            except UNREADABLE as error:
                self._not_understood("the venue's fees", error, answer.body, at)
                self._again(at)
                return
            self._check(index, fees, at)
            self._ask_fees(index + 1, at)

        self._rest.ask("GET", target, {"X-MBX-APIKEY": key.name}, answered, now)

    def _check(self, index: int, fees: Commission | None, now: int) -> None:
        """Hold one instrument against what the venue states."""
        ours = self._given[index]
        info = self._info.get(self._requests.symbols[index])
        texts: list[str] = []
        self.trading[index] = info is not None and info.status == "TRADING" and info.is_spot_trading_allowed
        if info is None:
            texts.append("the venue no longer lists it")
        else:
            if not self.trading[index]:
                texts.append(f"status: ours TRADING, theirs {info.status}")
            try:
                theirs = stated_instrument(ours.venue, info, fees)
                found = differences(ours, theirs, fees=fees is not None)
            except InputError as error:
                texts.append(str(error))
            else:
                texts += [f"{name}: ours {mine}, theirs {stated}" for name, mine, stated in found]
                rates = {} if fees is not None else {name: getattr(ours, name) for name in _FEES}
                self.instruments[index] = replace(theirs, symbol=ours.symbol, fee_asset=ours.fee_asset, **rates)
        if texts:
            self._alarmed.add(index)
            self._sink(Alarm("instrument-changed", f"{ours.name}: {'; '.join(texts)}", "pause", index), now)
        elif index in self._alarmed:
            self._alarmed.discard(index)
            self._sink(Cleared("instrument-changed", index), now)

    def _finish(self, now: int) -> None:
        known = [self._info[symbol] for symbol in self._requests.symbols if symbol in self._info]
        post_only = len(known) == len(self._given) and all("LIMIT_MAKER" in info.order_types for info in known)
        self.capabilities = msgspec.structs.replace(self.capabilities, post_only=post_only)
        self._reading = False
        self._next = now + self._settings.rules_interval
        self._due.by(self._next)
        if not self._told:
            self._told = True
            self._known(now)

    def _again(self, now: int) -> None:
        self._reading = False
        self._next = max(now + _AGAIN, self._rest.hold)
        self._due.by(self._next)


def _rate(fees: Commission, name: str) -> str:
    """Everything that is charged on a maker's or a taker's fill."""
    parts: list[Rates | None] = [fees.standard_commission, fees.tax_commission, fees.special_commission]
    total = sum((_fraction(getattr(part, name), f"{name} fee") for part in parts if part is not None), Fraction(0))
    return format_fraction(total)


def _fraction(text: str, field: str) -> Fraction:
    digits, scale = parse_decimal(text, field)
    return Fraction(digits, 10**scale)
