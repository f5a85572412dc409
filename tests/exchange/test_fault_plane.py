"""The fault plane does what its rules say, to whom they say, when they say, and the same again for the same seed."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from quotewright.exchange.fault_draw import random_schedule
from quotewright.exchange.fault_schedule import KINDS, NEVER, rule_from_dict
from quotewright.exchange.faults import FaultPlane
from quotewright.exchange.hooks import Faults, NoFaults, Request

SECOND = 10**9
MS = 10**6
START = 1_700_000_000 * SECOND
DEPTH = b'{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":5,"u":7,"b":[["1.0","2.0"]],"a":[]}'


def plane(*rules: dict[str, Any], seed: int = 1) -> FaultPlane:
    return FaultPlane(Random(seed), [rule_from_dict(rule) for rule in rules], START)


def at(seconds: float) -> int:
    return START + round(seconds * SECOND)


def place(symbol: str = "BTCUSDT", account: str = "a", kind: str = "order.place") -> Request:
    return Request(kind, "rest", account, symbol, "10.0.0.1")


def test_it_is_a_fault_plane() -> None:
    hooks: Faults = plane()
    assert [name for name in dir(NoFaults) if not name.startswith("_") and not hasattr(hooks, name)] == []


def test_a_rule_strikes_in_its_window_its_target_and_as_often_as_it_may() -> None:
    faults = plane(
        {"kind": "lost_ack", "request": "order.*", "symbol": "BTC*", "account": "a", "from": 1, "to": 2, "times": 2}
    )
    struck = {
        "early": faults.after_request(place(), b"{}", at(0.999)),
        "query": faults.after_request(place(kind="account.status"), b"{}", at(1)),
        "symbol": faults.after_request(place("ETHUSDT"), b"{}", at(1)),
        "account": faults.after_request(place(account="b"), b"{}", at(1)),
        "first": faults.after_request(place(), b"{}", at(1)),
        "second": faults.after_request(place(kind="order.cancel"), b"{}", at(1.9)),
        "spent": faults.after_request(place(), b"{}", at(1.95)),
        "late": faults.after_request(place(), b"{}", at(2)),
    }
    assert [name for name, outcome in struck.items() if outcome is not None] == ["first", "second"]
    assert struck["first"] is not None
    assert struck["first"].drop
    assert faults.applied == {"lost_ack": 2}


def test_errors_before_are_not_carried_out_and_errors_after_are() -> None:
    faults = plane({"kind": "error_before", "to": 1}, {"kind": "error_after", "from": 1, "to": 2, "magnitude": 504})
    before = faults.before_request(place(), at(0))
    assert before is not None
    assert (before.status, before.code) == (503, -1000)
    assert faults.before_request(place(), at(1)) is None
    after = faults.after_request(place(), b"{}", at(1))
    assert after is not None
    assert (after.status, after.code) == (504, 0)
    assert faults.applied == {"error_before": 1, "error_after": 1}


@pytest.mark.parametrize("magnitude", [1006, 1007])
def test_an_unknown_status_hides_acceptance_and_refusal_alike(magnitude: int) -> None:
    faults = plane({"kind": "unknown_status", "probability": 0.6, "magnitude": magnitude})
    accepted = refused = untouched = 0
    for n in range(2000):
        before = faults.before_request(place(), at(n))
        after = None if before else faults.after_request(place(), b"{}", at(n))
        told = before or after
        assert told is None or (told.status >= 500 and told.code == -magnitude)
        refused += before is not None
        accepted += after is not None
        untouched += told is None
    assert faults.applied == {"unknown_status": accepted + refused}
    for count, expected in ((accepted, 600), (refused, 600), (untouched, 800)):
        assert abs(count - expected) < 90  # four standard deviations


def test_limits_and_bans_hold_until_they_said() -> None:
    faults = plane({"kind": "limit", "to": 1, "magnitude": 3}, {"kind": "ban", "from": 10, "times": 1, "magnitude": 60})
    first = faults.before_request(place(), at(0.5))
    again = faults.before_request(place(kind="ping"), at(3.4))
    assert first is not None
    assert again is not None
    assert (first.status, first.code, first.retry_after) == (429, -1003, 3)
    assert (again.status, again.retry_after) == (429, 1)
    assert faults.before_request(place(), at(3.5)) is None
    other = Request("ping", "rest", "", "", "10.0.0.2")
    assert faults.before_request(other, at(2)) is None
    banned = faults.before_request(place(), at(10))
    assert banned is not None
    assert (banned.status, banned.retry_after) == (418, 60)
    assert faults.banned("10.0.0.1", at(69.9)) == at(70)
    assert faults.banned("10.0.0.1", at(70)) == 0
    assert faults.banned("10.0.0.2", at(11)) == 0
    assert faults.applied == {"limit": 2, "ban": 1}


def test_late_frames_keep_their_order_and_reordered_ones_do_not() -> None:
    faults = plane(
        {"kind": "delay", "stream": "depth", "to": 1, "magnitude": 300},
        {"kind": "reorder", "stream": "user", "magnitude": 40},
    )
    assert faults.on_frame(1, "depth", "BTCUSDT", b"1", at(0)) == [(at(0.3), b"1")]
    assert faults.on_frame(1, "trade", "BTCUSDT", b"2", at(0.1)) == [(at(0.3), b"2")]  # behind it
    assert faults.on_frame(2, "trade", "BTCUSDT", b"3", at(0.1)) == [(at(0.1), b"3")]  # on another connection
    assert faults.on_frame(2, "user", "", b"4", at(0.2)) == [(at(0.24), b"4")]
    assert faults.on_frame(2, "trade", "BTCUSDT", b"5", at(0.21)) == [(at(0.21), b"5")]  # overtakes
    assert faults.on_frame(1, "trade", "BTCUSDT", b"6", at(2)) == [(at(2), b"6")]


def test_frames_are_lost_doubled_and_changed() -> None:
    faults = plane(
        {"kind": "drop", "stream": "trade", "symbol": "ETHUSDT"},
        {"kind": "duplicate", "stream": "trade", "magnitude": 2},
        {"kind": "renamed_field", "stream": "depth", "field": "u", "name": "finalId"},
        {"kind": "missing_field", "stream": "depth", "field": "s"},
        {"kind": "missing_field", "stream": "depth", "field": "absent"},
    )
    assert faults.on_frame(1, "trade", "ETHUSDT", b"x", at(0)) == []
    assert faults.on_frame(1, "trade", "BTCUSDT", b"x", at(0)) == [(at(0), b"x")] * 3
    for frame, inner in ((DEPTH, None), (b'{"stream":"btcusdt@depth","data":%s}' % DEPTH, "data")):
        outs = faults.on_frame(1, "depth", "BTCUSDT", frame, at(0))
        assert outs is not None
        document = json.loads(outs[0][1])
        change = document[inner] if inner else document
        assert change == {"e": "depthUpdate", "E": 1, "U": 5, "finalId": 7, "b": [["1.0", "2.0"]], "a": []}
    assert faults.applied == {"drop": 1, "duplicate": 1, "renamed_field": 2, "missing_field": 2}


def test_an_answer_changes_within_its_envelope() -> None:
    faults = plane({"kind": "missing_field", "request": "order.place", "field": "status"})
    frame = b'{"id":"7","status":200,"result":{"orderId":12345678901234567,"status":"NEW","fills":[{"status":1}]}}'
    outcome = faults.after_request(place(), frame, at(0))
    assert outcome is not None
    assert outcome.payload is not None
    assert json.loads(outcome.payload) == {
        "id": "7",
        "status": 200,
        "result": {"orderId": 12345678901234567, "fills": [{}]},
    }
    only_envelope = b'{"id":"7","status":400,"error":{"code":-2010}}'
    assert faults.after_request(place(), only_envelope, at(0)) is None
    assert faults.applied == {"missing_field": 1}


def test_clocks_step_and_drift() -> None:
    faults = plane(
        {"kind": "clock_skew", "from": 1, "to": 2, "magnitude": -700},
        {"kind": "clock_skew", "from": 3, "to": 5, "magnitude": 2000, "shape": "drift"},
    )
    seconds = (0, 1, 1.9, 2, 3, 3.5, 4, 4.999, 5)
    assert [faults.clock_skew(at(s)) // MS for s in seconds] == [0, -700, -700, 0, 0, 500, 1000, 1999, 0]
    assert faults.applied == {"clock_skew": 2}


def test_a_connection_freezes_whole_unless_a_stream_is_named() -> None:
    faults = plane({"kind": "frozen_stream", "to": 5, "probability": 0.5})
    asked = [(stream, at(n)) for stream in ("depth", "user") for n in range(5)]
    silent = [{faults.frozen(conn, stream, "BTCUSDT", now) for stream, now in asked} for conn in range(40)]
    assert all(len(answers) == 1 for answers in silent)
    assert 8 < silent.count({True}) < 32
    assert not faults.frozen(1, "depth", "BTCUSDT", at(5))
    named = plane({"kind": "frozen_stream", "stream": "depth", "symbol": "BTCUSDT"})
    assert [named.frozen(1, s, y, at(1)) for s, y in (("depth", "BTCUSDT"), ("depth", "ETHUSDT"), ("user", ""))] == [
        True,
        False,
        False,
    ]


def test_timed_faults_happen_when_due_and_a_notice_is_followed_by_the_cut() -> None:
    faults = plane(
        {"kind": "gap", "symbol": "BTCUSDT", "from": 1, "every": 1, "to": 3.5, "magnitude": 2},
        {"kind": "shutdown_notice", "connection": "api", "from": 2, "magnitude": 4},
        {"kind": "disconnect", "connection": "market", "from": 2.5, "probability": 0},
    )
    told: list[tuple[float, str, str, str]] = []
    assert faults.due_events(at(0)) == []
    while (due := faults.next_due()) != NEVER:
        told += [((due - START) / SECOND, e.kind, e.path, e.symbol) for e in faults.due_events(due)]
    gap = ("gap", "", "BTCUSDT")
    assert told == [
        *[(s, *gap) for s in (1.0, 1.0, 2.0, 2.0)],
        (2.0, "shutdown", "api", ""),
        *[(3.0, *gap)] * 2,
        (6.0, "disconnect", "api", ""),
    ]


def test_a_late_look_misses_nothing() -> None:
    faults = plane({"kind": "disconnect", "from": 1, "every": 1, "to": 4})
    assert len(faults.due_events(at(100))) == 3
    assert faults.next_due() == NEVER


def test_connections_are_refused_by_their_kind() -> None:
    faults = plane({"kind": "refuse_connect", "connection": "api", "from": 1, "to": 2})
    tried = [("/ws-api/v3", 0.5), ("/ws-api/v3", 1.5), ("/ws/btcusdt@depth", 1.5), ("/ws-api/v3", 2.5)]
    assert [faults.refuse_connect(path, "10.0.0.1", at(s)) for path, s in tried] == [False, True, False, False]


def test_the_control_port_lists_adds_clears_and_counts() -> None:
    faults = plane({"kind": "drop", "stream": "trade"})

    def ask(method: str, path: str, body: object = None, status: int = 200) -> Any:
        reply = faults.control(method, path, b"" if body is None else json.dumps(body).encode(), at(10))
        assert reply.status == status
        return json.loads(reply.body)

    rule = {"kind": "slow_engine", "magnitude": 20, "to": 5}
    assert ask("POST", "/faults", rule) == {"added": [2]}
    assert ask("POST", "/faults", [rule, rule]) == {"added": [3, 4]}
    assert faults.engine_delay(at(14.9)) == 20 * MS  # counted from the time it was added
    assert faults.engine_delay(at(15)) == 0
    listed = ask("GET", "/faults")
    assert [(entry["number"], entry["kind"], entry["struck"]) for entry in listed] == [
        (1, "drop", 0),
        (2, "slow_engine", 1),
        (3, "slow_engine", 1),
        (4, "slow_engine", 1),
    ]
    assert ask("GET", "/faults/count") == {"applied": {"slow_engine": 3}, "total": 3}
    assert ask("DELETE", "/faults/2") == {"cleared": 1}
    assert ask("DELETE", "/faults/2", status=404)["field"] == "number"
    refused = ask("POST", "/faults", [rule, {"kind": "slow_engine", "magnitude": 0}], status=400)
    fix = "must be a whole number from 1 to 600000 (ms)"
    assert refused == {"field": "fault 2: magnitude", "value": "0", "fix": fix}
    assert len(ask("GET", "/faults")) == 3  # nothing of a list with a mistake is taken
    assert ask("POST", "/faults", status=400)["field"] == "body"
    assert ask("PATCH", "/faults", status=404)["field"] == "path"
    assert ask("DELETE", "/faults") == {"cleared": 3}
    assert faults.on_frame(1, "trade", "BTCUSDT", b"x", at(11)) is None


def test_clearing_ends_what_was_begun() -> None:
    faults = plane({"kind": "ban", "times": 1}, {"kind": "shutdown_notice"}, {"kind": "delay", "stream": "depth"})
    faults.before_request(place(), at(0))
    faults.due_events(at(0))
    faults.on_frame(1, "depth", "BTCUSDT", b"x", at(0))
    assert faults.banned("10.0.0.1", at(1))
    faults.clear()
    assert not faults.banned("10.0.0.1", at(1))
    assert faults.next_due() == NEVER
    assert faults.on_frame(1, "depth", "BTCUSDT", b"y", at(0.1)) is None


def lived_through(seed: int) -> tuple[list[object], dict[str, int]]:
    """Ten minutes at a venue with every kind of fault: all that was answered, and the counts."""
    rng = Random(seed)
    faults = FaultPlane(rng, random_schedule(rng, 600 * SECOND, intensity=1), START)
    seen: list[object] = []
    for n in range(6_000):
        now = START + n * 100 * MS
        seen.append(faults.due_events(now))
        request = place(kind=("order.place", "order.cancel", "depth")[n % 3])
        seen.append(faults.before_request(request, now) or faults.after_request(request, b'{"orderId":1}', now))
        stream, symbol = (("depth", "BTCUSDT"), ("trade", "ETHUSDT"), ("user", ""))[n % 3]
        seen.append(faults.frozen(n % 5, stream, symbol, now) or faults.on_frame(n % 5, stream, symbol, DEPTH, now))
        seen.append((faults.clock_skew(now), faults.engine_delay(now), faults.balance_lag(now)))
        seen.append((faults.refuse_connect("/ws-api/v3", "10.0.0.1", now), faults.banned("10.0.0.1", now)))
    return seen, faults.applied


def test_the_same_seed_gives_the_same_faults_of_every_kind() -> None:
    seen, applied = lived_through(5)
    assert (seen, applied) == lived_through(5)
    assert seen != lived_through(6)[0]
    assert set(applied) == set(KINDS)
    assert seen[-5:] == [[], None, None, (0, 0, 0), (False, 0)]
