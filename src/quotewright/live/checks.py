"""What `doctor` looks at on a venue before a session trusts it: reach, clock, symbols, key, balances, budget.

Nothing is placed, cancelled or changed. No detail holds a key, a secret or a signed address.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec
from yarl import URL

from quotewright.domain.errors import InputError
from quotewright.domain.instrument import Instrument
from quotewright.live.opening import binance_settings
from quotewright.live.settings import VenueSettings
from quotewright.venues.binance_requests import Requests
from quotewright.venues.binance_rules import differences, limit_of, stated_instrument
from quotewright.venues.binance_wire import (
    UNREADABLE,
    ApiError,
    Commission,
    ExchangeInfo,
    KeyRestrictions,
    RateLimit,
    ServerTime,
    SymbolInfo,
)
from quotewright.venues.signing import Key

Check = dict[str, Any]  # name, ok, detail

_PATIENCE = 10.0  # s, a request
_SAMPLES = 5
_FAR = 1_000_000_000  # ns: Binance refuses a timestamp more than a second ahead of its clock
_MINUTE = 60_000_000_000
_MOST_USED = 0.8  # of the weight
_WINDOW_MS = 5000
_STEPS = ("tick", "lot")


class _Balance(msgspec.Struct, gc=False):
    asset: str
    free: str
    locked: str


class _Account(msgspec.Struct, rename="camel"):
    balances: list[_Balance]
    can_trade: bool = True


@dataclass
class _Reply:
    status: int
    body: bytes
    headers: dict[str, str]
    round_trip: int  # ns
    middle: int  # local time, ns

    @property
    def why(self) -> str:
        """What the venue says is wrong."""
        try:
            error = msgspec.json.decode(self.body, type=ApiError)
        except UNREADABLE:
            return f"HTTP {self.status}"
        return f"{error.msg} ({error.code})"


def check_venue(venue: VenueSettings, key: Key | None, stored: Sequence[Instrument] = ()) -> list[Check]:
    """Every check in order; without a key only what is public. `stored` instruments are compared with the venue's."""
    if venue.adapter != "binance":
        detail = f"cannot be looked at through {venue.adapter}: only venues that speak Binance Spot can"
        return [{"name": venue.name, "ok": False, "detail": detail}]
    return asyncio.run(VenueChecks(venue, key, stored).run())


class VenueChecks:
    """See `check_venue`; `run` is for a loop that is there already."""

    def __init__(self, venue: VenueSettings, key: Key | None, stored: Sequence[Instrument] = ()) -> None:
        self._venue = venue
        self._key = key
        self._stored = {each.symbol: each for each in stored if each.venue == venue.name}
        self._rest = binance_settings(venue).rest_url
        self._requests = Requests((), key, _WINDOW_MS)
        self._offset = 0  # ns, the venue's clock less ours
        self._headers: dict[str, str] = {}
        self._found: list[Check] = []

    async def run(self, *, key_alone: bool = False) -> list[Check]:
        """Ask the venue, one thing after the other; `key_alone`: whether a session may use the key, and the clock."""
        context = ssl.create_default_context(cafile=self._venue.ca_file or None)
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context), timeout=aiohttp.ClientTimeout(_PATIENCE)
        ) as self._http:
            try:
                await self._clock()
                if key_alone:
                    await self._restrictions()
                else:
                    await self._everything()
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                # the text of such an error may hold the address with its signature
                self._tell("reach", False, f"{self._rest} does not answer ({type(error).__name__})")
            except _Refused as error:
                self._tell("reach", False, str(error))
        return self._found

    async def _everything(self) -> None:
        info = await self._symbols()
        if self._key is not None:
            await self._restrictions()
            await self._balances(info)
        self._budget(info)

    def _tell(self, name: str, ok: bool, detail: str) -> None:
        self._found.append({"name": f"{self._venue.name} {name}", "ok": ok, "detail": detail})

    async def _get(self, path: str, query: str = "") -> _Reply:
        headers = {"X-MBX-APIKEY": self._key.name} if self._key is not None and query.count("signature=") else {}
        address = URL(f"{self._rest}{path}{'?' if query else ''}{query}", encoded=True)
        sent = time.time_ns()
        began = time.monotonic_ns()
        async with self._http.get(address, headers=headers, allow_redirects=False) as answer:
            body = await answer.read()
        round_trip = time.monotonic_ns() - began
        self._headers = {name.lower(): value for name, value in answer.headers.items()}
        if answer.status in (418, 429):
            wait = self._headers.get("retry-after", "some")
            raise _Refused(
                f"{path}: the venue limits us ({answer.status}); wait {wait} s, and find out who asks so much"
            )
        return _Reply(answer.status, body, self._headers, round_trip, sent + round_trip // 2)

    async def _signed(self, path: str, parameters: Sequence[tuple[str, str]] = ()) -> _Reply:
        return await self._get(path, self._requests.query(parameters, (time.time_ns() + self._offset) // 1_000_000))

    async def _clock(self) -> None:
        offsets: list[int] = []
        trips: list[int] = []
        for _ in range(_SAMPLES + 1):
            reply = await self._get("/api/v3/time")
            try:
                told = msgspec.json.decode(reply.body, type=ServerTime).server_time
            except UNREADABLE:
                raise _Refused(f"{self._rest} is not a venue of this kind: {reply.why}") from None
            offsets.append(told * 1_000_000 + 500_000 - reply.middle)  # whole milliseconds, so half of one on average
            trips.append(reply.round_trip)
        self._offset = int(median(offsets[1:]))  # the first one opened the connection
        trip = median(trips[1:])
        self._tell("reach", True, f"{self._rest}, round trip {trip / 1e6:,.1f} ms")
        ahead = "ahead of" if self._offset < 0 else "behind"
        detail = f"ours is {abs(self._offset) / 1e6:,.1f} ms {ahead} the venue's"
        if abs(self._offset) > _FAR:
            detail += "; synchronise it (chrony, systemd-timesyncd)"
        self._tell("clock", abs(self._offset) <= _FAR, detail)

    async def _symbols(self) -> ExchangeInfo:
        limits: list[RateLimit] = []
        found: list[SymbolInfo] = []
        for name in self._venue.instruments:
            reply = await self._get("/api/v3/exchangeInfo", f"symbol={quote(name)}")
            try:
                info = msgspec.json.decode(reply.body, type=ExchangeInfo)
                limits = info.rate_limits
                symbol = info.symbols[0]
            except (*UNREADABLE, IndexError):
                self._tell(name, False, f"is not traded there: {reply.why}")
                continue
            found.append(symbol)
            fees = await self._fees(name) if self._key is not None else None
            try:
                theirs = stated_instrument(self._venue.name, symbol, fees)
            except InputError as error:
                self._tell(name, False, f"its rules cannot be read: {error}")
                continue
            trading = symbol.status == "TRADING" and symbol.is_spot_trading_allowed
            detail = f"{symbol.status}, tick {theirs.tick}, lot {theirs.lot}, smallest order {theirs.min_notional}"
            if fees is not None:
                detail += f", fees {theirs.maker_rate} / {theirs.taker_rate}"
            differing = self._differing(theirs, fees is not None)
            if differing:
                detail += f"; stored otherwise: {', '.join(differing)}"
            self._tell(name, trading and not differing, detail)
        return ExchangeInfo(found, limits)

    def _differing(self, theirs: Instrument, fees: bool) -> list[str]:
        """What would pause quoting; a recording may have finer steps than new orders have to have."""
        ours = self._stored.get(theirs.symbol)
        if ours is None:
            return []
        found: list[str] = []
        for name, mine, stated in differences(ours, theirs, fees=fees):
            if name in _STEPS:
                step = {"tick": (ours.price_step, theirs.price_step), "lot": (ours.qty_step, theirs.qty_step)}[name]
                if (step[1].fraction / step[0].fraction).denominator == 1:
                    continue
            found.append(f"{name} {mine} (venue: {stated})")
        return found

    async def _fees(self, symbol: str) -> Commission | None:
        reply = await self._signed("/api/v3/account/commission", [("symbol", symbol)])
        try:
            return msgspec.json.decode(reply.body, type=Commission)
        except UNREADABLE:
            self._tell(f"{symbol} fees", False, reply.why)
            return None

    async def _restrictions(self) -> None:
        reply = await self._signed("/sapi/v1/account/apiRestrictions")
        try:
            may = msgspec.json.decode(reply.body, type=KeyRestrictions)
        except UNREADABLE:
            self._tell("key", False, f"the venue does not say what it may do: {reply.why}")
            return
        wrong: list[str] = []
        if may.enable_withdrawals:
            wrong.append("it can withdraw: make one that cannot, and delete this one")
        if may.permits_universal_transfer or may.enable_internal_transfer:
            wrong.append("it can move funds out of the account: make one that cannot")
        if not may.enable_reading:
            wrong.append("it cannot read")
        if not may.enable_spot_and_margin_trading:
            wrong.append("it cannot trade spot")
        bound = "bound to addresses" if may.ip_restrict else "not bound to an address: bind it if this one is fixed"
        self._tell("key", not wrong, "; ".join(wrong) if wrong else f"can read and trade, cannot withdraw; {bound}")

    async def _balances(self, info: ExchangeInfo) -> None:
        reply = await self._signed("/api/v3/account")
        try:
            account = msgspec.json.decode(reply.body, type=_Account)
        except UNREADABLE:
            self._tell("balances", False, reply.why)
            return
        needed = {asset for symbol in info.symbols for asset in (symbol.base_asset, symbol.quote_asset)}
        held = [each for each in account.balances if each.asset in needed and _some(each)]
        detail = ", ".join(
            f"{each.asset} {each.free}" + (f" (and {each.locked} in orders)" if each.locked.strip("0.") else "")
            for each in sorted(held, key=lambda each: each.asset)
        )
        if not account.can_trade:
            detail = f"{detail or 'nothing'}; the venue says that this account cannot trade"
        empty = f"nothing of {', '.join(sorted(needed))}: there is nothing to quote with"
        self._tell("balances", bool(held) and account.can_trade, detail or empty)

    def _budget(self, info: ExchangeInfo) -> None:
        limits = {counted: limit.limit for limit in info.rate_limits if (counted := limit_of(limit)) is not None}
        limit = limits.get(("weight", _MINUTE), 0)
        told = self._headers.get("x-mbx-used-weight-1m", "")
        if not limit or not told.isdigit():
            self._tell("budget", False, "the venue does not tell its limits or what is used of them")
            return
        used = int(told)
        detail = f"{used:,} of {limit:,} used in this minute, by everybody at this address"
        self._tell("budget", used <= _MOST_USED * limit, detail)


class _Refused(Exception):
    """The venue does not answer as it should; the text is fit to be shown."""


def _some(balance: _Balance) -> bool:
    return bool(balance.free.strip("0.") or balance.locked.strip("0."))


async def check_key(venue: VenueSettings, key: Key | None) -> None:
    """A key that can move funds away is refused, as is one that the venue does not know."""
    for check in await VenueChecks(venue, key).run(key_alone=True):
        if not check["ok"]:
            raise InputError("keys", venue.keys, f"{check['name']}: {check['detail']}")
