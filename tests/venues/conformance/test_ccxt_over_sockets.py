"""What only the adapter over ccxt must be held to: ccxt hangs, coalesces, rounds and swallows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

pytest.importorskip("ccxt")

from aiohttp import web
from conformance_bench import INSTRUMENTS, MID, Bench
from conformance_rigs import SocketRig, ccxt_key, ccxt_over_sockets, ccxt_settings, up

from quotewright.domain.errors import InputError, PauseError
from quotewright.domain.events import BID
from quotewright.domain.journal import Reject
from quotewright.exchange.hooks import VenueEvent
from quotewright.gateway.port import (
    Alarm,
    Cleared,
    Failure,
    FailureKind,
    OrderReport,
    StreamDown,
    StreamUp,
    TradeReport,
)
from quotewright.venues.ccxt_exchange import Taps, make_exchange
from quotewright.venues.ccxt_learn import learn_ccxt
from quotewright.venues.ccxt_settings import CcxtKey, CcxtSettings


@pytest.fixture
def ours() -> Iterator[Bench]:
    rig = SocketRig(ccxt_over_sockets)
    assert up(rig), rig.facts
    yield Bench(rig)
    rig.close()


def test_a_stream_that_is_silent_about_an_acknowledged_order_is_given_up(ours: Bench) -> None:
    """After `eventStreamTerminated`, or a freeze, ccxt's own `watch_orders` waits for ever."""
    heard = len(ours.rig.facts)
    ours.rig.switch.silent = "user"
    order = ours.rest()
    assert ours.rig.until(lambda: StreamUp() in ours.rig.facts[heard:], 20)
    (down,) = [fact for fact in ours.rig.facts[heard:] if isinstance(fact, StreamDown)]
    assert order.client_id in down.why
    ours.rig.switch.silent = ""
    told = ours.rest(BID, MID)
    ours.take("SELL", MID, told.qty)
    assert ours.rig.until(lambda: ours.of(TradeReport, told))


def test_only_a_lost_book_keeps_quotes_away_and_it_is_taken_back(ours: Bench) -> None:
    for number in (0, 1):
        assert ours.rig.until(lambda number=number: Cleared("stale-market", number) in ours.rig.facts)
    ours.take("SELL", MID - 2, 1)
    heard = len(ours.rig.facts)
    ours.rig.switch.events += [VenueEvent("gap", symbol="ETHUSDT"), VenueEvent("disconnect", path="market")]
    for number in (0, 1):
        assert ours.rig.until(lambda number=number: Cleared("stale-market", number) in ours.rig.facts[heard:], 20)
    pausing = [fact for fact in ours.rig.facts[heard:] if isinstance(fact, Alarm) and fact.severity != "note"]
    assert {(alarm.name, alarm.instrument) for alarm in pausing} <= {("stale-market", 0), ("stale-market", 1)}
    last = [fact for fact in ours.rig.facts if isinstance(fact, (Alarm, Cleared)) and fact.name == "stale-market"]
    for number in (0, 1):
        assert isinstance([fact for fact in last if fact.instrument == number][-1], Cleared)


@pytest.mark.parametrize("field", [b'"X":', b'"z":', b'"i":'])
def test_a_renamed_field_is_an_alarm_and_the_stream_goes_on(ours: Bench, field: bytes) -> None:
    ours.rig.switch.renamed = (field, b'"new":')
    order = ours.rest(BID, MID - 3)
    assert ours.rig.until(lambda: [alarm for alarm in ours.of(Alarm) if alarm.name == "api-change"])
    alarm = next(alarm for alarm in ours.of(Alarm) if alarm.name == "api-change")
    assert alarm.severity == "pause"
    assert order.client_id in alarm.text
    ours.rig.switch.renamed = None
    ours.cancel(order)
    after = ours.rest(BID, MID - 4)
    assert ours.rig.until(lambda: ours.of(OrderReport, after))
    assert ours.rig.until(lambda: Cleared("api-change") in ours.rig.facts)


def test_an_instrument_that_is_not_the_venues_pauses_and_nothing_is_rounded() -> None:
    """ccxt rounds a price to the venue's step without a word: the order would rest elsewhere."""
    finer = [replace(INSTRUMENTS[0], tick="0.001", lot="0.00001"), INSTRUMENTS[1]]
    rig = SocketRig(lambda rig: ccxt_over_sockets(rig, finer))
    try:
        assert up(rig), rig.facts
        bench = Bench(rig)
        (alarm,) = [fact for fact in rig.facts if isinstance(fact, Alarm) and fact.name == "instrument-changed"]
        assert (alarm.severity, alarm.instrument) == ("pause", 0)
        assert "tick: ours 0.001, theirs 0.01" in alarm.text
        assert "lot: ours 0.00001, theirs 0.0001" in alarm.text
        assert rig.port.instruments[0].tick == "0.01"
        for price, qty in ((995_001, 3_000), (995_000, 3_001), (995_000, 3)):
            told = bench.place(bench.order(BID, price, qty))
            assert isinstance(told, Failure)
            assert (told.kind, told.reason) == (FailureKind.REFUSED, Reject.FILTER)
        fits = bench.place(bench.order(BID, 995_000, 3_000))
        assert (fits.price, fits.qty) == (995_000, 3_000)
    finally:
        rig.close()


def test_what_a_session_needs_is_learned_before_it_starts() -> None:
    rig = SocketRig(ccxt_over_sockets)
    try:
        settings, key = ccxt_settings(rig), ccxt_key(rig)

        def learn(*symbols: str, at: str = "", key: CcxtKey = key) -> list[tuple[object, int]]:
            asked = settings if not at else type(settings)(exchange="binance", base_url=at, time_out=10**9)
            return rig.loop.run_until_complete(learn_ccxt(asked, "binance-spot", symbols, key))  # type: ignore[return-value]

        assert learn("BTCUSDT", "ETHUSDT") == [(INSTRUMENTS[0], 2 * MID), (INSTRUMENTS[1], 2 * MID)]
        with pytest.raises(InputError, match="BTCUSDT"):
            learn("NOSUCH")
        with pytest.raises(PauseError, match="cannot be asked"):
            learn("BTCUSDT", at="http://127.0.0.1:1")
        with pytest.raises(InputError, match="are not accepted"):
            learn("BTCUSDT", key=CcxtKey("nobody", "x" * 16))
    finally:
        rig.close()


def test_a_torrent_does_not_stop_the_reading_for_good() -> None:
    """ccxt drains aiohttp's queue behind its back, which with aiohttp 3.14 ends in a queue that never reads again."""
    messages, burst, text = 6_000, 30, b'{"e":"nothing","x":"%s"}' % (b"." * 1000)

    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        for _ in range(messages // burst):
            for _ in range(burst):
                await socket.send_str(text.decode())
            await asyncio.sleep(0)
        await socket.receive()
        return socket

    async def go() -> int:
        app = web.Application()
        app.router.add_get("/ws", serve)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"ws://127.0.0.1:{runner.addresses[0][1]}/ws"
        exchange = make_exchange(CcxtSettings(exchange="binance"), None, Taps(*(lambda *_: None,) * 5), exact=False)
        exchange.open()
        client = exchange.client(url)
        assert exchange.client(url) is client
        heard = 0

        def count(*_: object) -> None:
            nonlocal heard
            heard += 1
            if heard % 7 == 0:
                time.sleep(0.0005)  # so that the queue fills

        client.on_message_callback = count
        await client.connect(exchange.session)
        for _ in range(1500):
            await asyncio.sleep(0.01)
            if heard == messages:
                break
        await exchange.close()
        await runner.cleanup()
        return heard

    assert asyncio.run(go()) == messages


def test_orders_in_flight_when_it_is_stopped_are_in_doubt(ours: Bench) -> None:
    orders = [ours.order(BID, MID - 50 - number, 5) for number in range(3)]

    async def stop_in_mid_air() -> None:
        for ref, order in enumerate(orders, 1):
            ours.rig.port.place(ref, order, ours.rig.now())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        ours.rig.port.stop(ours.rig.now())  # type: ignore[attr-defined]
        await asyncio.sleep(0.05)

    ours.rig.loop.run_until_complete(stop_in_mid_air())  # type: ignore[attr-defined]
    for ref in (1, 2, 3):
        (told,) = ours.answers(ref)
        assert isinstance(told, Failure)
        assert told.kind is FailureKind.DOUBT
