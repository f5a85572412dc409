"""What each fault does at the venue: what was carried out, what the client hears, and what stays true besides."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from venue_harness import MS, SECOND, START, Harness, balances

from quotewright.exchange.fault_draw import random_schedule
from quotewright.exchange.fault_schedule import rule_from_dict
from quotewright.exchange.faults import FaultPlane
from quotewright.market.sync import DepthSync, SyncRule, Verdict

LOW = {"price": "90.00", "quantity": "0.1"}


def venue(*rules: dict[str, Any]) -> Harness:
    return Harness(faults=FaultPlane(Random(1), [rule_from_dict(rule) for rule in rules], START))


def open_ids(harness: Harness) -> list[str]:
    return [order["clientOrderId"] for order in harness.rest("openOrders.status", {"symbol": "BTCUSDT"})[1]]


@pytest.mark.parametrize(
    ("kind", "carried_out", "status"),
    [("drop", False, 0), ("error_before", False, 503), ("error_after", True, 503), ("lost_ack", True, 0)],
)
def test_whether_an_order_was_placed_is_not_told_by_the_answer(kind: str, carried_out: bool, status: int) -> None:
    strength = {"magnitude": status} if status else {}
    harness = venue({"kind": kind, "request": "order.place", "times": 1, **strength})
    heard = harness.user_stream()
    assert harness.place(newClientOrderId="x", **LOW)[0] == status
    assert open_ids(harness) == (["x"] if carried_out else [])
    assert [report["c"] for report in harness.events(heard)] == (["x"] if carried_out else [])
    assert harness.place(newClientOrderId="y", **LOW)[0] == 200


def test_an_acknowledgement_lost_on_the_websocket_leaves_silence() -> None:
    harness = venue({"kind": "lost_ack", "request": "order.place", "times": 1})
    conn = harness.user_stream()
    with pytest.raises(StopIteration):
        harness.place(conn, newClientOrderId="x", **LOW)
    assert [report["X"] for report in harness.events(conn)] == ["NEW"]
    assert not harness.closed


def test_late_answers_come_late_and_a_slow_engine_works_late() -> None:
    harness = venue(
        {"kind": "delay", "request": "order.place", "magnitude": 300, "to": 1},
        {"kind": "slow_engine", "magnitude": 400, "from": 1, "to": 2},
    )
    heard = harness.user_stream()
    for client_id, carried_out_at_once in (("answer", True), ("engine", False)):
        with pytest.raises(KeyError):
            harness.place(newClientOrderId=client_id, **LOW)
        assert (client_id in open_ids(harness)) == carried_out_at_once
        harness.run(SECOND)
        assert [report["c"] for report in harness.events(heard)].count(client_id) == 1
        assert client_id in open_ids(harness)


def test_a_ban_shuts_the_address_out_and_not_the_orders() -> None:
    harness = venue({"kind": "ban", "request": "order.place", "magnitude": 5, "from": 1})
    assert harness.place(newClientOrderId="x", **LOW)[0] == 200
    harness.run(SECOND)
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", **LOW}
    reply = harness.rest("order.place", order)
    assert (reply[0], reply[1]["code"], reply[2]["retry-after"]) == (418, -1003, "5")
    assert harness.rest("openOrders.status", {"symbol": "BTCUSDT"})[0] == 418
    harness.run(5 * SECOND)
    assert open_ids(harness) == ["x"]


def test_a_limit_says_when_to_come_back() -> None:
    harness = venue({"kind": "limit", "request": "depth", "magnitude": 3, "times": 1})
    assert harness.rest("depth", {"symbol": "BTCUSDT"}, "")[0] == 429
    harness.run(2 * SECOND)
    status, content, headers = harness.rest("time", key="")
    assert (status, content["code"], headers["retry-after"]) == (429, -1003, "1")
    harness.run(SECOND)
    assert harness.rest("time", key="")[0] == 200


def test_a_gap_is_seen_by_everyone_as_a_gap() -> None:
    harness = venue({"kind": "gap", "symbol": "BTCUSDT", "from": 3}, {"kind": "gap", "from": 6, "magnitude": 2})
    conns = [harness.connect("/ws/btcusdt@depth@100ms") for _ in range(2)]
    snapshot = harness.rest("depth", {"symbol": "BTCUSDT"}, "")[1]["lastUpdateId"]
    harness.run(9 * SECOND)
    assert harness.frames[conns[0]] == harness.frames[conns[1]]
    sync = DepthSync(SyncRule.SPOT)
    sync.snapshot(snapshot)
    gaps: list[int] = []
    for update in harness.frames[conns[0]]:
        if sync.diff(update["U"], update["u"], 0, update["E"]) is Verdict.GAP:
            gaps.append(update["E"] - START // MS)
            sync.snapshot(update["u"])
    assert len(gaps) in (2, 3)  # two updates lost may lie side by side
    assert 3000 <= gaps[0] < 4000
    assert 6000 <= gaps[1] < 7500


def test_connections_are_cut_warned_refused_and_silent() -> None:
    harness = venue(
        {"kind": "shutdown_notice", "connection": "api", "from": 1, "magnitude": 2},
        {"kind": "disconnect", "connection": "market", "from": 2},
        {"kind": "refuse_connect", "from": 4, "to": 5},
        {"kind": "frozen_stream", "from": 6, "to": 8},
        {"kind": "end_user_stream", "from": 9},
    )
    api, market = harness.connect("/ws-api/v3"), harness.connect("/ws/btcusdt@depth@100ms")
    harness.run(2 * SECOND)
    assert harness.frames[api] == [{"event": {"e": "serverShutdown", "E": START // MS + 1000}}]
    assert harness.closed == [market]
    harness.run(2 * SECOND)
    assert harness.closed == [market, api]
    refused = harness.server.ws_open("/ws-api/v3", harness.address, harness.now)
    assert not isinstance(refused, int)
    assert refused.status == 503
    harness.run(2 * SECOND)
    silent, user = harness.connect("/ws/btcusdt@depth@100ms"), harness.user_stream()
    harness.place(**LOW)
    harness.run(2 * SECOND - 1)
    assert harness.frames[silent] == []
    assert harness.events(user) == []
    harness.run(SECOND)
    assert harness.frames[silent]
    harness.run(SECOND)
    assert harness.events(user, "eventStreamTerminated")
    harness.place(**LOW)
    assert harness.events(user) == []


def test_a_venue_whose_clock_is_off_refuses_ours() -> None:
    harness = venue({"kind": "clock_skew", "magnitude": 6000, "from": 1, "to": 2})
    assert harness.place(**LOW)[0] == 200
    harness.run(SECOND)
    assert harness.place(**LOW)[1]["code"] == -1021
    assert harness.rest("time", key="")[1]["serverTime"] == harness.now // MS + 6000
    harness.run(SECOND)
    assert harness.place(**LOW)[0] == 200


def test_queries_lag_and_the_stream_does_not() -> None:
    harness = venue({"kind": "balance_lag", "magnitude": 800})
    harness.run(SECOND)
    heard = harness.user_stream()
    before = balances(harness, "a")
    bought = harness.place(type="MARKET", quantity="0.05")[1]
    assert bought["status"] == "FILLED"
    assert harness.events(heard)[-1]["X"] == "FILLED"
    assert balances(harness, "a") == before
    assert harness.rest("myTrades", {"symbol": "BTCUSDT"})[1] == []
    harness.run(SECOND)
    assert balances(harness, "a")["BTC"][0] > before["BTC"][0]
    assert harness.rest("myTrades", {"symbol": "BTCUSDT"})[1]


def test_fields_change_without_notice() -> None:
    harness = venue(
        {"kind": "renamed_field", "stream": "user", "field": "c", "name": "clientOrderId"},
        {"kind": "missing_field", "request": "order.place", "field": "orderId"},
    )
    conn = harness.user_stream()
    status, result = harness.place(conn, newClientOrderId="x", **LOW)
    assert status == 200
    assert "orderId" not in result
    assert result["clientOrderId"] == "x"
    (report,) = harness.events(conn)
    assert "c" not in report
    assert report["clientOrderId"] == "x"


def turbulent(seed: int) -> tuple[bytes, dict[str, int], Harness]:
    """More than two minutes of a client that never gives up, at a venue that fails in every way for two of them."""
    rng = Random(seed)
    faults = FaultPlane(rng, random_schedule(rng, 120 * SECOND, intensity=2), START)
    harness, client = Harness(faults=faults), Random(seed)
    conns: list[int] = []
    for n in range(700):
        harness.run(200 * MS)
        conns = [conn for conn in conns if conn not in harness.closed]
        if len(conns) < 3:
            path = client.choice(
                ["/ws-api/v3", "/ws/btcusdt@depth@100ms/btcusdt@trade", "/stream?streams=ethusdt@bookTicker"]
            )
            opened = harness.server.ws_open(path, harness.address, harness.now)
            if isinstance(opened, int):
                conns.append(opened)
                harness.say(opened, {"id": n, "method": "ping"})
        kind, params = client.choice(
            [
                ("order.place", {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", **LOW}),
                ("order.place", {"side": "SELL", "type": "MARKET", "quantity": "0.1"}),
                ("openOrders.cancelAll", {}),
                ("openOrders.status", {}),
                ("account.status", None),
            ]
        )
        try:
            harness.rest(kind, None if params is None else {"symbol": "BTCUSDT", **params})
        except (KeyError, ValueError):  # no answer yet, or a page that is not JSON
            continue
    return b"".join(out.payload for out in harness.raw), faults.applied, harness


def test_a_venue_in_turmoil_repeats_itself_and_comes_to_rest() -> None:
    payload, applied, harness = turbulent(3)
    again, applied_again, _ = turbulent(3)
    assert (payload, applied) == (again, applied_again)
    assert len(applied) >= 15
    assert harness.rest("openOrders.cancelAll", {"symbol": "BTCUSDT"})[0] in (200, 400)
    assert open_ids(harness) == []
    assert all(locked == 0 for _, locked in balances(harness, "a").values())
