"""Every raw recording of the shared data: imported, and held to books of plain dicts made from the raw messages."""

from __future__ import annotations

import base64
import gzip
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow
import pytest

from quotewright.domain.catalogue import find_instrument
from quotewright.domain.events import (
    ADD,
    ASK,
    BID,
    CHANGE,
    CLEAR,
    DELETE,
    LAST,
    LEVEL,
    NOTE,
    STATUS,
    TRADE,
    EventArray,
)
from quotewright.domain.instrument import Instrument
from quotewright.importers import open_importer
from quotewright.importers.wire import Wire

DOCS = Path(__file__).resolve().parents[2] / "docs" / "reference" / "recordings.md"
WS = "ws_recordings/"

Levels = list[tuple[Decimal, Decimal]]
Step = tuple[str, Any, Any]  # ("new" or "set", bids, asks), or ("print", (side, price, quantity), None)


class Raw(NamedTuple):
    """A line of a recording as this test reads it."""

    kind: str
    conn: str
    time: Decimal
    data: Any  # JSON with numbers as Decimal, or an address
    url: str


def loads(text: str | bytes) -> Any:
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def raw_lines(path: Path) -> list[Raw]:
    """The lines in order of receive time; of lines of one time in the order of the file."""
    lines: list[Raw] = []
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            text = archive.read(archive.namelist()[0])
        return [Raw("recv", "", Decimal(0), loads(line), "") for line in text.splitlines()]
    if path.suffix == ".gz":
        for line in gzip.decompress(path.read_bytes()).decode().splitlines():
            if line.startswith("wss"):
                continue
            head, _, message = line.partition(" ")
            lines.append(Raw("recv", "", Decimal(head.rstrip(":")), loads(message), ""))
        return lines
    for line in pyarrow.CompressedInputStream(str(path), "zstd").read().splitlines():
        entry = loads(line)
        if entry["t"] == "connect":
            lines.append(Raw("connect", entry["conn"], entry["ts"], entry["addr"], ""))
        elif entry["t"] in ("recv", "http"):
            data = entry["data"] if "data" in entry else gzip.decompress(base64.b64decode(entry["b64"]))
            url = entry.get("url", "")
            lines.append(Raw(entry["t"], entry["conn"], entry["ts"], loads(data), url))
    return sorted(lines, key=lambda raw: raw.time)


def pairs(rows: list[Any]) -> Levels:
    return [(Decimal(row[0]), Decimal(row[1])) for row in rows]


def coinbase(lines: list[Raw], symbol: str) -> Iterator[Step]:
    for raw in lines:
        for event in raw.data["events"] if raw.kind == "recv" else []:
            if raw.data["channel"] == "l2_data" and event["product_id"] == symbol:
                sides: dict[str, Levels] = {"bid": [], "offer": []}
                for update in event["updates"]:
                    sides[update["side"]].append((Decimal(update["price_level"]), Decimal(update["new_quantity"])))
                yield "new" if event["type"] == "snapshot" else "set", sides["bid"], sides["offer"]
            if raw.data["channel"] == "market_trades" and event["type"] == "update":
                for trade in reversed(event["trades"]):
                    if trade["product_id"] == symbol:
                        side = {"BUY": ASK, "SELL": BID}[trade["side"]]
                        yield "print", (side, Decimal(trade["price"]), Decimal(trade["size"])), None


def bybit(lines: list[Raw], symbol: str, product: str = "linear") -> Iterator[Step]:
    ours = {raw.conn for raw in lines if raw.kind == "connect" and raw.data.endswith(product)} or {""}
    for raw in lines:
        if raw.kind != "recv" or raw.conn not in ours or not raw.data.get("topic", "").endswith("." + symbol):
            continue
        data = raw.data["data"]
        if raw.data["topic"].startswith("orderbook."):
            yield "new" if raw.data["type"] == "snapshot" else "set", pairs(data["b"]), pairs(data["a"])
        if raw.data["topic"].startswith("publicTrade."):
            for trade in data:
                yield "print", ({"Buy": BID, "Sell": ASK}[trade["S"]], Decimal(trade["p"]), Decimal(trade["v"])), None


def bybit_spot(lines: list[Raw], symbol: str) -> Iterator[Step]:
    return bybit(lines, symbol, "spot")


def kraken(lines: list[Raw], symbol: str) -> Iterator[Step]:
    for raw in lines:
        if not isinstance(raw.data, list) or raw.data[-1].replace("/", "") != symbol:
            continue
        for part in raw.data[1:-2] if raw.data[-2] == "trade" else []:
            for price, qty, _, side, *_ in part:
                yield "print", ({"b": BID, "s": ASK}[side], Decimal(price), Decimal(qty)), None
        if raw.data[-2].startswith("book"):
            both: dict[str, Any] = {}
            for part in raw.data[1:-2]:
                both |= part
            new = "as" in both or "bs" in both
            bids, asks = ("bs", "as") if new else ("b", "a")
            yield "new" if new else "set", pairs(both.get(bids, [])), pairs(both.get(asks, []))


def kraken_futures(lines: list[Raw], symbol: str) -> Iterator[Step]:
    for raw in lines:
        if raw.kind != "recv" or raw.data.get("product_id") != symbol:
            continue
        data, feed = raw.data, raw.data["feed"]
        if feed == "book_snapshot":
            bids, asks = ([(level["price"], level["qty"]) for level in data[side]] for side in ("bids", "asks"))
            yield "new", bids, asks
        if feed == "book":
            level = [(data["price"], data["qty"])]
            yield ("set", level, []) if data["side"] == "buy" else ("set", [], level)
        if feed == "trade":
            yield "print", ({"buy": BID, "sell": ASK}[data["side"]], data["price"], data["qty"]), None


def okx(lines: list[Raw], symbol: str) -> Iterator[Step]:
    for raw in lines:
        if raw.kind != "recv" or "data" not in raw.data or raw.data["arg"]["instId"] != symbol:
            continue
        for data in raw.data["data"]:
            if raw.data["arg"]["channel"] == "books":
                yield "new" if raw.data["action"] == "snapshot" else "set", pairs(data["bids"]), pairs(data["asks"])
            if raw.data["arg"]["channel"] == "trades":
                yield "print", ({"buy": BID, "sell": ASK}[data["side"]], Decimal(data["px"]), Decimal(data["sz"])), None


def bitstamp(lines: list[Raw], symbol: str) -> Iterator[Step]:
    pair, joined = symbol.lower(), 0
    for raw in lines:
        if raw.kind == "http" and raw.url.endswith("/order_book/" + pair):
            joined = int(raw.data["microtimestamp"])
            yield "new", pairs(raw.data["bids"]), pairs(raw.data["asks"])
    for raw in lines:
        if raw.kind != "recv" or raw.data["event"] not in ("data", "trade"):
            continue
        data = raw.data["data"]
        if raw.data["channel"] == "diff_order_book_" + pair and int(data["microtimestamp"]) > joined:
            yield "set", pairs(data["bids"]), pairs(data["asks"])
        if raw.data["channel"] == "live_trades_" + pair:
            side = BID if data["type"] == 0 else ASK
            yield "print", (side, Decimal(data["price_str"]), Decimal(data["amount_str"])), None


def deribit(lines: list[Raw], symbol: str) -> Iterator[Step]:
    for raw in lines:
        if raw.kind != "recv" or raw.data.get("params", {}).get("channel") != f"book.{symbol}.raw":
            continue
        data = raw.data["params"]["data"]
        bids, asks = (
            [(price, Decimal(0) if action == "delete" else amount) for action, price, amount in data[side]]
            for side in ("bids", "asks")
        )
        yield "new" if data["type"] == "snapshot" else "set", bids, asks


def bitfinex(lines: list[Raw], symbol: str) -> Iterator[Step]:
    channel = next(
        raw.data["chanId"]
        for raw in lines
        if isinstance(raw.data, dict)
        and raw.data.get("channel") == "book"
        and raw.data["symbol"].replace(":", "") == "t" + symbol
    )
    for raw in lines:
        if raw.kind != "recv" or not isinstance(raw.data, list) or raw.data[0] != channel or raw.data[1] == "hb":
            continue
        new = isinstance(raw.data[1][0], list)
        bids: Levels = []
        asks: Levels = []
        for price, count, amount in raw.data[1] if new else [raw.data[1]]:
            (bids if amount > 0 else asks).append((price, abs(amount) if count else Decimal(0)))
        yield "new" if new else "set", bids, asks


def binance(lines: list[Raw], symbol: str) -> Iterator[Step]:
    joined = 0
    for raw in lines:
        if raw.kind == "http" and f"depth?symbol={symbol}&" in raw.url:
            joined = raw.data["lastUpdateId"]
            yield "new", pairs(raw.data["bids"]), pairs(raw.data["asks"])
    for raw in lines:
        if raw.kind != "recv" or raw.data["data"].get("s") != symbol:
            continue
        data = raw.data["data"]
        if data["e"] == "depthUpdate" and data["u"] >= joined:
            yield "set", pairs(data["b"]), pairs(data["a"])
        if data["e"] == "aggTrade":
            yield "print", (ASK if data["m"] else BID, Decimal(data["p"]), Decimal(data["q"])), None


def kucoin(lines: list[Raw], symbol: str) -> Iterator[Step]:
    joined = 0
    for raw in lines:
        if raw.kind == "http" and raw.url.endswith(f"level2?symbol={symbol}"):
            joined = int(raw.data["data"]["sequence"])
            yield "new", pairs(raw.data["data"]["bids"]), pairs(raw.data["data"]["asks"])
    for raw in lines:
        if raw.kind != "recv" or not raw.data.get("topic", "").endswith(":" + symbol):
            continue
        data = raw.data["data"]
        if raw.data["topic"].startswith("/market/level2") and data["sequenceEnd"] > joined:
            bids, asks = (
                [level for level in pairs(data["changes"][side]) if level[0] > 0] for side in ("bids", "asks")
            )
            yield "set", bids, asks
        if raw.data["topic"].startswith("/market/match"):
            side = {"buy": BID, "sell": ASK}[data["side"]]
            yield "print", (side, Decimal(data["price"]), Decimal(data["size"])), None


def phemex(lines: list[Raw], symbol: str) -> Iterator[Step]:
    price_unit, size_unit = (
        (Decimal("1e-8"), Decimal("1e-8")) if symbol.startswith("s") else (Decimal("1e-4"), Decimal(1))
    )
    for raw in lines:
        if raw.kind != "recv" or raw.data.get("symbol") != symbol:
            continue
        if "book" in raw.data:
            bids, asks = (
                [(price * price_unit, size * size_unit) for price, size in raw.data["book"][side]]
                for side in ("bids", "asks")
            )
            yield "new" if raw.data["type"] == "snapshot" else "set", bids, asks
        if raw.data["type"] == "incremental":
            for _, side, price, size in reversed(raw.data.get("trades", [])):
                yield "print", ({"Buy": BID, "Sell": ASK}[side], price * price_unit, size * size_unit), None


def crypto_com(lines: list[Raw], symbol: str) -> Iterator[Step]:
    live, newest = False, Decimal(0)
    for raw in lines:
        result = raw.data.get("result", {}) if raw.kind == "recv" else {}
        if result.get("instrument_name") != symbol:
            continue
        if result["channel"] == "book" and result["data"][0]["t"] >= newest:  # some are overtaken on their way
            newest = result["data"][0]["t"]
            yield "new", pairs(result["data"][0]["bids"]), pairs(result["data"][0]["asks"])
        if result["channel"] == "trade":
            for trade in reversed(result["data"]) if live else []:
                yield "print", ({"BUY": BID, "SELL": ASK}[trade["s"]], trade["p"], trade["q"]), None
            live = True


def huobi(lines: list[Raw], symbol: str) -> Iterator[Step]:
    live, newest = False, Decimal(0)
    for raw in lines:
        if raw.kind != "recv":
            continue
        live = live or raw.data.get("subbed") == f"market.{symbol}.trade.detail"
        if raw.data.get("ch") == f"market.{symbol}.depth.step0" and raw.data["tick"]["ts"] >= newest:
            newest = raw.data["tick"]["ts"]
            yield "new", pairs(raw.data["tick"]["bids"]), pairs(raw.data["tick"]["asks"])
        if raw.data.get("ch") == f"market.{symbol}.trade.detail" and live:
            for trade in raw.data["tick"]["data"]:
                side = {"buy": BID, "sell": ASK}[trade["direction"]]
                yield "print", (side, trade["price"], trade["amount"] / 2), None


def bitmex(lines: list[Raw], symbol: str) -> Iterator[Step]:
    prices: dict[Decimal, Decimal] = {}
    for raw in lines:
        rows = [row for row in raw.data.get("data", []) if row["symbol"] == symbol]
        if rows and raw.data["table"] == "orderBookL2":
            sides: dict[str, Levels] = {"Buy": [], "Sell": []}
            for row in rows:
                prices |= {row["id"]: row["price"]} if "price" in row else {}
                sides[row["side"]].append((prices[row["id"]], row.get("size", Decimal(0))))
            yield "new" if raw.data["action"] == "partial" else "set", sides["Buy"], sides["Sell"]
        if rows and raw.data["table"] == "trade" and raw.data["action"] == "insert":
            for row in rows:
                yield "print", ({"Buy": BID, "Sell": ASK}[row["side"]], row["price"], row["size"]), None


def dydx(lines: list[Raw], symbol: str) -> Iterator[Step]:
    offsets: dict[tuple[str, Decimal], int] = {}
    for raw in lines:
        data, contents = raw.data, raw.data.get("contents")
        if data.get("id") != symbol:
            continue
        if data["channel"] == "v3_trades" and data["type"] == "channel_data":
            for trade in reversed(contents["trades"]):
                side = {"BUY": BID, "SELL": ASK}[trade["side"]]
                yield "print", (side, Decimal(trade["price"]), Decimal(trade["size"])), None
        if data["channel"] != "v3_orderbook":
            continue
        sides: dict[str, Levels] = {"bids": [], "asks": []}
        for side in sides:
            for row in contents[side]:
                if isinstance(row, dict):
                    price, size, offset = Decimal(row["price"]), Decimal(row["size"]), int(row["offset"])
                else:
                    price, size, offset = Decimal(row[0]), Decimal(row[1]), int(contents["offset"])
                if offset > offsets.get((side, price), -1):
                    offsets[side, price] = offset
                    sides[side].append((price, size))
        yield "new" if data["type"] == "subscribed" else "set", sides["bids"], sides["asks"]


def hyperliquid(lines: list[Raw], symbol: str) -> Iterator[Step]:
    live = False
    for raw in lines:
        data = raw.data["data"]
        if raw.data["channel"] == "l2Book":
            bids, asks = ([(Decimal(level["px"]), Decimal(level["sz"])) for level in side] for side in data["levels"])
            yield "new", bids, asks
        else:
            for trade in data if live else []:
                yield "print", ({"B": BID, "A": ASK}[trade["side"]], Decimal(trade["px"]), Decimal(trade["sz"])), None
            live = True


def independent_reserve(lines: list[Raw], symbol: str) -> Iterator[Step]:
    """Orders, added up by price."""
    coin, currency = symbol.lower().split("-")
    orders: dict[str, tuple[str, Decimal, Decimal]] = {}
    created = Decimal(0)
    url = f"primaryCurrencyCode={coin}&secondaryCurrencyCode={currency}"
    for raw in lines:
        if raw.kind == "http" and raw.url.endswith(url):
            for side in ("BuyOrders", "SellOrders"):
                orders |= {order["Guid"]: (side, order["Price"], order["Volume"]) for order in raw.data[side]}
            stamp = np.datetime64(raw.data["CreatedTimestampUtc"].removesuffix("Z"), "ns")
            created = Decimal(int(stamp.astype(np.int64))) / 10**6
            break
    yield "new", *_by_price(orders)
    for raw in lines:
        if raw.kind != "recv" or raw.data.get("Channel") != "orderbook-" + coin or raw.data["Time"] < created:
            continue
        data = raw.data["Data"]
        guid = data["OrderGuid"]
        if raw.data["Event"] == "NewOrder" and guid not in orders:
            side = {"LimitBid": "BuyOrders", "LimitOffer": "SellOrders"}[data["OrderType"]]
            orders[guid] = side, data["Price"][currency], data["Volume"]
            yield "new", *_by_price(orders)
        elif raw.data["Event"] == "OrderCanceled" and guid in orders:
            del orders[guid]
            yield "new", *_by_price(orders)


def _by_price(orders: dict[str, tuple[str, Decimal, Decimal]]) -> tuple[Levels, Levels]:
    sides: dict[str, dict[Decimal, Decimal]] = {"BuyOrders": {}, "SellOrders": {}}
    for side, price, volume in orders.values():
        sides[side][price] = sides[side].get(price, Decimal(0)) + volume
    return list(sides["BuyOrders"].items()), list(sides["SellOrders"].items())


class Case(NamedTuple):
    file: str
    venue: str
    symbol: str
    oracle: Callable[[list[Raw], str], Iterator[Step]]
    depth: int = 0  # each side is cut to so many levels by the client


CASES = [
    Case("bybit_xrpusdt_ob500_20241201.data.zip", "bybit-linear", "XRPUSDT", bybit),
    Case("hyperliquid_btc_l2_20250126.gz", "hyperliquid", "BTC", hyperliquid),
    Case(WS + "BINANCE_DELIVERY.jsonl.zst", "binance-coinm", "ETCUSD_PERP", binance),
    Case(WS + "BINANCE_FUTURES.jsonl.zst", "binance-usdm", "SUSHIUSDT", binance),
    Case(WS + "BINANCE_FUTURES.jsonl.zst", "binance-usdm", "CTKUSDT", binance),
    Case(WS + "BITFINEX.jsonl.zst", "bitfinex", "IOTETH", bitfinex),
    Case(WS + "BITFINEX.jsonl.zst", "bitfinex", "TESTBTCTESTUSD", bitfinex),
    Case(WS + "BITMEX.ws.1.0.gz", "bitmex", "XBTUSD", bitmex),
    Case(WS + "BITMEX.ws.1.0.gz", "bitmex", "UNIUSDT", bitmex),
    Case(WS + "BITSTAMP.jsonl.zst", "bitstamp", "ETHUSD", bitstamp),
    Case(WS + "BITSTAMP.jsonl.zst", "bitstamp", "BATBTC", bitstamp),
    Case(WS + "BYBIT.jsonl.zst", "bybit-linear", "BTCUSDT", bybit),
    Case(WS + "BYBIT.jsonl.zst", "bybit-spot", "BTCUSDT", bybit_spot),
    Case(WS + "COINBASE.jsonl.zst", "coinbase", "ETH-USD", coinbase),
    Case(WS + "CRYPTO.COM.jsonl.zst", "crypto-com", "ONE_USDT", crypto_com),
    Case(WS + "DERIBIT.jsonl.zst", "deribit", "BTC-24SEP21-8000-P", deribit),
    Case(WS + "DERIBIT.jsonl.zst", "deribit", "BTC-31DEC21-34000-P", deribit),
    Case(WS + "DYDX.ws.1.0.gz", "dydx", "ETH-USD", dydx),
    Case(WS + "DYDX.ws.1.0.gz", "dydx", "SUSHI-USD", dydx),
    Case(WS + "HUOBI_SWAP.jsonl.zst", "huobi-dm-swap", "GALA-USD", huobi),
    Case(WS + "HUOBI_SWAP.jsonl.zst", "huobi-dm-linear-swap", "GRT-USDT", huobi),
    Case(WS + "INDEPENDENT_RESERVE.jsonl.zst", "independent-reserve", "ETH-AUD", independent_reserve),
    Case(WS + "INDEPENDENT_RESERVE.jsonl.zst", "independent-reserve", "PMGT-NZD", independent_reserve),
    *[
        Case(WS + "KRAKEN.jsonl.zst", "kraken", symbol, kraken, 1000)
        for symbol in (
            "ADAXBT", "ETHCHF", "GRTETH", "KSMXBT", "OCEANXBT", "OMGUSD", "SCEUR", "WAVESEUR", "XBTCHF", "XMRUSD",
        )
    ],
    Case(WS + "KRAKEN_FUTURES.jsonl.zst", "kraken-futures", "PI_ETHUSD", kraken_futures),
    Case(WS + "KRAKEN_FUTURES.jsonl.zst", "kraken-futures", "FI_BCHUSD_210730", kraken_futures),
    Case(WS + "KUCOIN.jsonl.zst", "kucoin", "BCHSV-USDT", kucoin),
    Case(WS + "KUCOIN.jsonl.zst", "kucoin", "SNX-BTC", kucoin),
    *[Case(WS + "OKX.jsonl.zst", "okx", symbol, okx) for symbol in ("BTC-USDT", "UNI-USD-SWAP", "BTC-USD-220527")],
    Case(WS + "PHEMEX.jsonl.zst", "phemex", "XTZUSD", phemex),
    Case(WS + "PHEMEX.jsonl.zst", "phemex", "sGRTUSDT", phemex),
]  # fmt: skip


class Book:
    """Two dicts, and what their best prices were after each update."""

    def __init__(self) -> None:
        self.sides: dict[int, dict[Any, Any]] = {BID: {}, ASK: {}}
        self.tops: list[tuple[Any, Any, int, int]] = []

    def set(self, side: int, price: Any, qty: Any) -> None:
        if qty:
            self.sides[side][price] = qty
        else:
            self.sides[side].pop(price, None)

    def cut(self, depth: int) -> None:
        for side in (BID, ASK) if depth else ():
            for price in sorted(self.sides[side], reverse=side == BID)[depth:]:
                del self.sides[side][price]

    def note(self) -> None:
        bids, asks = self.sides[BID], self.sides[ASK]
        self.tops.append((max(bids, default=None), min(asks, default=None), len(bids), len(asks)))


def from_raw(case: Case, lines: list[Raw], instrument: Instrument) -> tuple[Book, list[Any]]:
    """The book and the prints in ticks and lots, by the oracle."""
    tick, lot = Decimal(instrument.tick), Decimal(instrument.lot)
    book, prints = Book(), list[Any]()
    for kind, first, second in case.oracle(lines, case.symbol):
        if kind == "print":
            side, price, qty = first
            prints.append((side, price / tick, qty / lot))
            continue
        if kind == "new":
            book.sides = {BID: {}, ASK: {}}
        for side, levels in ((BID, first), (ASK, second)):
            for price, qty in levels:
                book.set(side, price / tick, qty / lot)
        if kind == "set":
            book.cut(case.depth)
        book.note()
    return book, prints


def from_events(events: EventArray) -> tuple[Book, list[Any]]:
    """The book and the prints of imported rows."""
    book, prints = Book(), list[Any]()
    orders: dict[int, tuple[int, int, int]] = {}
    columns = (events[name].tolist() for name in ("kind", "side", "price", "qty", "flags", "order_id"))
    for kind, side, price, qty, flags, order in zip(*columns, strict=True):
        assert kind != STATUS, "a gap"
        assert kind != CHANGE
        if kind == TRADE:
            prints.append((side, price, qty))
        if kind == CLEAR:
            book.sides = {BID: {}, ASK: {}}
        elif kind == LEVEL:
            book.set(side, price, qty)
        elif kind == ADD:
            orders[order] = side, price, qty
            book.set(side, price, book.sides[side].get(price, 0) + qty)
        elif kind == DELETE:
            assert orders.pop(order) == (side, price, qty)
            book.set(side, price, book.sides[side][price] - qty)
        if kind in (CLEAR, LEVEL, NOTE, ADD, DELETE) and flags & LAST:
            book.note()
    return book, prints


@pytest.fixture(scope="module")
def lines_of(shared_data: Path) -> Callable[[str], list[Raw]]:
    """Lines of a recording; the last one is kept, for the cases of one file stand together."""
    kept: dict[str, list[Raw]] = {}

    def lines(file: str) -> list[Raw]:
        if file not in kept:
            kept.clear()
            kept[file] = raw_lines(shared_data / "tick" / file)
        return kept[file]

    return lines


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.venue}-{case.symbol}")
def test_the_imported_book_is_that_of_plain_dicts(
    case: Case, shared_data: Path, lines_of: Callable[[str], list[Raw]]
) -> None:
    instrument = find_instrument(case.venue, case.symbol)
    importer = open_importer("wire", [shared_data / "tick" / case.file], instrument)
    assert isinstance(importer, Wire)
    events = np.concatenate(list(importer.chunks()))
    book, prints = from_events(events)
    expected, expected_prints = from_raw(case, lines_of(case.file), instrument)
    assert book.sides == expected.sides
    assert book.tops == expected.tops
    assert prints == expected_prints
    assert np.all(np.diff(events["local_ts"]) >= 0)
    assert not importer.refused
    tally, wire = importer.tally, importer.decoder.book
    assert tally.read == tally.accepted + sum(tally.dropped.values())
    assert wire.checksums == wire.checksums_equal
    assert [source.name for source in importer.sources] == [Path(case.file).name]
    sums = f"{wire.checksums_equal:,} of {wire.checksums:,}" if wire.checksums else ""
    cells = [case.file, instrument.name, wire.snapshots, f"{wire.changes:,}", wire.prints, sums, ""]
    assert "| `{}` | `{}` | {} | {} | {} | {} | {} |".format(*cells) in DOCS.read_text(encoding="utf-8")


def test_every_recording_has_a_case_and_every_instrument_a_row_or_a_reason(shared_data: Path) -> None:
    tick = shared_data / "tick"
    files = {path.relative_to(tick).as_posix() for path in (tick / "ws_recordings").iterdir()}
    assert files <= {case.file for case in CASES}
    page = DOCS.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+)` \| `([^`]+):([^`]+)` \|", page, re.MULTILINE)
    assert {file for file, _, _ in rows} == {case.file for case in CASES}
    for _, venue, symbol in rows:
        find_instrument(venue, symbol)
    counts = r"^\| `[^`]+` \| `[^`]+` \| \d+ \| ([\d,]+) \| (\d+) \| (?:([\d,]+) of ([\d,]+))? \|"
    changes = re.findall(counts, page, re.MULTILINE)
    total = [sum(int(cell.replace(",", "") or 0) for cell in column) for column in zip(*changes, strict=True)]
    assert len(changes) == len(rows)
    assert f"{len(rows)} instruments, {total[0]:,} changes, {total[1]:,} prints, {total[2]:,} of {total[3]:,}" in page


@pytest.mark.parametrize(("venue", "checksums"), [("kraken", 4269), ("okx", 290)])
def test_the_page_has_all_checksums_of_the_recordings(venue: str, checksums: int) -> None:
    rows = re.findall(rf"`{venue}:[^`]+` \|.*?\| ([\d,]+) of ([\d,]+) \|", DOCS.read_text(encoding="utf-8"))
    assert sum(int(equal.replace(",", "")) for equal, _ in rows) == checksums
    assert sum(int(all_.replace(",", "")) for _, all_ in rows) == checksums
