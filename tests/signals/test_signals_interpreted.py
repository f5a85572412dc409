"""The kernels give the same bits interpreted as compiled."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import numpy as np
from quotewright.signals import hawkes
from quotewright.signals.fates import fates
from quotewright.signals.hawkes import Hawkes
from quotewright.signals.imbalance import order_flow, order_flow_state, trade_flow, trade_flow_state
from quotewright.signals.microprice import fit, microprice
from quotewright.signals.queue_value import QueueModel, best_places, queue_value
from quotewright.signals.volatility_stream import volatility, volatility_state
from quotewright.signals.vpin import vpin, vpin_state

rng = np.random.default_rng(1)
shown = []

model = Hawkes(np.array([0.5, 0.4]), np.array([[0.6, 0.2], [0.1, 0.5]]), np.array([1.5]))
times, types = hawkes.simulate(model, 150.0, rng.random)
value, gradient, hessian = hawkes.log_likelihood(model, times, types, 150.0)
shown += [times, types, [value], gradient, hessian, hawkes.residuals(model, times, types, 150.0)]

bids = 1_000 + np.cumsum(rng.integers(-1, 2, (300, 2)), axis=0)
asks = bids + rng.integers(1, 4, (300, 2))
qtys = rng.integers(1, 30, (4, 300, 2))
shown.append(order_flow(order_flow_state(), bids, qtys[0], asks, qtys[1]))
clock = np.cumsum(rng.integers(0, 9, 300))
side = rng.choice([1, -1], 300)
shown.append(trade_flow(trade_flow_state(), clock, side, qtys[2, :, 0], 20))
shown.append(vpin(vpin_state(), qtys[0, :, 0], qtys[1, :, 0], 50, 5))
touch = bids[:, 0], asks[:, 0], qtys[0, :, 0], qtys[1, :, 0]
chain = fit(*touch, buckets=3, spreads=2)
shown += [chain.adjustment, chain.error, microprice(chain, *touch)]
shown.append(volatility(volatility_state(), clock, bids[:, 0] + asks[:, 0], 7, 10.0))
queue = queue_value(QueueModel(1.0, 0.05, 0.2, 0.05, 1.2, np.array([0.6, 0.4])), 20)
shown.append(best_places(queue, side * 3, qtys[3, :, 0], rng.random(300), 0.1, 1 + side))
ends = clock + 40
shown += list(fates(clock, side, bids[:, 0], qtys[3, :, 1], ends, clock, bids[:, 1], -side, qtys[2, :, 1]))
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
