"""Calibration of stored recordings: real ones, an order-level one, and ones that cannot be calibrated."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from quotewright.domain.catalogue import find_instrument
from quotewright.domain.errors import InputError
from quotewright.domain.events import (
    ADD,
    ASK,
    BEST,
    BID,
    CLEAR,
    DELETE,
    FROM_BARS,
    LAST,
    LEVEL,
    STATUS,
    TRADE,
    EventArray,
    Status,
    empty_events,
)
from quotewright.research.calibrating import calibrate_dataset
from quotewright.research.calibration import Calibration
from quotewright.research.touch import read_tape
from quotewright.sessions.importing import import_recording, store_events
from quotewright.storage.store import Dataset, Store
from quotewright.strategies.catalogue import CATALOGUE

# Venue, symbol, file, and where k was found when looked at by eye (1/bp).
RECORDINGS = [
    ("binance-spot", "BTCUSDT", "spot_btcusdt_20240808.gz", (1.0, 2.2)),
    ("binance-usdm", "BTCUSDT", "usdm_btcusdt_20240808.gz", (1.1, 2.0)),
    ("binance-coinm", "BTCUSD_PERP", "cm_btcusd_perp_20240808.gz", (0.8, 1.8)),
]


def imported(folder: Path, shared_data: Path, venue: str, symbol: str, name: str) -> Dataset:
    path = shared_data / "tick" / "binance_ws" / name
    import_recording(folder, "binance-ws", [path], find_instrument(venue, symbol))
    return Store(folder).dataset(f"{venue}:{symbol}")


@pytest.fixture(scope="module")
def calibrations(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Calibration]:
    folder = tmp_path_factory.mktemp("real")
    return [calibrate_dataset(imported(folder, shared_data, *recording[:3])) for recording in RECORDINGS]


@pytest.mark.parametrize("index", range(3), ids=["spot", "linear", "inverse"])
def test_real_recordings_give_plausible_figures(calibrations: list[Calibration], index: int) -> None:
    found = calibrations[index]
    low, high = RECORDINGS[index][3]
    assert 340 < found.seconds < 350
    assert 0.5 < found.sigma.value < 3.0  # 28 % to 170 % a year
    assert low < found.k.value < high
    for estimate in (found.sigma, found.k, found.A):
        assert 0 < estimate.low < estimate.value < estimate.high < 3 * estimate.value
    assert found.rates[0] > found.rates[1] > found.rates[5] > found.rates[-1] > 0
    assert found.r_squared is not None
    assert found.r_squared > 0.9
    assert found.half_spread == pytest.approx(found.tick / 2, rel=0.01)  # one tick wide nearly always
    json.dumps(found.to_dict(), allow_nan=False)
    for strategy in ("glft", "avellaneda_stoikov"):
        CATALOGUE[strategy].bind(found.suggest(strategy))


def test_three_markets_of_one_asset_agree_on_its_volatility(calibrations: list[Calibration]) -> None:
    sigmas = [found.sigma.value for found in calibrations]
    assert max(sigmas) < 1.15 * min(sigmas)


def test_prints_meet_the_touch_by_the_venues_clock(calibrations: list[Calibration]) -> None:
    spot, linear, inverse = calibrations
    assert linear.inside < 0.01 * linear.orders
    assert inverse.inside < 0.01 * inverse.orders
    assert spot.inside < 0.25 * spot.orders  # spot best prices carry no venue time of their own


def row(
    kind: int, time: int, side: int = 0, price: int = 0, qty: int = 0, order_id: int = 0, flags: int = LAST
) -> tuple:
    return (time, time, 0, order_id, price, qty, kind, side, flags, 0)


def events_of(*rows: tuple) -> EventArray:
    events = empty_events(len(rows))
    events[:] = list(rows)
    return events


def test_touch_is_unknown_while_the_book_is_invalid_or_locked() -> None:
    events = events_of(
        row(TRADE, 1, BID, 101, 1),
        row(CLEAR, 2, flags=0),
        row(LEVEL, 2, BID, 100, 5, flags=0),
        row(LEVEL, 2, ASK, 103, 5),
        row(LEVEL, 3, BID, 101, 5),
        row(LEVEL, 4, BID, 99, 5),  # behind the touch: the mid stays
        row(STATUS, 5, 0, Status.BOOK_GAP),
        row(TRADE, 6, ASK, 101, 2),
        row(CLEAR, 7, flags=0),
        row(LEVEL, 7, BID, 100, 5, flags=0),
        row(LEVEL, 7, ASK, 100, 5),
        row(LEVEL, 8, ASK, 100, 0, flags=0),
        row(LEVEL, 8, ASK, 104, 5),
    )
    for cuts in ([], [4], [3, 9], range(1, 13)):
        tape = read_tape(np.split(events, list(cuts)), l3=False)
        assert list(zip(tape.times_ns.tolist(), tape.mid2.tolist(), strict=True)) == [
            (2, 203),
            (3, 204),
            (5, 0),
            (8, 204),
        ]
        assert tape.trade_ns.tolist() == [1, 6]
        assert tape.trade_price.tolist() == [101, 101]
        assert tape.trade_side.tolist() == [BID, ASK]


def test_best_prices_are_a_touch_without_any_depth() -> None:
    pairs = [(10, 100, 102), (20, 101, 102), (30, 101, 101)]
    rows = [
        made
        for time, bid, ask in pairs
        for made in (row(BEST, time, BID, bid, 1, flags=0), row(BEST, time, ASK, ask, 1))
    ]
    tape = read_tape([events_of(*rows)], l3=False)
    assert tape.mid2.tolist() == [202, 203, 0]


def test_order_level_books_are_followed_and_prints_from_bars_are_not() -> None:
    events = events_of(
        row(CLEAR, 1, flags=0),
        row(ADD, 1, BID, 100, 5, 1, flags=0),
        row(ADD, 1, ASK, 104, 5, 2),
        row(ADD, 2, BID, 101, 1, 3),
        row(DELETE, 3, BID, 101, 1, 3),
        row(DELETE, 4, BID, 101, 1, 99),  # an order never seen
        row(TRADE, 5, BID, 104, 1, flags=LAST | FROM_BARS),
    )
    tape = read_tape([events], l3=True)
    assert tape.mid2.tolist() == [204, 205, 204]
    assert len(tape.trade_ns) == 0


def test_nothing_is_a_tape_of_nothing() -> None:
    assert [len(column) for column in read_tape([], l3=False)] == [0] * 5


def test_recording_of_trades_alone_is_refused_and_progress_reaches_the_end(tmp_path: Path) -> None:
    instrument = find_instrument("binance-spot", "BTCUSDT")
    events = events_of(*(row(TRADE, 10**18 + i * 10**9, BID, 6_000_000, 1) for i in range(100)))
    store_events(tmp_path, instrument, [events], dict, "none")
    dataset = Store(tmp_path).dataset(instrument.name)
    steps: list[tuple[int, int]] = []
    with pytest.raises(InputError, match="no order book"):
        calibrate_dataset(dataset, lambda done, total: steps.append((done, total)))
    assert steps[-1] == (100, 100)


def test_order_level_recording_is_calibrated_from_few_orders_with_wide_intervals(
    shared_data: Path, tmp_path: Path
) -> None:
    instrument = find_instrument("bitstamp", "BTCUSD")
    import_recording(tmp_path, "bitstamp-l3", [shared_data / "tick" / "bitstamp_l3_20260502"], instrument)
    found = calibrate_dataset(Store(tmp_path).dataset(instrument.name))
    assert found.seconds == pytest.approx(1_800, abs=20)
    assert found.inside == 0
    assert 0.1 < found.sigma.value < 1.0
    assert found.k.high > 1.5 * found.k.low
