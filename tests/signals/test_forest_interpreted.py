"""Models give the same bits interpreted as compiled."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys

PROGRAM = """
import numpy as np
from quotewright.inference.compiled import Ending, Tree, compiled_forest, compiled_linear
from quotewright.signals.model_links import ISOTONIC, LOGISTIC, LOGISTIC_SINGLE, PLATT

rng = np.random.default_rng(1)
trees = []
for _ in range(11):
    left, right = np.array([1, 3, -1, -1, -1]), np.array([2, 4, -1, -1, -1])
    trees.append(Tree(rng.integers(0, 3, 5), rng.normal(size=5), left, right, rng.normal(size=5), rng.random(5) < 0.5))
rows = rng.normal(size=(60, 3))
rows[::7, 1] = np.nan
line = {"places": np.array([-1.0, 0.5, 2.0]), "heights": np.array([0.1, 0.3, 0.9])}
for ending in (Ending(LOGISTIC), Ending(LOGISTIC_SINGLE), Ending(0, PLATT, -0.4, 0.1), Ending(0, ISOTONIC, **line)):
    for narrow in (False, True):
        model = compiled_forest("m", "classifier", "abc", trees, ending, base=0.25, divisor=3.0, narrow=narrow)
        print(model.predict(rows).tobytes().hex(), model.leaves(rows).tobytes().hex())
    scaling = rng.normal(size=3), np.full(3, 3.0)
    linear = compiled_linear("m", "classifier", "abc", rng.normal(size=3), 0.1, scaling, ending)
    print(linear.predict(rows).tobytes().hex())
"""


def test_the_same_bits() -> None:
    compiled = io.StringIO()
    with contextlib.redirect_stdout(compiled):
        exec(PROGRAM, {})
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    command = [sys.executable, "-c", PROGRAM]
    interpreted = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert len(interpreted.split()) == 20
    assert compiled.getvalue() == interpreted
