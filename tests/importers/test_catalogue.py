"""The catalogue of instruments: every entry is sound, and versions are found by time."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from quotewright.domain.catalogue import find_instrument, known_instruments
from quotewright.domain.errors import InputError
from quotewright.domain.instrument import PLAUSIBLE, Instrument

RECORDED = [
    "binance-spot:BTCUSDT", "binance-spot:ETHUSDT", "binance-usdm:BTCUSDT", "binance-usdm:ETHUSDT",
    "binance-coinm:BTCUSD_PERP", "binance-coinm:ETHUSD_PERP", "bitstamp:BTCUSD", "bitmex:XBTUSD",
    "deribit:BTC-PERPETUAL", "huobi-dm-swap:BTC-USD",
]  # fmt: skip


@pytest.mark.parametrize("name", RECORDED)
def test_every_recorded_instrument_is_known(name: str) -> None:
    instrument = find_instrument(*name.split(":"))
    assert instrument.name == name
    record = instrument.to_record(3)
    assert int(record["taker_rate"][0]) > 0
    assert int(record["max_price"][0]) > int(record["min_price"][0]) > 0
    assert int(record["max_qty"][0]) > int(record["min_qty"][0])


def test_versions_of_one_name_follow_each_other() -> None:
    names = {instrument.name for instrument in known_instruments()}
    assert names >= set(RECORDED)
    for name in names:
        versions = [instrument for instrument in known_instruments() if instrument.name == name]
        assert versions[0].valid_from == 0
        assert versions[-1].valid_to == 0
        for before, after in pairwise(versions):
            assert before.valid_to == after.valid_from > 0


def test_the_version_is_found_by_time() -> None:
    assert find_instrument("binance-usdm", "BTCUSDT").tick == "0.1"
    assert find_instrument("binance-usdm", "BTCUSDT", 1598918403696000000).tick == "0.01"
    assert find_instrument("binance-usdm", "BTCUSDT", 1723161253937085768).tick == "0.1"
    assert find_instrument("binance-usdm", "BTCUSDT", 1640995200000000000).tick == "0.1"


def test_contract_sizes() -> None:
    assert find_instrument("binance-coinm", "BTCUSD_PERP").contract_size == "100"
    assert find_instrument("binance-coinm", "ETHUSD_PERP").contract_size == "10"
    assert find_instrument("binance-coinm", "ETHUSD_PERP").settle == "ETH"


def test_an_unknown_name_is_told_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"known are binance-spot:BTCUSDT, binance-spot:ETHUSDT$"):
        find_instrument("binance-spot", "DOGEUSDT")
    with pytest.raises(InputError, match=r"known are instruments of binance-coinm, .*, instruments of phemex$"):
        find_instrument("mtgox", "BTCUSD")


def test_a_largest_amount_is_stated_only_where_the_steps_are_too_fine() -> None:
    """Without it such an instrument is refused; with it, manifests of all the others stay what they were."""
    fine = find_instrument("kraken", "ADAXBT")
    assert fine.largest_amount == "100"
    assert fine.to_dict()["largest_amount"] == "100"
    assert Instrument(**fine.to_dict()) == fine
    with pytest.raises(InputError, match="10000000 XBT overflow 64 bits"):
        replace(fine, largest_amount=str(PLAUSIBLE))
    with pytest.raises(InputError, match="1000 XBT overflow 64 bits"):
        replace(fine, largest_amount="1000")
    assert "largest_amount" not in find_instrument("kraken", "XBTCHF").to_dict()
