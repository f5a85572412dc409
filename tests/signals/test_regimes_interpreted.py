"""The kernels of regimes, lags, stale quotes and the index give the same bits interpreted as compiled."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import numpy as np
from quotewright.domain.events import ASK, BEST, BID, TRADE, empty_events
from quotewright.domain.kernel import as_records, records
from quotewright.market.consolidated import ConsolidatedBook
from quotewright.market.fee_netted import VenueTerms, netting_table
from quotewright.market.index import INDEX, INDEX_WORK, index_path, index_rules, index_venues
from quotewright.signals.lead_lag import lead_lag
from quotewright.signals.regime import CLOCK, OBSERVATION, QUOTE, clock_rules, observations
from quotewright.signals.regime_changes import CHANGE_STATE, change_labels, change_rules
from quotewright.signals.regime_markov import MARKOV_STATE, markov_labels
from quotewright.signals.regime_thresholds import THRESHOLD_STATE, learn_thresholds, threshold_labels
from quotewright.signals.regime_training import fit_markov
from quotewright.signals.stale import STALE_STATE, VENUE_QUOTE, stale_codes, stale_rules
from quotewright.signals.stress import stress_actions, stress_rules

rng = np.random.default_rng(2)
shown, n = [], 240
times = np.cumsum(rng.integers(10**7, 10**9, n))

quotes, out = records(n, QUOTE), records(n, OBSERVATION)
quotes["time"], quotes["mid"] = times, 100 + np.cumsum(rng.normal(0, 0.01, n))
quotes["spread"], quotes["depth"] = rng.uniform(1, 3, n), rng.uniform(1, 9, n)
count = observations(records(1, CLOCK), clock_rules(warm_up=3), quotes, out)
measures = np.array(out["measures"][:count])
shown.append(measures)

labels, beliefs = np.empty(count, np.int64), np.empty((count, 3))
threshold_labels(records(1, THRESHOLD_STATE), learn_thresholds(measures), measures, labels)
shown.append(labels.copy())
model = fit_markov(measures, rounds=4).model
markov_labels(records(1, MARKOV_STATE), model.rules(), measures, labels, beliefs)
shown += [labels.copy(), beliefs, model.moves, model.means]
few, values = measures[:12, 0].copy(), np.empty((2, 12))
rules = change_rules(expected_run=9, mean=0, spread=2, noise=1, up=(0, 1), down=(0, 1))
change_labels(records(1, CHANGE_STATE), rules, few, labels[:12], values[0], values[1])
shown += [labels[:12].copy(), values]
ratios = np.abs(rng.normal(2, 3, (n, 4))) * [1, 1, 1, 0.1]
actions = np.empty(n, np.int64)
stress_actions(stress_rules(), rng.integers(0, 3, n), ratios, 0, actions)
shown.append(actions)

curve = lead_lag(times, quotes["mid"], np.sort(times + 10**8), quotes["mid"][::-1], np.arange(-3, 4) * 10**8)
shown.append(curve.correlations)
pairs, codes, gaps = records(n, VENUE_QUOTE), np.empty(n, np.int64), np.empty(n)
pairs["time"], pairs["who"], pairs["bid"] = times, rng.integers(0, 2, n), quotes["mid"]
pairs["ask"] = pairs["bid"] + 0.02
stale_codes(records(1, STALE_STATE), stale_rules(warm_up=2, margin=1e-5), pairs, codes, gaps)
shown += [codes, gaps]

table = netting_table([VenueTerms(f"v{i}", "0.01", "0.001", "0.0001", f"0.000{i + 2}") for i in range(4)])
events, index = as_records(empty_events(n)), records(40, INDEX)
events["exch_ts"] = events["local_ts"] = times
events["instrument"], events["kind"] = rng.integers(0, 4, n), rng.choice([TRADE, BEST], n)
events["side"], events["price"] = rng.choice([BID, ASK], n), rng.integers(9900, 10100, n)
events["qty"] = rng.integers(1, 500, n)
index_path(index_venues([0, 5, 0, -5]), table.rows, index_rules(), events, times[::6], records(4, INDEX_WORK), index)
shown += [index[name].astype(np.float64) for name in INDEX.names]
view = ConsolidatedBook(table.rows, [0] * 4, 10**9)
for v in range(4):
    for side in (BID, ASK):
        view.put(v, 5, side, 10_000 - side * (v + np.arange(1, 9)), rng.integers(1, 50, 8))
shown += [view.side(BID, 9)["net"], view.side(ASK, 9)["venue"], view.edge(9)]
text = "\\n".join(" ".join(float(v).hex() for v in np.ravel(part)) for part in shown)
"""


def test_compiled_and_interpreted_agree_to_the_last_bit() -> None:
    names: dict[str, str] = {}
    exec(PROGRAM, names)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM + "\nprint(text)"],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines() == names["text"].splitlines()
