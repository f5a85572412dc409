"""Decimal strings become integers exactly, or are refused; money adds up to the last unit."""

from quotewright.domain.catalogue import find_instrument
from quotewright.domain.errors import ParseError

perpetual = find_instrument("binance-coinm", "BTCUSD_PERP")
price = perpetual.price_ticks("61837.6")
lots = perpetual.qty_lots("7")
print(f"{price} ticks of {perpetual.tick}, {lots} lots, settled in {perpetual.settle}")

spot = find_instrument("binance-spot", "BTCUSDT")
filled = [spot.qty_lots("0.004"), spot.qty_lots("0.006")]
print(f"0.004 + 0.006 = {spot.position(sum(filled) * spot.atoms_per_lot)} {spot.base}, exactly")

for text in ("61837.635", "6.18e4", "61,837.6", "NaN"):
    try:
        spot.price_ticks(text)
    except ParseError as error:
        print(f"refused: {error}")
