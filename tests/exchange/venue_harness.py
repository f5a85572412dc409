"""A venue in the same process, and clients of it that sign as real ones do."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from quotewright.domain.instrument import Instrument
from quotewright.exchange.hooks import Faults, HttpReply, HttpRequest, Out
from quotewright.exchange.keys import ApiKey
from quotewright.exchange.limits import Limits
from quotewright.exchange.quiet_market import QuietSettings
from quotewright.exchange.requests import ROUTES
from quotewright.exchange.server import ExchangeServer
from quotewright.exchange.settings import AccountSettings, ExchangeSettings

START = 1_700_000_000_000_000_000
SECOND = 10**9
MS = 10**6
SECRETS = {name: secrets.token_hex(16) for name in ("a", "b")}  # HMAC keys of the accounts, by name
PRIVATE = Ed25519PrivateKey.generate()  # account a's other key, called ed
PUBLIC = PRIVATE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
KINDS = {kind: route for route, kind in ROUTES.items()}
START_BALANCES = {"USDT": "10000", "BTC": "2", "ETH": "30"}


def instrument(base: str) -> Instrument:
    return Instrument(
        "venue",
        f"{base}USDT",
        "spot",
        base,
        "USDT",
        "0.01",
        "0.001",
        min_qty="0.002",
        max_qty="50",
        min_notional="5",
        max_price="2000",
        fee_asset="received",
    )


def settings(limits: Limits | None = None, *, seed: int = 1, **market: Any) -> ExchangeSettings:
    """Two quiet symbols, and accounts a and b; a has an Ed25519 key and one that may only read as well."""
    accounts = [
        AccountSettings(
            "a",
            [ApiKey("a", SECRETS["a"]), ApiKey("ed", public_pem=PUBLIC), ApiKey("reads", "r", may_trade=False)],
            START_BALANCES,
            "0.0007",
            "0.001",
        ),
        AccountSettings("b", [ApiKey("b", SECRETS["b"])], START_BALANCES, "-0.0001", "0.0005"),
    ]
    market = {"price": 10_000, "qty": 20, "take_qty": 30} | market
    markets = [QuietSettings(instrument(base), seed, **market) for base in ("BTC", "ETH")]
    return ExchangeSettings(markets, accounts, limits or Limits())


class Harness:
    """A venue and its time; frames of every connection are kept, decoded, in order."""

    def __init__(self, made: ExchangeSettings | None = None, faults: Faults | None = None) -> None:
        self.now = START
        self.server = ExchangeServer(made or settings(), START, faults)
        self.frames: dict[int, list[Any]] = {}
        self.closed: list[int] = []
        self.raw: list[Out] = []
        self._refs = 0
        self._replies: dict[int, HttpReply | None] = {}
        self.address = "1.1.1.1"

    def run(self, ns: int) -> None:
        """Let time pass, stopping wherever something is due."""
        end = self.now + ns
        while (due := self.server.next_due()) <= end:
            self.now = max(self.now, due)
            self.server.advance(self.now)
            self.collect()
        self.now = end
        self.server.advance(end)
        self.collect()

    def collect(self) -> None:
        for out in self.server.take_out(self.now):
            self.raw.append(out)
            if out.kind == "frame":
                self.frames.setdefault(out.to, []).append(json.loads(out.payload))
            elif out.kind == "close":
                self.closed.append(out.to)
            else:
                self._replies[out.to] = out.reply

    def connect(self, path: str) -> int:
        conn = self.server.ws_open(path, self.address, self.now)
        assert isinstance(conn, int), conn
        self.frames[conn] = []
        self.collect()
        return conn

    def say(self, conn: int, message: object) -> None:
        self.server.ws_text(conn, json.dumps(message).encode(), self.now)
        self.collect()

    def raw_rest(self, method: str, path: str, query: str = "", key: str = "", body: str = "") -> int:
        """Send a request as it is; the number of its answer."""
        self._refs += 1
        headers = {"x-mbx-apikey": key} if key else {}
        self.server.http(self._refs, HttpRequest(method, path, query, headers, body.encode(), self.address), self.now)
        self.collect()
        return self._refs

    def answer_raw(self, method: str, path: str) -> int:
        """Status of an answer that need not be JSON."""
        reply = self._replies.pop(self.raw_rest(method, path))
        assert reply is not None
        return reply.status

    def answer(self, ref: int) -> tuple[int, Any, Mapping[str, str]]:
        """Status, content and headers of an answer; KeyError if there is none, status 0 if the connection was cut."""
        reply = self._replies.pop(ref)
        return (reply.status, json.loads(reply.body), reply.headers) if reply else (0, None, {})

    def sign(self, payload: str, key: str) -> str:
        if key == "ed":
            return base64.b64encode(PRIVATE.sign(payload.encode())).decode()
        return hmac.new(SECRETS.get(key, "r").encode(), payload.encode(), hashlib.sha256).hexdigest()

    def stamped(self, params: Mapping[str, Any]) -> dict[str, Any]:
        return {**params, "timestamp": self.now // MS} if "timestamp" not in params else dict(params)

    def rest(
        self, kind: str, params: Mapping[str, Any] | None = None, key: str = "a"
    ) -> tuple[int, Any, Mapping[str, str]]:
        """A request by the WebSocket API's name, signed unless `key` is empty."""
        method, path = KINDS[kind]
        query = urlencode(self.stamped(params or {}) if key else params or {})
        if key:
            query += "&signature=" + quote(self.sign(query, key), safe="")
        return self.answer(self.raw_rest(method, path, query, key))

    def ws(self, conn: int, kind: str, params: Mapping[str, Any] | None = None, key: str = "a") -> dict[str, Any]:
        """A request on the WebSocket API, signed unless `key` is empty; its answer."""
        given = dict(params or {})
        if key:
            given = self.stamped(given | {"apiKey": key})
            plain = "&".join(f"{name}={_text(given[name])}" for name in sorted(given))
            given["signature"] = self.sign(plain, key)
        self._refs += 1
        self.say(conn, {"id": self._refs, "method": kind, "params": given})
        return next(frame for frame in reversed(self.frames[conn]) if frame.get("id") == self._refs)

    def user_stream(self, key: str = "a") -> int:
        """A connection that hears an account's events."""
        conn = self.connect("/ws-api/v3")
        assert self.ws(conn, "userDataStream.subscribe.signature", key=key)["status"] == 200
        return conn

    def events(self, conn: int, name: str = "executionReport") -> list[dict[str, Any]]:
        """An account's events of one kind heard on a connection."""
        return [frame["event"] for frame in self.frames[conn] if frame.get("event", {}).get("e") == name]

    def touch(self, symbol: str = "BTCUSDT") -> tuple[float, float]:
        """Best bid and ask."""
        best = self.rest("ticker.book", {"symbol": symbol}, "")[1]
        return float(best["bidPrice"]), float(best["askPrice"])

    def place(self, conn: int = 0, key: str = "a", **params: Any) -> tuple[int, Any]:
        """An order, by REST or on a connection; status and content."""
        given = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", **params}
        if given["type"] == "LIMIT":
            given.setdefault("timeInForce", "GTC")
        if not conn:
            return self.rest("order.place", given, key)[:2]
        answer = self.ws(conn, "order.place", given, key)
        return answer["status"], answer.get("result", answer.get("error"))


def atoms(text: str) -> int:
    whole, _, fraction = text.partition(".")
    return int(whole + fraction.ljust(8, "0")) if not text.startswith("-") else -atoms(text[1:])


def balances(harness: Harness, key: str) -> dict[str, tuple[int, int]]:
    """Free and locked atoms by asset, as REST tells them."""
    told: Sequence[Mapping[str, str]] = harness.rest("account.status", key=key)[1]["balances"]
    return {each["asset"]: (atoms(each["free"]), atoms(each["locked"])) for each in told}


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)
