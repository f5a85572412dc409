"""The compiled reader of usual lines against the reader of all lines: the same rows and refusals of any lines."""

from __future__ import annotations

import gzip
import itertools
import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quotewright.domain.catalogue import find_instrument
from quotewright.domain.errors import QuotewrightError
from quotewright.domain.instrument import Instrument
from quotewright.domain.kernel import INTERPRETED
from quotewright.importers import binance_quick
from quotewright.importers.binance_ws import BinanceWs

SPOT = find_instrument("binance-spot", "BTCUSDT")
USDM = find_instrument("binance-usdm", "BTCUSDT")
COARSE = Instrument("v", "BTCUSDT", "linear", "BTC", "USDT", tick="0.25", lot="5")  # steps that are no power of ten

LEVELS = [["100.00", "1.5"], ["99.50", "20"]]
DEPTH = {"e": "depthUpdate", "E": 5, "s": "BTCUSDT", "U": 11, "u": 12, "pu": 10, "b": LEVELS, "a": [["101.00", "5"]]}
FUTURES = {"e": "depthUpdate", "E": 5, "T": 4, "s": "BTCUSDT", "U": 11, "u": 12, "pu": 10, "b": LEVELS, "a": []}
TRADE = {"e": "trade", "E": 6, "T": 6, "s": "BTCUSDT", "t": 1, "p": "1.00", "q": "10", "X": "MARKET", "m": True}
BEST = {"u": 5, "s": "BTCUSDT", "b": "1.00", "B": "0", "a": "2.00", "A": "10", "T": 7, "E": 8}


def outcome(path: Path, instrument: Instrument) -> list[Any]:
    """Everything an import says, in one list."""
    importer = BinanceWs([path], instrument)
    found: list[Any] = []
    try:
        for chunk in importer.chunks():
            found.append(chunk.tobytes())
    except QuotewrightError as error:
        found.append(str(error))
    tally = importer.tally
    rows = b"".join(part for part in found if isinstance(part, bytes))
    return [rows, found[-1:], tally.read, tally.accepted, tally.dropped, tally.refused, tally.notes]


def assert_same(path: Path, instrument: Instrument) -> list[Any]:
    quick = outcome(path, instrument)
    with patch.object(binance_quick, "INTERPRETED", True):
        every = outcome(path, instrument)
    assert quick[0] == every[0]
    assert quick[2:] == every[2:]
    return quick


def text_of(*messages: Any) -> bytes:
    texts = [m if isinstance(m, str) else json.dumps(m, separators=(",", ":")) for m in messages]
    return "".join(f"{10**18 + i} {text}\n" for i, text in enumerate(texts)).encode()


def sound(kind: int, number: int) -> dict[str, Any]:
    ids = {"U": 10 + number, "u": 10 + number, "pu": 9 + number}
    if kind == 0:
        return {"stream": "btcusdt@depth@0ms", "data": DEPTH | ids}
    if kind == 1:
        return {"stream": "btcusdt@depth", "data": FUTURES | ids}
    if kind == 2:
        return {"stream": "btcusdt@trade", "data": TRADE | {"t": number}}
    return {"stream": "btcusdt@bookTicker", "data": BEST}


def recording() -> bytes:
    """A snapshot and 32 messages of four kinds; the ids of every depth update continue those of the one ahead."""
    messages = [sound(number % 4, number) for number in range(1, 33)]
    update = 9
    for message in messages:
        if "U" in message["data"]:
            message["data"] |= {"U": update + 1, "u": update + 1, "pu": update}
            update += 1
    return text_of({"lastUpdateId": 9, "bids": LEVELS, "asks": [["101.00", "10"]]}, *messages)


PIECES = [
    b'"',
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b"[]",
    b",",
    b":",
    b" ",
    b"\n",
    b"\r",
    b"0",
    b"00",
    b"9",
    b"-",
    b".",
    b"e1",
]
PIECES += [b"null", b"true", b"false", b"\xc3\xa9", b'"b":[],', b'"m":true,', b'"T":0,', b'"u":1,']
PIECES += [b'"x":{},', b'"x":"y",', b"9" * 19, b"0" * 20, b".000000000", b"9223372036854", b"9223372036855", b'"pu":9,']


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("quick") / "recording"


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.sampled_from([SPOT, USDM, COARSE]))
def test_damage_anywhere_is_judged_alike(scratch: Path, data: st.DataObject, instrument: Instrument) -> None:
    content = recording()
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content)))
        cut = data.draw(st.integers(0, 3))
        content = content[:at] + data.draw(st.sampled_from([b"", *PIECES])) + content[at + cut :]
    scratch.write_bytes(content)
    assert_same(scratch, instrument)


@pytest.mark.parametrize("instrument", [SPOT, USDM, COARSE], ids=["spot", "usdm", "coarse"])
def test_one_odd_field_is_judged_alike(scratch: Path, instrument: Instrument) -> None:
    """Every field of every message in turn missing, of another type, too large, too fine, or doubled."""
    odd: list[Any] = [
        None,
        True,
        -1,
        0,
        1,
        1.5,
        10**18,
        10**19,
        "",
        "0",
        "0.25",
        "1.5",
        "-1",
        "1e3",
        "01.50",
        "5.",
        ".5",
    ]
    odd += [2**63, "9" * 19, "1." + "0" * 39, "1.50000000000", "MARKET", "é", "a\\b", [], [["1", "5"]], [["0", "5"]]]
    odd += [[["1", "-5"]], [["1", "5", "6"]], [["1"]], [[1, 5]], {}, [["1.5", "5.0"], ["2.75", "10"]]]
    start = {"lastUpdateId": 10, "bids": LEVELS, "asks": [["101.00", "10"]]}
    first = sound(1, 1)
    messages: list[Any] = [start, first]
    texts: list[str] = []
    for kind in range(4):
        message = sound(kind, 2)
        for field in message["data"]:
            rest = {name: value for name, value in message["data"].items() if name != field}
            for value in odd:
                texts.append(json.dumps(message | {"data": rest | {field: value}}, separators=(",", ":")))
            texts.append(json.dumps(message | {"data": rest}, separators=(",", ":")))
            doubled = json.dumps(message, separators=(",", ":"))
            texts.append(doubled[:-2] + f',"{field}":{json.dumps(message["data"][field])}' + "}}")
    scratch.write_bytes(text_of(*messages, *itertools.chain.from_iterable((text, sound(3, 1)) for text in texts)))
    quick = assert_same(scratch, instrument)
    assert sum(refused.count for refused in quick[5].values()) > 100
    for text in texts:  # alone too: one that is taken may hide what the next would have done
        scratch.write_bytes(text_of(*messages, text))
        assert_same(scratch, instrument)


@pytest.mark.skipif(INTERPRETED, reason="there is no compiled reader to compare with")
@pytest.mark.parametrize(
    ("file", "venue", "symbol"),
    [
        ("spot_btcusdt_20240808", "binance-spot", "BTCUSDT"),
        ("usdm_ethusdt_20240718", "binance-usdm", "ETHUSDT"),
        ("cm_btcusd_perp_20240808", "binance-coinm", "BTCUSD_PERP"),
    ],
)
def test_real_recordings_are_read_alike(shared_data: Path, tmp_path: Path, file: str, venue: str, symbol: str) -> None:
    with gzip.open(shared_data / "tick/binance_ws" / f"{file}.gz") as recorded:
        (tmp_path / file).write_bytes(b"".join(itertools.islice(recorded, 8_000)))
    found = assert_same(tmp_path / file, find_instrument(venue, symbol))
    assert len(found[0]) > 56 * 20_000
    assert np.frombuffer(found[0], np.int64).size % 7 == 0


def test_chunks_end_with_updates_even_if_lines_are_longer_than_chunks(scratch: Path) -> None:
    long = [[f"{100 + i}.00", "1"] for i in range(70_000)]
    ids = [{"U": 10 + n, "u": 10 + n, "pu": 9 + n, "b": long if n % 2 else LEVELS, "a": []} for n in range(1, 7)]
    messages = [{"stream": "s@depth", "data": FUTURES | more} for more in ids]
    scratch.write_bytes(text_of({"lastUpdateId": 10, "bids": LEVELS, "asks": []}, *messages))
    assert_same(scratch, USDM)
    chunks = list(BinanceWs([scratch], USDM).chunks())
    assert sum(map(len, chunks)) == 3 + 3 * 70_000 + 3 * 2
    assert all(chunk["flags"][-1] & 1 for chunk in chunks)
