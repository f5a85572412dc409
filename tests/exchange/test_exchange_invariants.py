"""Whatever two accounts do at a moving market, money is conserved, locks are the open orders, and reports add up."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st
from venue_harness import START_BALANCES, Harness, atoms, balances, settings

from quotewright.exchange.limits import Limits
from quotewright.market.sync import DepthSync, SyncRule, Verdict

SYMBOLS = ("BTCUSDT", "ETHUSDT")

orders = st.fixed_dictionaries(
    {
        "do": st.just("order"),
        "key": st.sampled_from("ab"),
        "symbol": st.sampled_from(SYMBOLS),
        "side": st.sampled_from(["BUY", "SELL"]),
        "kind": st.sampled_from(["GTC", "GTC", "GTC", "IOC", "FOK", "LIMIT_MAKER", "MARKET", "QUOTE"]),
        "off": st.integers(-8, 8),  # ticks from the middle
        "lots": st.integers(60, 400),
        "prevention": st.sampled_from(["EXPIRE_MAKER", "EXPIRE_MAKER", "NONE"]),
        "by": st.sampled_from(["rest", "ws"]),
    }
)
others = st.one_of(
    st.fixed_dictionaries({"do": st.just("wait"), "ms": st.integers(1, 900)}),
    st.fixed_dictionaries({"do": st.just("cancel"), "key": st.sampled_from("ab"), "pick": st.integers(0, 9)}),
    st.fixed_dictionaries({"do": st.just("all"), "key": st.sampled_from("ab"), "symbol": st.sampled_from(SYMBOLS)}),
)
actions = st.lists(st.one_of(orders, orders, others), min_size=5, max_size=60)


def carry_out(harness: Harness, conns: dict[str, int], action: dict[str, Any]) -> None:
    if action["do"] == "wait":
        harness.run(action["ms"] * 10**6)
    elif action["do"] == "all":
        harness.rest("openOrders.cancelAll", {"symbol": action["symbol"]}, action["key"])
    elif action["do"] == "cancel":
        resting = harness.rest("openOrders.status", key=action["key"])[1]
        if resting:
            chosen = resting[action["pick"] % len(resting)]
            named = {"symbol": chosen["symbol"], "origClientOrderId": chosen["clientOrderId"]}
            assert harness.rest("order.cancel", named, action["key"])[0] == 200
    else:
        bid, ask = harness.touch(action["symbol"])
        kind, lots = action["kind"], action["lots"]
        params: dict[str, Any] = {"symbol": action["symbol"], "side": action["side"]}
        params["selfTradePreventionMode"] = action["prevention"]
        if kind == "QUOTE":
            params |= {"type": "MARKET", "quoteOrderQty": f"{lots / 10:.2f}"}
        elif kind == "MARKET":
            params |= {"type": "MARKET", "quantity": f"{lots / 1000:.3f}"}
        else:
            params |= {
                "quantity": f"{lots / 1000:.3f}",
                "price": f"{((bid or 100) + (ask or 100)) / 2 + action['off'] / 100:.2f}",
            }
            params |= {"type": kind} if kind == "LIMIT_MAKER" else {"timeInForce": kind}
        status, content = harness.place(conns[action["key"]] if action["by"] == "ws" else 0, action["key"], **params)
        assert status == 200 or content["code"] in (-2010, -1013), content


@profile(max_examples=80, deadline=None)
@given(actions)
def test_everything_adds_up(steps: list[dict[str, Any]]) -> None:
    harness = Harness(settings(Limits(weight_minute=0, raw_5min=0, orders_10s=0), seed=len(steps)))
    conns = {key: harness.user_stream(key) for key in "ab"}
    public = harness.connect("/ws")
    names = [f"{symbol.lower()}@{kind}" for symbol in SYMBOLS for kind in ("depth@100ms", "trade")]
    harness.say(public, {"method": "SUBSCRIBE", "params": names, "id": 1})
    snapshots = {s: harness.rest("depth", {"symbol": s, "limit": 5000}, "")[1] for s in SYMBOLS}
    for step in steps:
        carry_out(harness, conns, step)
        check_locks(harness)
    harness.run(200 * 10**6)
    check_money(harness, conns)
    check_reports(harness, conns)
    for symbol in SYMBOLS:
        check_book(harness, public, symbol, snapshots[symbol])
        check_tape(harness, conns, public, symbol)


def check_locks(harness: Harness) -> None:
    """What is locked is what open orders may still need, and nothing is ever negative."""
    for key in "ab":
        needed: dict[str, int] = defaultdict(int)
        for order in harness.rest("openOrders.status", key=key)[1]:
            left = atoms(order["origQty"]) - atoms(order["executedQty"])
            assert left > 0
            if order["side"] == "BUY":
                needed["USDT"] += left * atoms(order["price"]) // 10**8
            else:
                needed[order["symbol"][:3]] += left
        for asset, (free, locked) in balances(harness, key).items():
            assert free >= 0
            assert locked == needed[asset], asset


def check_money(harness: Harness, conns: dict[str, int]) -> None:
    """Balances are those of the start and the reported fills; trades between the accounts move money only there."""
    fees: dict[str, int] = defaultdict(int)
    for key, conn in conns.items():
        total = {asset: atoms(amount) for asset, amount in START_BALANCES.items()}
        for report in harness.events(conn):
            if report["x"] == "TRADE":
                base, side = report["s"][:3], 1 if report["S"] == "BUY" else -1
                total[base] += side * atoms(report["l"])
                total["USDT"] -= side * atoms(report["Y"])
                total[report["N"]] -= atoms(report["n"])
                fees[report["N"]] += atoms(report["n"])
                assert atoms(report["Y"]) * 10**8 == atoms(report["l"]) * atoms(report["L"])
                assert report["N"] == (base if report["S"] == "BUY" else "USDT")
        assert {asset: free + locked for asset, (free, locked) in balances(harness, key).items()} == total
        last = {b["a"]: (b["f"], b["l"]) for e in harness.events(conn, "outboundAccountPosition") for b in e["B"]}
        told = {asset: tuple(map(atoms, pair)) for asset, pair in last.items()}
        assert told == {asset: pair for asset, pair in balances(harness, key).items() if asset in told}
    assert {asset: fee for asset, fee in harness.server.venue.trading.fees.items() if fee} == {
        asset: fee for asset, fee in fees.items() if fee
    }


def check_reports(harness: Harness, conns: dict[str, int]) -> None:
    """An order's reports begin with NEW, add up, and end where queries say it stands; execution ids are all there."""
    executions: dict[str, list[int]] = defaultdict(list)
    for key, conn in conns.items():
        of_order: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
        for report in harness.events(conn):
            of_order[report["s"], report["i"]].append(report)
            executions[report["s"]].append(report["I"])
        for (symbol, number), reports in of_order.items():
            assert reports[0]["x"] == "NEW"
            assert {r["x"] for r in reports[1:-1]} <= {"TRADE"}
            filled = spent = 0
            for report in reports:
                filled, spent = filled + atoms(report["l"]), spent + atoms(report["Y"])
                assert (atoms(report["z"]), atoms(report["Z"])) == (filled, spent)
            assert [r["T"] for r in reports] == sorted(r["T"] for r in reports)
            last = reports[-1]
            stands = harness.rest("order.status", {"symbol": symbol, "orderId": number}, key)[1]
            assert (stands["status"], stands["executedQty"]) == (last["X"], last["z"])
            assert stands["updateTime"] == last["T"]
            assert (last["X"] == "FILLED") == (filled == atoms(stands["origQty"]) > 0)
    for numbers in executions.values():
        assert sorted(numbers) == list(range(1, len(numbers) + 1))


def check_book(harness: Harness, public: int, symbol: str, snapshot: dict[str, Any]) -> None:
    """The snapshot and the differences, joined by the rule every client uses, give the book that REST shows."""
    now = harness.rest("depth", {"symbol": symbol, "limit": 5000}, "")[1]
    while now["lastUpdateId"] != max((f["u"] for f in depth_of(harness, public, symbol)), default=now["lastUpdateId"]):
        harness.run(10**6)  # until everything is told
        now = harness.rest("depth", {"symbol": symbol, "limit": 5000}, "")[1]
    sync = DepthSync(SyncRule.SPOT)
    sync.snapshot(snapshot["lastUpdateId"])
    sides = {name: dict(snapshot[name]) for name in ("bids", "asks")}
    last = 0
    for event in depth_of(harness, public, symbol):
        assert last in (0, event["U"] - 1)
        assert event["U"] <= event["u"]
        last = event["u"]
        verdict = sync.diff(event["U"], event["u"], 0, event["E"])
        assert verdict in (Verdict.APPLY, Verdict.OLD)
        if verdict is Verdict.APPLY:
            for name, levels in (("bids", event["b"]), ("asks", event["a"])):
                sides[name].update(levels)
    for name, side in sides.items():
        standing = {price: qty for price, qty in side.items() if atoms(qty)}
        assert standing == dict(now[name])
        prices = [float(price) for price, _ in now[name]]
        assert prices == sorted(prices, reverse=name == "bids")
    if now["bids"] and now["asks"]:
        assert float(now["bids"][0][0]) < float(now["asks"][0][0])


def depth_of(harness: Harness, public: int, symbol: str) -> list[dict[str, Any]]:
    """The differences of a symbol, as they came."""
    return [f for f in harness.frames[public] if f.get("e") == "depthUpdate" and f["s"] == symbol]


def check_tape(harness: Harness, conns: dict[str, int], public: int, symbol: str) -> None:
    """Trades are numbered without a gap, and every fill is a trade of the tape, of its price and quantity."""
    tape = [f for f in harness.frames[public] if f.get("e") == "trade" and f["s"] == symbol]
    assert [trade["t"] for trade in tape] == list(range(1, len(tape) + 1))
    public_trades = {trade["t"]: (trade["p"], trade["q"]) for trade in tape}
    for key, conn in conns.items():
        told = [
            (r["t"], r["L"], r["l"], r["n"], r["m"])
            for r in harness.events(conn)
            if r["x"] == "TRADE" and r["s"] == symbol
        ]
        listed = harness.rest("myTrades", {"symbol": symbol, "limit": 1000}, key)[1]
        assert sorted(told) == sorted((t["id"], t["price"], t["qty"], t["commission"], t["isMaker"]) for t in listed)
        assert all(public_trades[number] == (price, qty) for number, price, qty, _, _ in told)
        for report in harness.events(conn):
            if report["x"] == "TRADE" and report["s"] == symbol:
                taker_sells = next(trade["m"] for trade in tape if trade["t"] == report["t"])
                assert taker_sells == ((report["S"] == "SELL") != report["m"])
