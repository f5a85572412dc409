"""One path for orders: REST and WebSocket API do the same; and equal inputs give equal bytes."""

from __future__ import annotations

from random import Random
from typing import Any

from venue_harness import MS, SECOND, Harness, balances, settings

from quotewright.exchange.limits import Limits

UNLIMITED = Limits(weight_minute=0, raw_5min=0, orders_10s=0)


def drive(harness: Harness, seed: int, *, by_ws: bool) -> list[Any]:
    """A trader's minute at the venue; what was answered."""
    rng = Random(seed)
    conn = harness.user_stream()
    harness.connect("/stream?streams=btcusdt@depth@100ms/btcusdt@trade/ethusdt@bookTicker")
    answers: list[Any] = []

    def ask(kind: str, params: dict[str, Any]) -> Any:
        if by_ws:
            answer = harness.ws(conn, kind, params)
            answers.append((answer["status"], answer.get("result", answer.get("error"))))
        else:
            answers.append(harness.rest(kind, params)[:2])
        return answers[-1][1]

    for number in range(150):
        harness.run(rng.randrange(400) * MS)
        symbol = rng.choice(["BTCUSDT", "ETHUSDT"])
        match rng.randrange(8):
            case 0:
                ask("openOrders.cancelAll", {"symbol": symbol})
            case 1:
                ask("order.cancel", {"symbol": symbol, "origClientOrderId": f"o{rng.randrange(number + 1)}"})
            case 2:
                ask(rng.choice(["account.status", "openOrders.status"]), {})
            case 3:
                ask(rng.choice(["myTrades", "allOrders"]), {"symbol": symbol, "limit": 7})
            case _:
                kind = rng.choice([{"type": "LIMIT", "timeInForce": "GTC"}, {"type": "LIMIT_MAKER"}])
                price = f"{100 + rng.randrange(-12, 13) / 100:.2f}"
                given = {"symbol": symbol, "side": rng.choice(["BUY", "SELL"]), "quantity": "0.08", "price": price}
                form = rng.choice(["ACK", "RESULT", "FULL"])
                ask("order.place", {**given, **kind, "newClientOrderId": f"o{number}", "newOrderRespType": form})
    answers.append(harness.events(conn))
    return answers


def test_both_surfaces_do_the_same() -> None:
    rest, ws = Harness(settings(UNLIMITED)), Harness(settings(UNLIMITED))
    assert drive(rest, 5, by_ws=False) == drive(ws, 5, by_ws=True)
    assert balances(rest, "a") == balances(ws, "a")
    statuses = [status for status, _ in drive(rest, 6, by_ws=False)[:-1]]
    assert min(statuses.count(200), statuses.count(400)) > 15
    assert len(rest.rest("myTrades", {"symbol": "BTCUSDT"})[1]) > 5


def test_equal_inputs_give_equal_bytes() -> None:
    first, second, other = (Harness(settings(UNLIMITED, seed=seed)) for seed in (3, 3, 4))
    for harness in (first, second, other):
        drive(harness, 9, by_ws=False)
    assert [(out.kind, out.to, out.due, out.payload) for out in first.raw] == [
        (out.kind, out.to, out.due, out.payload) for out in second.raw
    ]
    assert [out.payload for out in first.raw] != [out.payload for out in other.raw]


def test_it_does_not_matter_how_often_time_is_asked() -> None:
    every_step, seldom = Harness(), Harness()
    names = "/stream?streams=btcusdt@depth@100ms/btcusdt@trade/btcusdt@bookTicker/ethusdt@depth5"
    conns = [harness.connect(names) for harness in (every_step, seldom)]
    every_step.run(30 * SECOND)
    seldom.now += 30 * SECOND
    seldom.server.advance(seldom.now)
    seldom.collect()
    assert every_step.frames[conns[0]] == seldom.frames[conns[1]]
    assert len(seldom.frames[conns[1]]) > 500
