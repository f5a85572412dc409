"""What doctor says of a venue and of a key, against a venue on sockets; and that it says no secret."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
from collections.abc import Generator
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from quotewright.domain.instrument import Instrument
from quotewright.exchange.fault_schedule import FaultSchedule, rule_from_dict
from quotewright.exchange.faults import FaultPlane
from quotewright.exchange.http_driver import Serving, running
from quotewright.exchange.keys import ApiKey
from quotewright.exchange.limits import Limits
from quotewright.exchange.quiet_market import QuietSettings
from quotewright.exchange.settings import AccountSettings, ExchangeSettings
from quotewright.live.checks import VenueChecks, check_venue
from quotewright.live.settings import VenueSettings
from quotewright.venues.signing import Ed25519Key, HmacKey

SECRET = secrets.token_hex(20)
PRIVATE = Ed25519PrivateKey.generate()
PEM = PRIVATE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
BTC = Instrument("here", "BTCUSDT", "spot", "BTC", "USDT", "0.01", "0.001", min_notional="5", fee_asset="received")
ETH = replace(BTC, symbol="ETHUSDT", base="ETH")


@pytest.fixture(scope="module")
def venue() -> Generator[Serving]:
    keys = [
        ApiKey("trades", SECRET),
        ApiKey("pair", public_pem=PEM),
        ApiKey("withdraws", SECRET, may_withdraw=True),
        ApiKey("reads", SECRET, may_trade=False),
    ]
    accounts = [
        AccountSettings("desk", keys, {"USDT": "1000", "BTC": "0.5", "DOGE": "7"}, "0.0007", "0.001"),
        AccountSettings("poor", [ApiKey("poor", SECRET)], {"DOGE": "7"}),
    ]
    with running(ExchangeSettings([QuietSettings(each, 1) for each in (BTC, ETH)], accounts)) as serving:
        yield serving


def checks(serving: Serving, key: Any, *symbols: str, stored: tuple[Instrument, ...] = ()) -> dict[str, dict[str, Any]]:
    settings = VenueSettings("here", serving.rest, symbols or ("BTCUSDT",))
    found = check_venue(settings, key, stored)
    text = json.dumps(found)
    assert SECRET not in text
    assert "signature" not in text
    return {each["name"].removeprefix("here "): each for each in found}


@pytest.mark.parametrize("key", [HmacKey("trades", SECRET), Ed25519Key("pair", PRIVATE)], ids=["hmac", "ed25519"])
def test_a_sound_key_at_a_sound_venue_passes_every_check(venue: Serving, key: Any) -> None:
    found = checks(venue, key, "BTCUSDT", "ETHUSDT", stored=(replace(BTC, maker_rate="0.0007", taker_rate="0.001"),))
    assert list(found) == ["reach", "clock", "BTCUSDT", "ETHUSDT", "key", "balances", "budget"]
    assert all(each["ok"] for each in found.values()), found
    assert "fees 0.0007 / 0.001" in found["BTCUSDT"]["detail"]
    assert found["balances"]["detail"] == "BTC 0.50000000, USDT 1000.00000000"
    assert "of 6,000 used" in found["budget"]["detail"]


@pytest.mark.parametrize(
    ("name", "secret", "bad", "why"),
    [
        ("withdraws", SECRET, "key", "can withdraw"),
        ("reads", SECRET, "key", "cannot trade spot"),
        ("poor", SECRET, "balances", "nothing of BTC, USDT"),
        ("trades", "wrong secret", "balances", "-1022"),
        ("unknown", SECRET, "key", "-2015"),
    ],
    ids=("withdraws", "reads", "poor", "wrong-secret", "unknown"),  # the same in every process
)
def test_a_key_that_should_not_be_used_is_told(venue: Serving, name: str, secret: str, bad: str, why: str) -> None:
    found = checks(venue, HmacKey(name, secret))
    assert not found[bad]["ok"]
    assert why in found[bad]["detail"]
    assert found["clock"]["ok"]


def test_a_session_can_ask_of_its_key_alone(venue: Serving) -> None:
    settings = VenueSettings("here", venue.rest, ("BTCUSDT",))
    for name, sound in (("trades", True), ("withdraws", False), ("unknown", False)):
        found = asyncio.run(VenueChecks(settings, HmacKey(name, SECRET)).run(key_alone=True))
        assert [each["name"] for each in found] == ["here reach", "here clock", "here key"]
        assert found[-1]["ok"] is sound


def test_what_differs_from_the_stored_instrument_is_named_but_not_a_recording_s_finer_lot(venue: Serving) -> None:
    finer = replace(BTC, lot="0.00001")
    assert checks(venue, None, stored=(finer,))["BTCUSDT"]["ok"]
    other = checks(venue, None, "BTCUSDT", "NOSUCH", stored=(replace(BTC, tick="0.1", min_notional="10"),))
    assert "tick 0.1 (venue: 0.01), min_notional 10 (venue: 5)" in other["BTCUSDT"]["detail"]
    assert not other["BTCUSDT"]["ok"]
    assert not other["NOSUCH"]["ok"]
    assert "key" not in other


def test_a_venue_that_limits_us_or_is_none_is_told_and_asked_no_more() -> None:
    limits = Limits(weight_minute=3, ban_after=100)
    with running(ExchangeSettings([QuietSettings(BTC, 1)], limits=limits)) as serving:
        found = checks(serving, None)
    assert list(found) == ["reach"]
    assert "429" in found["reach"]["detail"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        (only,) = check_venue(VenueSettings("here", url, ("BTCUSDT",)), HmacKey("trades", SECRET))
    assert not only["ok"]
    assert "does not answer" in only["detail"]
    (only,) = check_venue(VenueSettings("here", url, ("BTCUSDT",), adapter="ccxt:kraken"), None)
    assert "ccxt:kraken" in only["detail"]


def test_a_clock_that_is_off_is_told_and_requests_are_signed_in_the_venue_s_time() -> None:
    schedule = FaultSchedule(0, (rule_from_dict({"kind": "clock_skew", "magnitude": -3000}),))
    accounts = [AccountSettings("desk", [ApiKey("trades", SECRET)], {"USDT": "1000"})]
    settings = ExchangeSettings([QuietSettings(BTC, 1)], accounts)
    with running(settings, make_faults=lambda start: FaultPlane(Random(1), schedule, start)) as serving:
        found = checks(serving, HmacKey("trades", SECRET))
    assert not found["clock"]["ok"]
    assert "ms ahead of the venue's; synchronise it" in found["clock"]["detail"]
    assert found["key"]["ok"]
    assert found["balances"]["ok"]
