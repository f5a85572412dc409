"""A slow view and the skew of the book in one market maker, and what each of them contributed."""

import sys
import tempfile
from pathlib import Path

import numpy as np

from quotewright.features.matrix import features_of
from quotewright.features.settings import FeatureSettings
from quotewright.features.state import View
from quotewright.sessions.outside import Outside
from quotewright.sessions.synthetic import make_market
from quotewright.storage.feed import windows
from quotewright.storage.store import Dataset, Store
from quotewright.studies.merging import Session, merge

MARKETS, SECONDS = (12, 600) if "full" in sys.argv[1:] else (3, 120)
BASE = {
    "order_notional": 600.0,
    "max_inventory": 10.0,
    "sigma": 0.1,
    "k": 20.0,
    "A": 5.0,
    "gamma": 1.0,
    "heed_stress": 0.0,
}
PARTS = {
    "slow view": {"view_target": 3.0},
    "book skew": {"signal_skew": 0.05},
    "queue imbalance": {"signal_queue": 0.05},
}


def trend(dataset: Dataset) -> View:
    """Every ten seconds, known at once: whether the mid rose (1) or fell (−1) over the last half minute."""
    seen = features_of((window.local for window in windows([dataset])), FeatureSettings())
    times = np.arange(seen.times[0] + 30 * 10**9, seen.times[-1], 10**10)
    now, before = (seen.mid2[np.searchsorted(seen.times, times - back, "right") - 1] for back in (0, 30 * 10**9))
    return View(times, np.sign(now - before).astype(np.float64))


with tempfile.TemporaryDirectory() as folder:
    sessions = []
    for seed in range(1, MARKETS + 1):
        market = Path(folder) / str(seed)
        name = make_market(market, "calm", seed, SECONDS)
        dataset = Store(market).dataset(name)
        sessions.append(Session(dataset, Outside(views={dataset.name: trend(dataset)})))
    merged = merge("composed", BASE, PARTS, sessions)

print(f"Profit in USDT on {MARKETS} calm markets of {SECONDS} s; every subset of the parts traded in one pass.")
print(merged.markdown())
