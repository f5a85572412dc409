"""What a strategy reads (VIEW) and writes (TARGET).

Prices are integer ticks and quantities integer lots; the `float` fields are for models.
"""

import numpy as np

MOST_QUOTES = 32  # quotes a side in one target
MOST_FEATURES = 32  # slots of shared features

VIEW = np.dtype(
    [
        ("time", "i8"),  # local time of the decision, ns
        ("start", "i8"),  # local time of the session's first event, ns
        ("bid", "i8"),  # best bid, ticks; 0 when the side is empty
        ("ask", "i8"),  # best ask, ticks; 0 when the side is empty
        ("bid_qty", "i8"),  # lots at the best bid; in a live session without our own
        ("ask_qty", "i8"),  # lots at the best ask
        ("last_price", "i8"),  # last trade, ticks; 0 before the first
        ("last_qty", "i8"),
        ("last_side", "i8"),  # taker's side: BID or ASK
        ("instrument", "i8"),
        ("agent", "i8"),
        ("fills", "i8"),  # fills of this agent on this instrument so far
        ("mid", "f8"),  # (best bid + best ask) / 2, in the quote asset
        ("inventory", "f8"),  # position, in lots (a base-asset fee makes it fractional)
        ("tick", "f8"),  # quote asset per tick
        ("lot", "f8"),  # quantity per lot
        ("lot_value", "f8"),  # notional of one lot at the mid, in the quote asset
        ("features", "f8", (MOST_FEATURES,)),  # slots as in features.slots; NaN: not known
    ],
    align=True,
)

TARGET = np.dtype(
    [
        ("bids", "i8"),  # quotes wanted on the bid side, 0..MOST_QUOTES
        ("asks", "i8"),
        ("bid_price", "i8", (MOST_QUOTES,)),  # ticks
        ("bid_qty", "i8", (MOST_QUOTES,)),  # lots
        ("ask_price", "i8", (MOST_QUOTES,)),
        ("ask_qty", "i8", (MOST_QUOTES,)),
        ("take_generation", "i8"),  # 1 and up; a higher value starts a new take, the same value never repeats one
        ("take_side", "i8"),  # BID buys, ASK sells
        ("take_qty", "i8"),  # goal of this generation, lots
        ("take_limit", "i8"),  # worst price, ticks
    ],
    align=True,
)

# When a decision is due; a strategy declares the sum of those it wants.
ON_TIMER = 1
ON_FILL = 2
ON_TOUCH = 4  # the best bid or ask, or the size there, changed
ON_TRADE = 8
