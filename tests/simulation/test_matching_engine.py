"""The compiled matching engine against a plain list of orders, and its invariants over random streams."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.errors import InputError
from quotewright.domain.events import ADD, ASK, BID, CHANGE, CLEAR, DELETE, LAST, TRADE
from quotewright.domain.journal import FOK, IOC, POST_ONLY, Reject
from quotewright.simulation.synthetic_exchange import MatchingEngine


class PlainMarket:
    """Orders in one list, in order of arrival; the best maker is looked for among all of them."""

    def __init__(self) -> None:
        self.orders: list[dict] = []
        self.trades: list[tuple] = []

    def best_maker(self, side, price):
        able = [o for o in self.orders if o["side"] == -side and (price - o["price"]) * side >= 0]
        return min(able, key=lambda o: o["price"] * side, default=None)  # min takes the earliest of equals

    def submit(self, name, owner, side, price, qty, flags):
        reachable = sum(o["qty"] for o in self.orders if o["side"] == -side and (price - o["price"]) * side >= 0)
        if flags & POST_ONLY and reachable:
            return int(Reject.POST_ONLY), 0, 0
        if flags & FOK and reachable < qty:
            return int(Reject.FOK), 0, 0
        filled = 0
        while filled < qty and (maker := self.best_maker(side, price)) is not None:
            lots = min(maker["qty"], qty - filled)
            filled += lots
            maker["qty"] -= lots
            self.trades.append((side, maker["price"], lots, maker["name"], maker["owner"], owner, maker["qty"]))
            if maker["qty"] == 0:
                self.orders.remove(maker)
        resting = 0 if flags & (IOC | FOK) else qty - filled
        if resting:
            self.orders.append({"name": name, "owner": owner, "side": side, "price": price, "qty": resting})
        return 0, filled, resting

    def find(self, name):
        return next((o for o in self.orders if o["name"] == name), None)

    def cancel(self, name):
        order = self.find(name)
        if order is None:
            return int(Reject.UNKNOWN_ORDER)
        self.orders.remove(order)
        return 0

    def queue(self, side, price):
        return [(o["name"], o["qty"]) for o in self.orders if o["side"] == side and o["price"] == price]


class RowBook:
    """A book rebuilt from EVENT rows alone, which refuses rows that make no sense."""

    def __init__(self) -> None:
        self.orders: dict[int, list[int]] = {}  # id: side, price, qty; dicts keep the order of arrival
        self.hit: dict[int, int] = {}

    def apply(self, row) -> None:
        kind, order_id = int(row["kind"]), int(row["order_id"])
        if kind == CLEAR:
            self.orders.clear()
        elif kind == ADD:
            assert order_id not in self.orders
            self.orders[order_id] = [int(row["side"]), int(row["price"]), int(row["qty"])]
        elif kind == TRADE:
            side, price, qty = self.orders[order_id]
            assert (side, price) == (-int(row["side"]), int(row["price"]))
            assert 0 < row["qty"] <= qty
            best = max(o[1] * side for o in self.orders.values() if o[0] == side)
            assert price * side == best, "a trade must be at the best price"
            first = next(i for i, o in self.orders.items() if o[:2] == [side, price])
            assert first == order_id, "a trade must hit the oldest order at its price"
            self.hit[order_id] = qty - int(row["qty"])
        elif kind == CHANGE:
            side, price, qty = self.orders[order_id]
            assert (side, price) == (int(row["side"]), int(row["price"]))
            assert 0 < row["qty"] < qty
            assert self.hit.pop(order_id, int(row["qty"])) == row["qty"]
            self.orders[order_id][2] = int(row["qty"])
        elif kind == DELETE:
            assert self.orders.pop(order_id) == [int(row["side"]), int(row["price"]), int(row["qty"])]
            assert self.hit.pop(order_id, 0) == 0
        if row["flags"] & LAST:
            assert not self.hit
            bids = [o[1] for o in self.orders.values() if o[0] == BID]
            asks = [o[1] for o in self.orders.values() if o[0] == ASK]
            assert not bids or not asks or max(bids) < min(asks)


def run_both(actions) -> None:
    """Carry out (kind, side, price, qty, flags, pick) in both markets, and compare everything after each."""
    engine, plain, rows = MatchingEngine(orders=2, levels=2, rows=2), PlainMarket(), RowBook()
    ids: list[int] = []
    added = gone = 0
    for step, (kind, side, price, qty, flags, pick) in enumerate(actions):
        if kind == "submit":
            answer = engine.submit(side, price, qty, now=step, owner=pick, flags=flags)
            expected = plain.submit(answer.order_id, pick, side, price, qty, flags)
            assert (answer.status, answer.filled, answer.resting) == expected
            if answer.accepted:
                ids.append(answer.order_id)
        elif ids and kind == "cancel":
            name = ids[pick % len(ids)]
            assert engine.cancel(name, now=step).status == plain.cancel(name)
        elif ids:
            name = ids[pick % len(ids)]
            order = plain.find(name)
            if order is not None and qty < order["qty"]:
                order["qty"] = qty
                assert engine.reduce(name, qty, now=step).accepted
            elif order is not None:
                with pytest.raises(InputError, match="only be reduced"):
                    engine.reduce(name, qty, now=step)
        events, done = engine.take_events(), engine.take_executions()
        for row in events:
            rows.apply(row)
            assert row["exch_ts"] == step
        if len(events):
            assert events["flags"][-1] == LAST
            assert not events["flags"][:-1].any(), "one call is one update"
        compared = [
            (d["side"], d["price"], d["qty"], d["maker"], d["maker_owner"], d["taker_owner"], d["maker_leaves"])
            for d in done
        ]
        assert [tuple(map(int, c)) for c in compared] == plain.trades
        assert [tuple(map(int, t)) for t in events[events["kind"] == TRADE][["price", "qty"]]] == [
            (t[1], t[2]) for t in plain.trades
        ]
        added += sum(int(q) for q in events["qty"][events["kind"] == ADD])
        gone += sum(t[2] for t in plain.trades)
        plain.trades.clear()
        for book_side in (BID, ASK):
            prices = sorted({o["price"] for o in plain.orders if o["side"] == book_side}, reverse=book_side == BID)
            queues = [plain.queue(book_side, p) for p in prices]
            assert engine.depth(book_side) == [
                (p, sum(q for _, q in queue), len(queue)) for p, queue in zip(prices, queues, strict=True)
            ]
            for p, queue in zip(prices, queues, strict=True):
                seen = [(i, o[2]) for i, o in rows.orders.items() if o[:2] == [book_side, p]]
                assert seen == queue
        assert engine.open_orders == len(plain.orders) == len(rows.orders)
    engine.snapshot(now=len(actions))
    again = RowBook()
    for row in engine.take_events():
        again.apply(row)
    assert again.orders == rows.orders


ACTIONS = st.tuples(
    st.sampled_from(["submit"] * 6 + ["cancel"] * 2 + ["reduce"]),
    st.sampled_from([BID, ASK]),
    st.one_of(st.integers(95, 105), st.sampled_from([1, 2**40, 2**62])),
    st.integers(1, 9),
    st.sampled_from([0, 0, 0, 0, POST_ONLY, IOC, FOK, POST_ONLY | IOC]),
    st.integers(0, 200),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(ACTIONS, max_size=60))
def test_engine_agrees_with_plain_market(actions):
    run_both(actions)


@pytest.mark.parametrize("seed", range(6))
def test_engine_agrees_on_long_streams(seed):
    rng = np.random.default_rng(seed)
    actions = [
        (
            rng.choice(["submit", "submit", "submit", "cancel", "reduce"]),
            int(rng.choice([BID, ASK])),
            int(1000 + rng.normal(0, 30)),
            int(rng.integers(1, 40)),
            int(rng.choice([0, 0, 0, POST_ONLY, IOC, FOK])),
            int(rng.integers(0, 10_000)),
        )
        for _ in range(600)
    ]
    run_both(actions)


def test_volume_is_conserved():
    """Every lot submitted is filled (once as taker, once as maker), cancelled, refused, expired, or resting."""
    rng = np.random.default_rng(3)
    engine = MatchingEngine()
    ids: list[int] = []
    submitted = expired = cancelled = taken = 0
    for step in range(5_000):
        if ids and rng.random() < 0.3:
            name = ids.pop(int(rng.integers(len(ids))))
            engine.cancel(name, now=step)
        else:
            qty, flags = int(rng.integers(1, 50)), int(rng.choice([0, 0, IOC]))
            answer = engine.submit(int(rng.choice([BID, ASK])), int(rng.integers(90, 110)), qty, now=step, flags=flags)
            submitted += qty
            taken += answer.filled
            expired += qty - answer.filled - answer.resting
            ids.append(answer.order_id)
    events, done = engine.take_events(), engine.take_executions()
    assert done["qty"].sum() == taken == events["qty"][events["kind"] == TRADE].sum()
    filled_out = np.isin(events["order_id"], done["maker"][done["maker_leaves"] == 0])
    cancelled = int(events["qty"][(events["kind"] == DELETE) & ~filled_out].sum())
    resting = sum(qty for side in (BID, ASK) for _, qty, _ in engine.depth(side))
    assert submitted == 2 * taken + cancelled + expired + resting


def test_thousands_of_levels_are_all_kept():
    engine = MatchingEngine(orders=1, levels=1, rows=1)
    prices = np.random.default_rng(1).permutation(np.arange(1, 6_001)) * 10**9
    for i, price in enumerate(prices):
        engine.submit(BID, int(price), 1, now=i)
    assert [p for p, _, _ in engine.depth(BID)] == sorted(map(int, prices), reverse=True)
    assert engine.submit(ASK, 1, 6_000, now=0, flags=FOK).filled == 6_000
    assert engine.open_orders == 0


def test_ids_are_never_used_twice():
    engine = MatchingEngine(orders=2)
    ids = []
    for i in range(1_000):
        ids.append(engine.submit(BID, 100, 1, now=i).order_id)
        assert engine.cancel(ids[-1], now=i).accepted
        assert engine.cancel(ids[-1], now=i).status == Reject.UNKNOWN_ORDER
    assert len(set(ids)) == len(ids)
    assert ids == sorted(ids)


def test_a_reduced_order_keeps_its_place_and_a_replaced_one_does_not():
    engine = MatchingEngine()
    first = engine.submit(BID, 100, 5, now=1).order_id
    second = engine.submit(BID, 100, 5, now=2).order_id
    engine.reduce(first, 2, now=3)
    engine.submit(ASK, 100, 3, now=4)
    assert engine.take_executions()["maker"].tolist() == [first, second]


def test_known_failures_of_others():
    """Partial fills of 4 and 6 lots make 10; an exact fill closes; a small trade never fills an order whole."""
    engine = MatchingEngine()
    order = engine.submit(BID, 100, 10, now=1).order_id
    assert engine.submit(ASK, 100, 4, now=2, flags=IOC).filled == 4
    assert engine.is_open(order)
    assert engine.best(BID) == (100, 6)
    assert engine.submit(ASK, 99, 6, now=3, flags=IOC).filled == 6
    assert not engine.is_open(order)
    assert engine.take_executions()["qty"].tolist() == [4, 6]


@pytest.mark.parametrize(("side", "price", "qty"), [(0, 1, 1), (2, 1, 1), (BID, 0, 1), (BID, -5, 1), (ASK, 1, 0)])
def test_senseless_orders_are_refused(side, price, qty):
    engine = MatchingEngine()
    with pytest.raises(InputError):
        engine.submit(side, price, qty, now=0)
    assert len(engine.take_events()) == 0


def test_time_never_goes_back():
    engine = MatchingEngine()
    engine.submit(BID, 100, 1, now=50)
    engine.submit(BID, 100, 1, now=40)
    assert engine.take_events()["exch_ts"].tolist() == [50, 50]


def test_interpreted_engine_agrees_too():
    """The same streams with the compiler off."""
    program = (
        "import importlib.util, sys\n"
        f"spec = importlib.util.spec_from_file_location('engine_tests', {__file__!r})\n"
        "tests = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(tests)\n"
        "tests.test_engine_agrees_on_long_streams(11)\n"
        "tests.test_volume_is_conserved()\n"
    )
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
