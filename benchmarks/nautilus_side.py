"""NautilusTrader's side, in a Python of its own: `nautilus_side.py EVENTS.npy SETTINGS`, one JSON document out.

Its packages hold others back (requirements/peers.txt), so it shares nothing with the rest but files: the events as
quotewright's records, and `SETTINGS`, a JSON object with tick, lot, latency_ns, interval_ns, lots, most_lots,
half_spread, together and passes. Each row is one of its order-book deltas or trade ticks; the deltas are handed over
one by one, as its own loaders make them, or `together`, an update's in one object, which is faster.
Its venue knows no queue position and no answer latency, and its data come to venue and strategy at the same moment:
less work than on our side.
"""

from __future__ import annotations

import json
import sys
import time
from decimal import Decimal
from typing import Any

import numpy as np
from nautilus_trader.backtest.config import BacktestEngineConfig
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.backtest.models import LatencyModel
from nautilus_trader.config import LoggingConfig, StrategyConfig
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import BookOrder, OrderBookDelta, OrderBookDeltas, TradeTick
from nautilus_trader.model.enums import (
    AccountType,
    AggressorSide,
    BookAction,
    BookType,
    OmsType,
    OrderSide,
    RecordFlag,
)
from nautilus_trader.model.identifiers import InstrumentId, Symbol, TradeId, Venue
from nautilus_trader.model.instruments import CryptoPerpetual
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy

CLEAR, LEVEL, TRADE, BID = 1, 2, 7, 1  # as in quotewright.domain.events
VENUE = Venue("BENCH")
ID = InstrumentId(Symbol("BTCUSDT-PERP"), VENUE)

Settings = dict[str, Any]


def instrument(settings: Settings) -> CryptoPerpetual:
    """The contract of the other sides."""
    price, size = Price.from_str(settings["tick"]), Quantity.from_str(settings["lot"])
    return CryptoPerpetual(
        instrument_id=ID,
        raw_symbol=Symbol("BTCUSDT"),
        base_currency=BTC,
        quote_currency=USDT,
        settlement_currency=USDT,
        is_inverse=False,
        price_precision=price.precision,
        size_precision=size.precision,
        price_increment=price,
        size_increment=size,
        ts_event=0,
        ts_init=0,
        margin_init=Decimal("0.01"),
        margin_maint=Decimal("0.01"),
        maker_fee=Decimal("0.0002"),
        taker_fee=Decimal("0.0005"),
    )


class Convert:
    """Events as its data objects."""

    def __init__(self, settings: Settings) -> None:
        self._tick, self._lot = Decimal(settings["tick"]), Decimal(settings["lot"])
        self._together = bool(settings.get("together"))
        self._places = (-self._tick.as_tuple().exponent, -self._lot.as_tuple().exponent)

    def price(self, ticks: int) -> Price:
        return Price(ticks * self._tick, self._places[0])

    def qty(self, lots: int) -> Quantity:
        return Quantity(lots * self._lot, self._places[1])

    def __call__(self, events: Any) -> list[Any]:
        found: list[Any] = []
        deltas: list[OrderBookDelta] = []
        for number, row in enumerate(events):
            if row["kind"] == TRADE:
                found.append(self._trade(row, number))
                continue
            deltas.append(self._delta(row))
            if not self._together:
                found.append(deltas.pop())
            elif row["flags"] & 1:  # the last row of its update
                found.append(OrderBookDeltas(ID, deltas))
                deltas = []
        return found

    def _delta(self, row: Any) -> OrderBookDelta:
        last = RecordFlag.F_LAST if row["flags"] & 1 else 0
        times = (int(row["seq"]), int(row["exch_ts"]), int(row["local_ts"]))
        if row["kind"] == CLEAR:
            return OrderBookDelta(ID, BookAction.CLEAR, None, last, *times)
        side = OrderSide.BUY if row["side"] == BID else OrderSide.SELL
        action = BookAction.UPDATE if row["qty"] else BookAction.DELETE
        order = BookOrder(side, self.price(int(row["price"])), self.qty(int(row["qty"])), 0)
        return OrderBookDelta(ID, action, order, last, *times)

    def _trade(self, row: Any, number: int) -> TradeTick:
        taker = AggressorSide.BUYER if row["side"] == BID else AggressorSide.SELLER
        price, qty = self.price(int(row["price"])), self.qty(int(row["qty"]))
        return TradeTick(ID, price, qty, taker, TradeId(str(number)), int(row["exch_ts"]), int(row["local_ts"]))


class MakerConfig(StrategyConfig, frozen=True):
    """The maker's parameters."""

    tick: str
    lot: str
    interval_ns: int
    lots: int
    most_lots: int
    half_spread: int


class Maker(Strategy):
    """`fixed_maker`, with its own two orders in hand: what does not fit is cancelled, what is missing sent."""

    def __init__(self, config: MakerConfig) -> None:
        super().__init__(config)
        self.sent = 0
        self.fills = 0
        self._convert = Convert({"tick": config.tick, "lot": config.lot})
        self._orders: dict[OrderSide, Any] = {OrderSide.BUY: None, OrderSide.SELL: None}

    def on_start(self) -> None:
        self.subscribe_order_book_deltas(ID, BookType.L2_MBP)
        interval = self.config.interval_ns
        self.clock.set_timer_ns("quote", interval, self.clock.timestamp_ns(), 0, self._quote)

    def on_order_filled(self, event: Any) -> None:
        self.fills += 1

    def on_stop(self) -> None:
        pass

    def position(self) -> int:
        """Lots held."""
        return round(self.portfolio.net_position(ID) / Decimal(self.config.lot))

    def touch(self) -> tuple[int, int]:
        """The best prices, ticks."""
        book = self.cache.order_book(ID)
        tick = Decimal(self.config.tick)
        return int(book.best_bid_price().as_decimal() / tick), int(book.best_ask_price().as_decimal() / tick)

    def _quote(self, _: Any) -> None:
        bid, ask = self.touch()
        lots, most, away = self.config.lots, self.config.most_lots, self.config.half_spread
        position = self.position()
        self._keep(OrderSide.BUY, (bid + ask) // 2 - away if position + lots <= most else 0)
        self._keep(OrderSide.SELL, (bid + ask + 1) // 2 + away if position - lots >= -most else 0)

    def _keep(self, side: OrderSide, ticks: int) -> None:
        open_order = self._orders[side]
        price = self._convert.price(ticks)
        if open_order is not None and not open_order.is_closed:
            if ticks and open_order.price == price:
                return
            if not open_order.is_pending_cancel and not open_order.is_inflight:
                self.cancel_order(open_order)
        if ticks:
            order = self.order_factory.limit(ID, side, self._convert.qty(self.config.lots), price, post_only=True)
            self._orders[side] = order
            self.submit_order(order)
            self.sent += 1


def one_pass(data: list[Any], settings: Settings) -> dict[str, Any]:
    """Run the maker over the data; CPU time of its engine's run alone."""
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True), run_analysis=False))
    engine.add_venue(
        venue=VENUE,
        oms_type=OmsType.NETTING,
        account_type=AccountType.MARGIN,
        base_currency=None,
        starting_balances=[Money(100_000, USDT)],
        book_type=BookType.L2_MBP,
        trade_execution=True,
        latency_model=LatencyModel(base_latency_nanos=settings["latency_ns"]),
    )
    engine.add_instrument(instrument(settings))
    engine.add_data([item for item in data if not isinstance(item, TradeTick)], sort=False)
    engine.add_data([item for item in data if isinstance(item, TradeTick)])
    maker = Maker(MakerConfig(**{name: settings[name] for name in MakerConfig.__struct_fields__ if name in settings}))
    engine.add_strategy(maker)
    start = time.process_time()
    engine.run()
    spent = time.process_time() - start
    bid, ask = maker.touch()
    found = {
        "cpu": spent,
        "outcome": {"bid": bid, "ask": ask, "fills": maker.fills, "position": maker.position(), "orders": maker.sent},
    }
    engine.dispose()
    return found


def main() -> None:
    """Convert once, run the passes, print the last one."""
    events, settings = np.load(sys.argv[1]), json.loads(sys.argv[2])
    data = Convert(settings)(events)
    found: dict[str, Any] = {}
    for _ in range(settings["passes"]):
        found = one_pass(data, settings)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
