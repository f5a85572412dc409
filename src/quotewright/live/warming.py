"""Compiling what reads a feed before it is connected: the first message would otherwise wait for the compiler."""

from __future__ import annotations

from quotewright.domain.instrument import Instrument
from quotewright.importers.binance_stream import BEST, DEPTH, TRADES, Room, SymbolStream


def warm_feed(instrument: Instrument) -> None:
    """Read one message of each kind with a stream that is then thrown away; compiled code is kept on the disk."""
    stream = SymbolStream(instrument, 0, Room(), lambda events, now: None)
    symbol, tick, lot = instrument.symbol.upper(), instrument.price_step.format(1), instrument.qty_step.format(1)
    above = instrument.price_step.format(2)
    wrapped = '{{"stream":"{}@{}","data":{}}}'
    bids, asks = f'[["{tick}","{lot}"]]', f'[["{above}","{lot}"]]'
    levels = f'"b":{bids},"a":{asks}'
    depths = [f'{{"e":"depthUpdate","E":{at},"s":"{symbol}","U":{at},"u":{at},{levels}}}' for at in (2, 3, 4)]
    trade = f'{{"e":"trade","E":4,"s":"{symbol}","t":1,"p":"{tick}","q":"{lot}","T":4,"m":true,"M":true}}'
    best = f'{{"u":4,"s":"{symbol}","b":"{tick}","B":"{lot}","a":"{above}","A":"{lot}"}}'
    name = symbol.lower()
    stream.take(DEPTH, wrapped.format(name, "depth@100ms", depths[0]).encode(), 1)
    stream.snapshot(f'{{"lastUpdateId":1,"bids":{bids},"asks":{asks}}}'.encode(), 2)
    for now, (kind, suffix, data) in enumerate(
        ((DEPTH, "depth@100ms", depths[1]), (TRADES, "trade", trade), (BEST, "bookTicker", best))
    ):
        stream.take(kind, wrapped.format(name, suffix, data).encode(), 3 + now)
    stream.take(DEPTH, wrapped.format(name, "depth@100ms", depths[2]).encode(), 9)
