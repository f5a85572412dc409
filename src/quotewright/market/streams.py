"""Which rows of an instrument keep their order among themselves, by the venue's time.

A venue sends depth, trades, best prices and funding side by side, and promises an order only within each.
"""

from __future__ import annotations

import numpy as np

from quotewright.domain.events import BEST, FUNDING, TRADE

STREAMS = ("depth", "trade", "best", "funding")

STREAM_OF_KIND = np.zeros(256, np.int64)
"""Index into STREAMS by event kind; as long as a kind's byte can count, so that no kind reads outside it."""
STREAM_OF_KIND[TRADE] = 1
STREAM_OF_KIND[BEST] = 2
STREAM_OF_KIND[FUNDING] = 3
