"""Keys, signatures and windows: what is accepted is signed over exactly what was sent, in time."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from venue_harness import MS, Harness

from quotewright.exchange.hooks import NoFaults

ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "50", "quantity": "0.1"}


@pytest.mark.parametrize("key", ["a", "ed"])
def test_a_signature_covers_query_and_body_as_sent(key: str) -> None:
    harness = Harness()
    query, body = "symbol=BTCUSDT&side=BUY", f"type=MARKET&quantity=0.1&timestamp={harness.now // MS}"
    signature = quote(harness.sign(query + body, key), safe="")
    for sent_query, sent_body in ((query, f"{body}&signature={signature}"), (f"{query}&signature={signature}", body)):
        ref = harness.raw_rest("POST", "/api/v3/order", sent_query, key, sent_body)
        assert harness.answer(ref)[0] == 200
    for wrong_query, wrong_body in ((query, body.replace("0.1", "0.2")), (query.replace("BUY", "SELL"), body)):
        ref = harness.raw_rest("POST", "/api/v3/order", wrong_query, key, f"{wrong_body}&signature={signature}")
        assert harness.answer(ref)[1]["code"] == -1022
    assert len(harness.rest("myTrades", {"symbol": "BTCUSDT"}, key)[1]) >= 2


def test_keys_and_what_they_may() -> None:
    harness = Harness()
    conn = harness.user_stream()
    for key, signed, code in (
        ("", False, -2014),
        ("stranger", True, -2015),
        ("a", False, -1102),
        ("reads", True, -2015),
    ):
        query = f"symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.1&timestamp={harness.now // MS}"
        query += f"&signature={harness.sign(query, key)}" if signed else ""
        status, content, _ = harness.answer(harness.raw_rest("POST", "/api/v3/order", query, key))
        assert (status, content["code"]) == (400 if code == -1102 else 401, code)
    assert harness.ws(conn, "order.place", ORDER, "reads")["error"]["code"] == -2015
    assert harness.rest("openOrders.status", key="reads")[0] == 200
    assert harness.rest("account.status", key="reads")[1]["canTrade"] is False
    restrictions = harness.rest("sapi.apiRestrictions")[1]
    assert (restrictions["enableWithdrawals"], restrictions["enableSpotAndMarginTrading"]) == (False, True)
    assert harness.ws(conn, "account.status", {"apiKey": "a", "signature": "00"}, "")["error"]["code"] == -1102


@pytest.mark.parametrize(
    ("off", "window", "code"),
    [
        (0, None, 0),
        (-5000, None, 0),
        (-5001, None, -1021),
        (999, None, 0),
        (1000, None, -1021),
        (-100, "100", 0),
        (-101, "100.5", -1021),
        (-60_000, "60000", 0),
        (0, "60000.1", -1131),
        (0, "soon", -1100),
    ],
)
def test_the_window(off: int, window: str | None, code: int) -> None:
    harness = Harness()
    conn = harness.user_stream()
    params: dict[str, Any] = {"timestamp": harness.now // MS + off} | ({"recvWindow": window} if window else {})
    content = harness.rest("openOrders.status", params)[1]
    assert content == [] if code == 0 else content["code"] == code
    answer = harness.ws(conn, "openOrders.status", params)
    assert answer.get("error", {"code": 0})["code"] == code
    micro = {**params, "timestamp": params["timestamp"] * 1000}
    assert harness.ws(conn, "openOrders.status", micro).get("error", {"code": 0})["code"] == code


class Skewed(NoFaults):
    """A venue whose clock is off."""

    skew = 0

    def clock_skew(self, now: int) -> int:
        return self.skew


def test_the_venue_s_own_clock_decides_and_what_happened_keeps_its_order() -> None:
    faults = Skewed()
    harness = Harness(faults=faults)
    conn = harness.user_stream()
    faults.skew = 30_000 * MS
    assert harness.rest("order.place", ORDER)[1]["code"] == -1021
    told = harness.rest("time", key="")[1]["serverTime"]
    assert told == harness.now // MS + 30_000
    assert harness.rest("order.place", {**ORDER, "timestamp": told})[0] == 200
    faults.skew = -2_000 * MS
    assert harness.rest("order.place", ORDER)[1]["code"] == -1021
    early = {"timestamp": harness.rest("time", key="")[1]["serverTime"]}
    assert len(harness.rest("openOrders.cancelAll", {"symbol": "BTCUSDT", **early})[1]) == 1
    times = [report["T"] for report in harness.events(conn)]
    assert times == sorted(times)


class Slow(NoFaults):
    """A venue whose matching engine is slow."""

    delay = 0

    def engine_delay(self, now: int) -> int:
        return self.delay


def test_a_request_that_waits_too_long_for_the_engine_is_refused_and_others_keep_their_turn() -> None:
    faults = Slow()
    harness = Harness(faults=faults)
    faults.delay = 800 * MS
    query = "&".join(f"{name}={value}" for name, value in {**ORDER, "newClientOrderId": "x"}.items())

    def send(window: int) -> int:
        text = f"{query}&recvWindow={window}&timestamp={harness.now // MS}"
        return harness.raw_rest("POST", "/api/v3/order", f"{text}&signature={harness.sign(text, 'a')}", "a")

    late, timely = send(500), send(5000)
    faults.delay = 0
    cancel = f"symbol=BTCUSDT&origClientOrderId=x&timestamp={harness.now // MS}"
    behind = harness.raw_rest("DELETE", "/api/v3/order", f"{cancel}&signature={harness.sign(cancel, 'a')}", "a")
    named = {"symbol": "BTCUSDT", "origClientOrderId": "x"}
    assert harness.rest("order.status", named)[1]["code"] == -2013  # soon after sending: not final
    harness.run(799 * MS)
    for ref in (late, timely, behind):
        with pytest.raises(KeyError):
            harness.answer(ref)
    harness.run(MS)
    assert harness.answer(late)[1]["code"] == -1021
    assert harness.answer(timely)[0] == 200
    assert harness.answer(behind)[1]["status"] == "CANCELED"
    assert harness.rest("order.status", named)[1]["status"] == "CANCELED"


def test_a_session_is_logged_on_with_ed25519_alone() -> None:
    harness = Harness()
    conn = harness.connect("/ws-api/v3")
    assert harness.ws(conn, "userDataStream.subscribe", key="")["error"]["code"] == -2015
    assert harness.ws(conn, "session.logon", key="a")["error"]["code"] == -4056
    assert harness.ws(conn, "session.status", key="")["result"]["apiKey"] is None
    assert harness.ws(conn, "session.logon", key="ed")["result"]["apiKey"] == "ed"
    assert harness.ws(conn, "userDataStream.subscribe", key="")["result"] == {"subscriptionId": 0}
    assert harness.ws(conn, "userDataStream.subscribe", key="")["error"]["code"] == -2035
    unsigned = {**ORDER, "timestamp": harness.now // MS}
    assert harness.ws(conn, "order.place", unsigned, "")["status"] == 200
    assert harness.ws(conn, "order.place", {**unsigned, "timestamp": harness.now // MS - 6000}, "")["status"] == 400
    assert len(harness.events(conn)) == 1
    other = harness.connect("/ws-api/v3")
    assert harness.ws(other, "order.place", unsigned, "")["error"]["code"] == -2014
    assert harness.ws(conn, "session.logout", key="")["result"]["userDataStream"] is False
    assert harness.frames[conn][-1]["event"]["e"] == "eventStreamTerminated"
    assert harness.ws(conn, "order.place", unsigned, "")["error"]["code"] == -2014
