"""Damaged recordings of other venues: what is missing is noticed, what is wrong is refused and named."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow
import pytest

from quotewright.domain.catalogue import find_instrument
from quotewright.domain.errors import DataError, InputError
from quotewright.domain.events import CLEAR, LEVEL, STATUS, TRADE, EventArray, Status
from quotewright.domain.instrument import Instrument
from quotewright.importers.wire import Wire

Lines = list[bytes]
WS = "ws_recordings/"


@pytest.fixture(scope="module")
def recorded(shared_data: Path) -> Callable[[str], Lines]:
    """The lines of a recording, decompressed."""
    kept: dict[str, Lines] = {}

    def lines(name: str) -> Lines:
        if name not in kept:
            path = shared_data / "tick" / name
            if path.suffix == ".zst":
                kept[name] = bytes(pyarrow.CompressedInputStream(str(path), "zstd").read()).splitlines()
            else:
                kept[name] = gzip.decompress(path.read_bytes()).splitlines()
        return list(kept[name])

    return lines


def imported(lines: Lines, folder: Path, instrument: Instrument) -> tuple[Wire, EventArray]:
    path = folder / "damaged.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n")
    importer = Wire([path], instrument)
    events = np.concatenate(list(importer.chunks()))
    tally = importer.tally
    refused = sum(entry.count for entry in importer.refused.values())
    assert tally.read == tally.accepted + refused + sum(tally.dropped.values())
    return importer, events


def places(lines: Lines, *parts: bytes) -> list[int]:
    """Numbers, from 0, of the lines that hold all parts."""
    found = [number for number, line in enumerate(lines) if all(part in line for part in parts)]
    assert found
    return found


def gaps(events: EventArray) -> int:
    return int(((events["kind"] == STATUS) & (events["price"] == Status.BOOK_GAP)).sum())


def assert_no_book_after_the_gap(events: EventArray) -> None:
    at = int(np.flatnonzero(events["kind"] == STATUS)[0])
    after = events[at:]
    assert not (after["kind"] == LEVEL).any() or (after["kind"] == CLEAR).any()
    assert (events[:at]["kind"] == LEVEL).any()


NUMBERED = [
    ("COINBASE.jsonl.zst", "coinbase", "BTC-USD", (b'\\"l2_data\\"', b'\\"update\\"', b"BTC-USD")),
    ("BYBIT.jsonl.zst", "bybit-linear", "ETHUSDT", (b"orderbook.200.ETHUSDT", b'\\"delta\\"', b"BYBIT.ws.2")),
    ("KRAKEN_FUTURES.jsonl.zst", "kraken-futures", "PI_ETHUSD", (b'\\"book\\"', b"PI_ETHUSD", b'\\"seq\\"')),
    ("DERIBIT.jsonl.zst", "deribit", "BTC-24SEP21-8000-P", (b"book.BTC-24SEP21-8000-P", b'\\"change\\"')),
    ("BITFINEX.jsonl.zst", "bitfinex", "DOGUSD", (b'"data":"[225206,',)),
    ("BINANCE_FUTURES.jsonl.zst", "binance-usdm", "AKROUSDT", (b"akrousdt@depth",)),
    ("BINANCE_DELIVERY.jsonl.zst", "binance-coinm", "BTCUSD_211231", (b"btcusd_211231@depth", b"depthUpdate")),
    ("KUCOIN.jsonl.zst", "kucoin", "BCHSV-USDT", (b"/market/level2:BCHSV-USDT", b"sequenceStart")),
    ("INDEPENDENT_RESERVE.jsonl.zst", "independent-reserve", "ETH-AUD", (b"orderbook-eth", b"Nonce")),
]


@pytest.mark.parametrize(("file", "venue", "symbol", "parts"), NUMBERED, ids=lambda value: str(value)[:20])
def test_a_message_that_is_missing_is_a_gap(
    file: str,
    venue: str,
    symbol: str,
    parts: tuple[bytes, ...],
    recorded: Callable[[str], Lines],
    tmp_path: Path,
) -> None:
    lines = recorded(WS + file)
    whole, events = imported(lines, tmp_path, find_instrument(venue, symbol))
    assert gaps(events) == 0
    book_lines = places(lines, *parts)
    del lines[book_lines[len(book_lines) * 2 // 3]]
    importer, events = imported(lines, tmp_path, find_instrument(venue, symbol))
    assert gaps(events) == importer.decoder.book.gaps == 1
    assert importer.decoder.book.changes < whole.decoder.book.changes - 1
    assert "1 gaps in the book" in " ".join(importer.notes)
    assert any("without a snapshot to join" in note for note in importer.notes)


def test_a_missing_message_of_dydx_shows_once_it_is_too_late(recorded: Callable[[str], Lines], tmp_path: Path) -> None:
    lines = recorded(WS + "DYDX.ws.1.0.gz")
    del lines[places(lines, b"v3_orderbook", b"channel_data", b"ETH-USD")[500]]
    importer, events = imported(lines, tmp_path, find_instrument("dydx", "ETH-USD"))
    assert gaps(events) == 1
    assert 450 < importer.decoder.book.changes < 600


def test_a_level_that_bitmex_never_named_is_a_gap(recorded: Callable[[str], Lines], tmp_path: Path) -> None:
    lines = recorded(WS + "BITMEX.ws.1.0.gz")
    ids = [line for line in lines if b'"insert"' in line and b"orderBookL2" in line and b'"XBTUSD"' in line]
    wanted = next(line for line in ids if sum(line.split(b'"id":')[1][:10] in other for other in lines) > 1)
    lines.remove(wanted)
    importer, events = imported(lines, tmp_path, find_instrument("bitmex", "XBTUSD"))
    assert gaps(events) == 1
    (reason,) = importer.refused
    assert reason == "id names no level of the book: something is missing"
    assert_no_book_after_the_gap(events)


@pytest.mark.parametrize(
    ("file", "venue", "symbol", "parts"),
    [
        ("KRAKEN.jsonl.zst", "kraken", "XMRUSD", (b"book-1000", b"XMR/USD", b'\\"c\\"')),
        ("OKX.jsonl.zst", "okx", "BTC-USDT", (b'\\"books\\"', b"BTC-USDT", b'\\"update\\"')),
    ],
)
def test_a_missing_change_is_found_by_the_checksum(
    file: str, venue: str, symbol: str, parts: tuple[bytes, ...], recorded: Callable[[str], Lines], tmp_path: Path
) -> None:
    """A change below the best levels shows only when it matters to the checksum: so several are taken away."""
    lines = recorded(WS + file)
    book_lines = places(lines, *parts)
    for number in reversed(book_lines[20:40]):
        del lines[number]
    importer, events = imported(lines, tmp_path, find_instrument(venue, symbol))
    book = importer.decoder.book
    assert book.checksums == book.checksums_equal + 1  # after the wrong one there is no book to look at
    assert gaps(events) == 1
    assert importer.refused["checksum is not that of the book"].count == 1
    assert importer.refused["checksum is not that of the book"].example.startswith("damaged.jsonl:")
    assert_no_book_after_the_gap(events)


def test_a_wrong_checksum_is_refused_and_counted(recorded: Callable[[str], Lines], tmp_path: Path) -> None:
    lines = recorded(WS + "KRAKEN.jsonl.zst")
    at = places(lines, b"book-1000", b"XBT/CHF", b'\\"c\\"')[100]
    head, mark, tail = lines[at].partition(b'\\"c\\":\\"')
    lines[at] = head + mark + (b"1" if tail[:1] != b"1" else b"2") + tail[1:]
    importer, events = imported(lines, tmp_path, find_instrument("kraken", "XBTCHF"))
    assert importer.refused["checksum is not that of the book"].example.startswith(f"damaged.jsonl:{at + 1}: checksum ")
    assert "100 of 101 checksums of the venue are those of the book" in importer.notes
    assert gaps(events) == 1


@pytest.mark.parametrize(
    ("file", "venue", "symbol", "invalid"),
    [
        ("KRAKEN.jsonl.zst", "kraken", "XBTCHF", True),  # nothing is numbered: it could have been one of the book
        ("BYBIT.jsonl.zst", "bybit-spot", "ETHUSDT", False),  # it was no book message, as the next number tells
    ],
)
@pytest.mark.parametrize(
    ("garbage", "reason"),
    [
        (b'{"t":"recv","conn":"KRAK', "line cannot be decoded"),
        (b"\xff\xfe\x00 broken", "line cannot be decoded"),
        (b'{"t":"what","ts":1.5}', "line cannot be decoded"),
        (b'{"t":"recv","conn":"X","ts":1.0000000001,"data":"{}"}', "line cannot be decoded"),
    ],
)
def test_a_line_that_cannot_be_read_is_refused_and_named(
    file: str,
    venue: str,
    symbol: str,
    invalid: bool,
    garbage: bytes,
    reason: str,
    recorded: Callable[[str], Lines],
    tmp_path: Path,
) -> None:
    lines = recorded(WS + file)
    at = places(lines, b'"t":"recv"', b"KRAKEN.ws.50" if venue == "kraken" else b"BYBIT.ws.3")[250]
    lines.insert(at, garbage)
    importer, events = imported(lines, tmp_path, find_instrument(venue, symbol))
    assert list(importer.refused) == [reason]
    assert importer.refused[reason].count == 1
    assert importer.refused[reason].example.startswith(f"damaged.jsonl:{at + 1}: line ")
    assert gaps(events) == int(invalid)


def test_a_message_of_another_form_is_refused_and_named(recorded: Callable[[str], Lines], tmp_path: Path) -> None:
    lines = recorded(WS + "BYBIT.jsonl.zst")
    at = places(lines, b"orderbook.200.BTCUSDT", b'\\"delta\\"', b"BYBIT.ws.3")[50]
    lines[at] = lines[at].replace(b'\\"u\\":', b'\\"update\\":')
    importer, events = imported(lines, tmp_path, find_instrument("bybit-spot", "BTCUSDT"))
    (entry,) = importer.refused.items()
    assert entry[0] == "the message does not have the form of its stream"
    assert entry[1].example == f"damaged.jsonl:{at + 1}: Object missing required field `u`"
    assert gaps(events) == 1
    assert_no_book_after_the_gap(events)


def test_a_level_off_the_steps_loses_the_book(recorded: Callable[[str], Lines], tmp_path: Path) -> None:
    lines = recorded(WS + "COINBASE.jsonl.zst")
    at = places(lines, b'\\"l2_data\\"', b'\\"update\\"', b"ETH-USD")[30]
    price = lines[at].split(b'\\"price_level\\":\\"')[1].split(b"\\")[0]
    lines[at] = lines[at].replace(price, price.partition(b".")[0] + b".005", 1)
    importer, events = imported(lines, tmp_path, find_instrument("coinbase", "ETH-USD"))
    (reason,) = importer.refused
    assert reason == "price is not a multiple of the step 0.01"
    assert importer.refused[reason].example.endswith(".005'")
    assert gaps(events) == 1
    assert importer.decoder.book.changes == 30


def test_a_print_off_the_steps_is_refused_alone(recorded: Callable[[str], Lines], tmp_path: Path) -> None:
    lines = recorded(WS + "BYBIT.jsonl.zst")
    instrument = find_instrument("bybit-linear", "BTCUSDT")
    whole, _ = imported(lines, tmp_path, instrument)
    at = places(lines, b"publicTrade.BTCUSDT", b"BYBIT.ws.2", b'\\"v\\":\\"0.004\\"')[0]
    lines[at] = lines[at].replace(b'\\"v\\":\\"0.004\\"', b'\\"v\\":\\"0.0045\\"')
    importer, events = imported(lines, tmp_path, instrument)
    example = f"damaged.jsonl:{at + 1}: qty '0.0045'"
    assert importer.refused["qty is not a multiple of the step 0.001"].example == example
    assert gaps(events) == 0
    assert importer.decoder.book.changes == whole.decoder.book.changes
    assert (events["kind"] == TRADE).sum() < whole.decoder.book.prints


def test_a_coarser_step_refuses_the_snapshot_and_never_rounds(recorded: Callable[[str], Lines], tmp_path: Path) -> None:
    coarse = replace(find_instrument("kucoin", "SNX-BTC"), lot="0.0001")
    with pytest.raises(DataError, match=r"refused: qty is not a multiple of the step 0\.0001"):
        imported(recorded(WS + "KUCOIN.jsonl.zst"), tmp_path, coarse)


def test_a_recording_of_another_venue_is_refused_at_once(recorded: Callable[[str], Lines], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"venue: 'coinbase': does not fit damaged.jsonl, a recording of OKX"):
        imported(recorded(WS + "OKX.jsonl.zst"), tmp_path, find_instrument("coinbase", "BTC-USD"))
    with pytest.raises(InputError, match=r"venue: 'binance-spot': has no decoder; there is one for "):
        imported([], tmp_path, find_instrument("binance-spot", "BTCUSDT"))


def test_an_instrument_that_is_not_in_the_recording_is_told(recorded: Callable[[str], Lines], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no usable record in the input: .*messages of other instruments"):
        imported(recorded(WS + "BITSTAMP.jsonl.zst"), tmp_path, find_instrument("bitstamp", "BTCUSD"))


def test_receive_time_that_goes_back_within_a_connection_is_refused(
    recorded: Callable[[str], Lines], tmp_path: Path
) -> None:
    lines = recorded(WS + "COINBASE.jsonl.zst")
    at = places(lines, b'\\"l2_data\\"', b'\\"update\\"', b"BTC-USD")[40]
    lines[at] = (
        lines[at].replace(b'"ts":178630955', b'"ts":178630950', 1).replace(b'"ts":178630954', b'"ts":178630950', 1)
    )
    importer, events = imported(lines, tmp_path, find_instrument("coinbase", "BTC-USD"))
    assert list(importer.refused) == ["receive time goes back; the recording is not in order"]
    assert gaps(events) == 1
    assert np.all(np.diff(events["local_ts"]) >= 0)


DAMAGED = [
    ("BITFINEX.jsonl.zst", "bitfinex", "IOTETH"),
    ("BITMEX.ws.1.0.gz", "bitmex", "SOLUSDT"),
    ("BITSTAMP.jsonl.zst", "bitstamp", "BATBTC"),
    ("BYBIT.jsonl.zst", "bybit-spot", "BTCUSDT"),
    ("CRYPTO.COM.jsonl.zst", "crypto-com", "LPT_USDC"),
    ("DYDX.ws.1.0.gz", "dydx", "UMA-USD"),
    ("INDEPENDENT_RESERVE.jsonl.zst", "independent-reserve", "DOT-NZD"),
    ("KRAKEN.jsonl.zst", "kraken", "XBTCHF"),
    ("KUCOIN.jsonl.zst", "kucoin", "EQZ-BTC"),
    ("OKX.jsonl.zst", "okx", "BTC-USDT"),
    ("PHEMEX.jsonl.zst", "phemex", "sGRTUSDT"),
]
WORDS = [
    b"9" * 25,
    b"9" * 400,
    b"null",
    b"true",
    b"-1",
    b"1e999",
    b"1e-30",
    b"0.",
    b"[]",
    b"{}",
    b'\\"',
    b"\xff",
    b"\x00",
]


@pytest.mark.parametrize(("file", "venue", "symbol"), DAMAGED)
def test_whatever_is_damaged_every_message_is_accounted_for(
    file: str, venue: str, symbol: str, recorded: Callable[[str], Lines], tmp_path: Path
) -> None:
    chance = random.Random(f"{file} {symbol}")
    lines = recorded(WS + file)
    for number in chance.sample(range(20, len(lines)), 60):
        line = lines[number]
        at = chance.randrange(len(line))
        lines[number] = line[:at] + chance.choice(WORDS) + line[at + chance.choice([0, 1, 8]) :]
    importer, events = imported(lines, tmp_path, find_instrument(venue, symbol))
    assert importer.refused
    assert len(events)
