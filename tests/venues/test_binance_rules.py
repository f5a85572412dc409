"""Instruments, fees and limits as the venue states them, against ours; keys, signatures and errors."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from quotewright.domain.errors import InputError
from quotewright.domain.events import BID
from quotewright.domain.instrument import Instrument
from quotewright.domain.journal import FOK, IOC, POST_ONLY, Reject
from quotewright.exchange.fault_schedule import FaultRule
from quotewright.exchange.faults import FaultPlane
from quotewright.gateway.port import Alarm, Cleared, FailureKind, NewOrder, Rule
from quotewright.venues.binance_errors import meaning
from quotewright.venues.binance_requests import Requests
from quotewright.venues.binance_settings import BinanceSettings
from quotewright.venues.signing import Ed25519Key, HmacKey

S = 1_000_000_000
START = 1_700_000_000 * S


def spot(base: str, **fields: str) -> Instrument:
    stated = {"tick": "0.01", "lot": "0.0001", "min_notional": "5", "maker_rate": "0.001", "taker_rate": "0.001"}
    return Instrument("v", f"{base}USDT", "spot", base, "USDT", fee_asset="received", **(stated | fields))  # type: ignore[arg-type]


def changed(world: Any) -> list[Alarm]:
    return [fact for fact in world.of(Alarm) if fact.name == "instrument-changed"]


def test_equal_instruments_raise_nothing_and_bounds_are_taken_over(make_world: Any) -> None:
    stated = [spot("BTC", min_qty="0.001", max_qty="90", max_price="100000"), spot("ETH")]
    ours = [spot("BTC", tick="0.010", maker_rate="0.00100000", min_notional="0"), spot("ETH")]
    world = make_world(instruments=stated, given=ours).start()
    assert not changed(world)
    known = world.adapter.instruments[0]
    assert (known.min_qty, known.max_qty, known.max_price, known.min_notional) == ("0.001", "90", "100000", "5")
    assert known.name == "v:BTCUSDT"
    assert world.adapter.capabilities.post_only
    assert not world.adapter.capabilities.reduce_only
    assert {(fact.kind, fact.interval // S, fact.limit) for fact in world.of(Rule)} == {
        ("weight", 60, 6000),
        ("orders", 10, 100),
        ("orders", 86400, 200_000),
    }


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"tick": "0.02"}, "tick: ours 0.02, theirs 0.01"),
        ({"lot": "0.001"}, "lot: ours 0.001, theirs 0.0001"),
        ({"min_qty": "0.5"}, "min_qty: ours 0.5, theirs 0.0001"),
        ({"min_notional": "10"}, "min_notional: ours 10, theirs 5"),
        ({"maker_rate": "-0.0001"}, "maker_rate: ours -0.0001, theirs 0.001"),
        ({"taker_rate": "0.0004"}, "taker_rate: ours 0.0004, theirs 0.001"),
    ],
)
def test_a_difference_pauses_and_says_so(make_world: Any, fields: dict[str, str], words: str) -> None:
    world = make_world(instruments=[spot("BTC"), spot("ETH")], given=[spot("BTC"), spot("ETH", **fields)])
    world.adapter.start(world.now)
    world.run(2)
    (alarm,) = changed(world)
    assert (alarm.severity, alarm.instrument) == ("pause", 1)
    assert words in alarm.text
    assert world.adapter.ready


def test_a_symbol_that_is_not_there_is_said_until_it_is(make_world: Any) -> None:
    world = make_world(instruments=[spot("BTC")], given=[spot("BTC"), spot("ETH")])
    world.adapter.start(world.now)
    world.run(5)
    assert "ETHUSDT" in changed(world)[0].text
    assert changed(world)[0].severity == "pause"
    assert not world.adapter.ready


def test_rules_are_read_again_and_a_change_is_told_and_taken_back(make_world: Any) -> None:
    settings = BinanceSettings(
        rest_url="http://v", stream_url="ws://v", api_url="ws://v/ws-api/v3", rules_interval=5 * S, doubt_hold=3 * S
    )
    world = make_world(settings=settings).start()
    account = world.server.accounts["desk"]
    before = account.maker_rate
    account.maker_rate = before * 2
    world.run(6)
    assert "maker_rate: ours 0.001, theirs 0.002" in changed(world)[0].text
    assert {alarm.instrument for alarm in changed(world)} == {0, 1}
    account.maker_rate = before
    world.run(6)
    assert {fact.instrument for fact in world.of(Cleared) if fact.name == "instrument-changed"} == {0, 1}


@pytest.mark.parametrize(("request_name", "field"), [("exchangeInfo", "filters"), ("time", "serverTime")])
def test_rules_that_cannot_be_read_are_asked_for_again(make_world: Any, request_name: str, field: str) -> None:
    rule = FaultRule("renamed_field", request=request_name, field=field, end=6 * S)
    world = make_world(faults=FaultPlane(random.Random(1), [rule], START))
    world.adapter.start(world.now)
    world.run(5)
    assert not world.adapter.ready
    (alarm,) = world.of(Alarm)
    assert (alarm.name, alarm.severity) == ("api-change", "pause")
    world.run(4)
    assert world.adapter.stream_up
    world.run(60)
    assert [fact.name for fact in world.of(Cleared)] == ["api-change"]


SECRET = "".join(random.Random(5).choices("abcdef0123456789", k=64))


def signed_by_hand(params: dict[str, Any]) -> str:
    payload = "&".join(f"{name}={params[name]}" for name in sorted(params) if name != "signature")
    return hmac.new(SECRET.encode(), payload.encode(), hashlib.sha256).hexdigest()


@given(
    st.text("abcXYZ09-_", min_size=1, max_size=36),
    st.integers(1, 10**9),
    st.integers(1, 10**9),
    st.sampled_from([0, POST_ONLY, IOC, FOK]),
    st.booleans(),
)
def test_orders_are_well_formed_and_signed(client_id: str, price: int, qty: int, flags: int, buy: bool) -> None:
    requests = Requests([spot("BTC")], HmacKey("name", SECRET), 4000)
    order = NewOrder(client_id, 0, BID if buy else -BID, price, qty, flags)
    text = requests.place(17, order, 1_700_000_000_123)
    assert text is not None
    said = json.loads(text)
    params = said["params"]
    assert (said["id"], said["method"]) == (17, "order.place")
    assert params["signature"] == signed_by_hand(params)
    assert params["newClientOrderId"] == client_id
    assert spot("BTC").price_ticks(params["price"]) == price
    assert spot("BTC").qty_lots(params["quantity"]) == qty
    assert params["side"] == ("BUY" if buy else "SELL")
    expected = {0: ("LIMIT", "GTC"), POST_ONLY: ("LIMIT_MAKER", None), IOC: ("LIMIT", "IOC"), FOK: ("LIMIT", "FOK")}
    assert (params["type"], params.get("timeInForce")) == expected[flags]
    assert (params["recvWindow"], params["timestamp"], params["apiKey"]) == (4000, 1_700_000_000_123, "name")
    cancel = json.loads(requests.cancel(18, 0, client_id, 5))["params"]
    assert cancel["signature"] == signed_by_hand(cancel)
    asked = json.loads(requests.call(19, "order.status", (("origClientOrderId", '%b"%d'),), 5))["params"]
    assert asked["origClientOrderId"] == '%b"%d'  # others' orders may be named by anything
    assert asked["signature"] == signed_by_hand(asked)


def test_keys_say_what_is_wrong_and_keep_their_secrets() -> None:
    key = HmacKey("name", SECRET)
    assert SECRET not in repr(key)
    assert SECRET not in repr(vars(key))
    assert key.sign(b"a") == hmac.new(SECRET.encode(), b"a", hashlib.sha256).hexdigest().encode()
    for name, secret in (("", SECRET), ('na"me', SECRET), ("name", ""), ("name", "geheimniß")):
        with pytest.raises(InputError) as told:
            HmacKey(name, secret)
        assert SECRET not in str(told.value)
    with pytest.raises(InputError, match="cannot be read as PEM"):
        Ed25519Key.from_pem("name", b"nonsense")
    assert len(Ed25519Key("name", Ed25519PrivateKey.generate()).sign(b"x")) == 88


@pytest.mark.parametrize(
    ("status", "code", "text", "kind", "reason"),
    [
        (400, -2010, "Order would immediately match and take.", FailureKind.REFUSED, Reject.POST_ONLY),
        (400, -2010, "Account has insufficient balance for requested action.", FailureKind.REFUSED, Reject.BALANCE),
        (400, -1013, "Filter failure: NOTIONAL", FailureKind.REFUSED, Reject.FILTER),
        (400, -1013, "Invalid quantity.", FailureKind.REFUSED, Reject.FILTER),
        (400, -9999, "Something new.", FailureKind.REFUSED, Reject.OTHER),
        (400, -2011, "Unknown order sent.", FailureKind.UNKNOWN_ORDER, 0),
        (400, -2011, "Order was not canceled due to cancel restrictions.", FailureKind.REFUSED, Reject.OTHER),
        (400, -2013, "Order does not exist.", FailureKind.UNKNOWN_ORDER, 0),
        (400, -1021, "Timestamp for this request is outside of the recvWindow.", FailureKind.CLOCK, 0),
        (429, -1015, "Too many new orders.", FailureKind.LIMITED, Reject.LIMIT),
        (400, -1015, "Too many new orders.", FailureKind.LIMITED, Reject.LIMIT),
        (429, -1003, "Too much request weight used.", FailureKind.LIMITED, Reject.LIMIT),
        (429, 0, "<html>", FailureKind.LIMITED, Reject.LIMIT),
        (418, -1003, "Way too much request weight used; IP banned until 1", FailureKind.BANNED, 0),
        (504, -1007, "Timeout waiting for response from backend server.", FailureKind.DOUBT, 0),
        (400, -1007, "Timeout waiting for response from backend server.", FailureKind.DOUBT, 0),
        (400, -1006, "An unexpected response was received from the message bus.", FailureKind.DOUBT, 0),
        (502, 0, "<html>", FailureKind.DOUBT, 0),
        (503, -2013, "Unknown error, please check your request or try again later.", FailureKind.DOUBT, 0),
        (400, 0, "<html>", FailureKind.DOUBT, 0),
        (302, 0, "", FailureKind.DOUBT, 0),
        (0, 0, "", FailureKind.DOUBT, 0),
        (403, 0, "<html>", FailureKind.LIMITED, Reject.LIMIT),
        (401, -2015, "Invalid API-key, IP, or permissions for action.", FailureKind.REFUSED, Reject.OTHER),
    ],
)
def test_what_errors_mean(status: int, code: int, text: str, kind: FailureKind, reason: int) -> None:
    found = meaning(status, code, text)
    assert (found.kind, found.reason) == (kind, reason)
    assert found.key_refused == (code == -2015)
