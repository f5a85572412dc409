"""The live path against ccxt's: the same messages decoded into a book, in process and over sockets; and a torrent.

Each side is a process of its own. Over sockets one core plays the venue and the other is the client's alone.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

import live_messages as messages
from process import answer
from rounds import Family, Row, SameWork, Sample, Skipped
from settings import HERE, Settings

MESSAGES = 20_000
PACE = 2_000  # a second, as a busy symbol's streams have
TORRENT = 20_000
TORRENT_SECONDS = 20
BURST = 20
PARTS = 4  # of a torrent, whose lags are compared
DECODE = "20 levels a message, decoded into a book: ccxt"
SOCKET = "20 levels a message, the whole process over a socket: ccxt"
SOCKET_UVLOOP = "20 levels a message, the whole process over a socket: ccxt under uvloop"
LAG = "20,000 messages a second over a socket, one core: growth of the median lag, first to last quarter"
WORST = "20,000 messages a second over a socket, one core: 99 of 100 arrive within, last quarter"
SHARE = "20,000 messages a second over a socket: share of the core"
ORDER = "market data to signed order, journal included, CPU time of the way, p50"
ORDER_99 = "market data to signed order, journal included, CPU time of the way, p99"
ORDER_SECONDS = 10


def families(settings: Settings) -> list[Family]:
    """Decoding; whole processes; as fast as can be."""
    if find_spec("ccxt") is None:
        raise Skipped("ccxt is not installed (the extra `ccxt`)")
    part = 10 if settings.quick else 1
    count = MESSAGES // part
    book = messages.book_after(messages.differences(count))
    note = "ccxt's JSON is " + ("orjson" if find_spec("orjson") else "the standard library's: orjson is not installed")
    return [
        decoding(count, book, note),
        over_sockets(count // 2, messages.book_after(messages.differences(count // 2)), note),
        torrent(TORRENT * TORRENT_SECONDS // part),
        to_order(settings, max(ORDER_SECONDS // part, 3)),
    ]


def decoding(count: int, book: Any, note: str) -> Family:
    """In process: what a message costs once it is there."""

    def side(script: str) -> Callable[[], Sample]:
        def run() -> Sample:
            found, _ = answer([sys.executable, str(HERE / script), "decode", str(count)])
            return Sample(found["cpu"] * 1e6, found["book"])

        return run

    def check(outcomes: dict[str, Any]) -> None:
        same_books(outcomes, book)

    return Family(
        "live-decode",
        [Row(DECODE, "ccxt", "native", 4)],
        {"ccxt": side("ccxt_side.py"), "native": side("native_side.py")},
        check=check,
        cost="µs",
        notes=(note,),
    )


def over_sockets(count: int, book: Any, note: str) -> Family:
    """One client of a venue that sends at a steady pace, message by message."""

    def side(script: str, *given: str) -> Callable[[], Sample]:
        def run() -> Sample:
            found = played(script, count, PACE, 1, *given)
            return Sample(found["cpu"] * 1e6, found["book"])

        return run

    def check(outcomes: dict[str, Any]) -> None:
        same_books(outcomes, book)

    sides = {
        "ccxt": side("ccxt_side.py"),
        "ccxt under uvloop": side("ccxt_side.py", "uvloop"),
        "native": side("native_side.py", "1"),
    }
    rows = [Row(SOCKET, "ccxt", "native", 2.5), Row(SOCKET_UVLOOP, "ccxt under uvloop", "native", 0)]
    notes = (
        note,
        f"{PACE} messages a second; ccxt is kept from draining aiohttp's queue: with 3.14 it would soon read no more",
    )
    return Family("live-socket", rows, sides, check=check, rounds=3, warm=False, cost="µs", notes=notes)


def torrent(count: int) -> Family:
    """As many messages a second as ten busy symbols have, for long enough that a lag would grow."""
    found: dict[str, Any] = {}

    def lags() -> Sample:
        found.update(played("native_side.py", count, TORRENT, BURST, "1"))
        step = 1e9 / TORRENT
        late = [
            at - found["began"] - (number - 1) // BURST * BURST * step for number, at in found["arrivals"] if number
        ]
        quarter = len(late) // PARTS
        found["first"], found["last"] = late[:quarter], late[-quarter:]
        return Sample((statistics.median(found["last"]) - statistics.median(found["first"])) / 1e6)

    def worst() -> Sample:
        return Sample(statistics.quantiles(found["last"], n=100)[-1] / 1e6)

    def share() -> Sample:
        return Sample(found["cpu"] * TORRENT)

    sides = {"growth": lags, "99 of 100": worst, "share": share}
    rows = [
        Row(LAG, "growth", "", 10, least=False, unit="ms"),
        Row(WORST, "99 of 100", "", 100, least=False, unit="ms"),
        Row(SHARE, "share", "", 1, least=False),
    ]
    notes = (f"{count // TORRENT} s; lags are from the time at which a message was due to leave the venue",)
    return Family("live-torrent", rows, sides, rounds=3, warm=False, cost="ms", notes=notes)


def to_order(settings: Settings, seconds: int) -> Family:
    """A whole session that quotes four symbols, and ccxt's loop that does, at the same venue one after the other."""
    found: dict[str, dict[str, Any]] = {}
    runs = 0

    def round_of_both() -> None:
        nonlocal runs
        runs += 1
        folder = settings.folder / f"orders-{runs}"
        folder.mkdir()
        keys = folder / "keys.toml"
        command = [sys.executable, str(HERE / "live_venue.py"), str(keys), "0"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as venue:
            assert venue.stdout is not None
            assert venue.stdin is not None
            try:
                address = venue.stdout.readline().strip()
                for side in ("native", "floor", "ccxt"):
                    client = [sys.executable, str(HERE / "wire_to_order.py"), side, address, str(keys), str(folder)]
                    found[side], _ = answer([*client, str(seconds)])
            finally:
                venue.stdin.close()
                ended(venue)

    def first() -> Sample:
        round_of_both()
        return Sample(found["native"]["p50"])

    def shown(side: str, cut: str) -> Callable[[], Sample]:
        return lambda: Sample(found[side][cut])

    def check(outcomes: dict[str, Any]) -> None:
        for side, told in found.items():
            if told["samples"] < 20 * seconds // ORDER_SECONDS:
                raise SameWork(f"{side} sent only {told['samples']} orders on market data")

    sides = {
        "native": first,
        "native, p99": shown("native", "p99"),
        "floor": shown("floor", "p50"),
        "ccxt": shown("ccxt", "p50"),
        "ccxt, p99": shown("ccxt", "p99"),
    }
    rows = [
        Row(f"{ORDER}: ccxt", "ccxt", "native", 0),
        Row(ORDER, "native", "", 50, least=False, unit="µs"),
        Row(f"{ORDER}: signature, write and send alone", "native", "floor", 0, least=False),
        Row(f"{ORDER_99}: ccxt", "ccxt, p99", "native, p99", 0),
        Row(ORDER_99, "native, p99", "", 0, least=False, unit="µs"),
    ]
    notes = (
        "from the bytes of a message in user space to the first signed order or cancel handed to the socket; ours with "
        "decoding, books, features, decision, journal on disk, gateway; ccxt's with its book and the signature",
        "signature, write and send alone: on the same messages hmac of the standard library over as many bytes as ours "
        "has to sign, one write of as many as ours journals, one send by picows; no decoding, no decision, no state",
    )
    return Family("live-order", rows, sides, check=check, rounds=3, warm=False, cost="µs", notes=notes)


def same_books(outcomes: dict[str, Any], book: Any) -> None:
    """Raises SameWork unless every side ended with the book that the messages make."""
    for name, seen in outcomes.items():
        if seen != book:
            raise SameWork(f"{name} ends with another book")


def played(script: str, count: int, rate: int, burst: int, *given: str) -> dict[str, Any]:
    """One client of one player; RuntimeError with what it printed if it fails."""
    command: Sequence[str] = [sys.executable, str(HERE / "live_player.py"), str(count), str(rate), str(burst), "0"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as player:
        assert player.stdout is not None
        assert player.stdin is not None
        try:
            address = f"http://127.0.0.1:{int(player.stdout.readline())}"
            found, _ = answer([sys.executable, str(HERE / script), "socket", address, str(count), *given])
            told = json.loads(player.stdout.readline())
        finally:
            player.stdin.close()
            ended(player)
    return {**found, **told}


def ended(process: subprocess.Popen[str]) -> None:
    """Wait for it, not for ever."""
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
