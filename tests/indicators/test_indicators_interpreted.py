"""The indicators give the same bits interpreted as compiled."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import numpy as np
from quotewright.indicators.catalogue import FEATURES, series_features
from quotewright.indicators.stream import compute

rng = np.random.default_rng(1)
close = np.round(100 * np.exp(np.cumsum(rng.normal(0, 0.03, 150))), 1)
bars = {
    "high": np.round(close + rng.random(150), 1),
    "low": np.round(close - rng.random(150), 1),
    "close": close,
    "volume": np.round(rng.random(150), 1),
    "funding": rng.normal(0, 1e-4, 150),
}
bars["close"][100] = np.nan
bars["volume"][110] = np.nan
bars["funding"][:9] = np.nan
found = compute(bars, [*FEATURES, *series_features("funding")])
text = "\\n".join(" ".join(float(value).hex() for value in row) for row in found)
"""


def test_compiled_and_interpreted_agree_to_the_last_bit() -> None:
    names: dict[str, str] = {}
    exec(PROGRAM, names)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM + "\nprint(text)"],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines() == names["text"].splitlines()
