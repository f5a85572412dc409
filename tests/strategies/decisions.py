"""Decide on given views with every catalogue strategy, in whatever mode numba is in; run as a script, over a folder.

    python decisions.py FOLDER

FOLDER holds NAME.views.npy (VIEW) and NAME.params.npy (a row of parameters a view) for each strategy; NAME.targets.npy
(TARGET) is written beside them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from quotewright.domain.kernel import as_records
from quotewright.domain.quotes import TARGET, VIEW
from quotewright.domain.strategy import MEMORY_BYTES, Strategy
from quotewright.engine.functions import compile_decision
from quotewright.strategies.catalogue import CATALOGUE


def decide_all(strategy: Strategy, views: Any, params: Any) -> Any:
    """The target for each view, each with an empty memory."""
    decide = compile_decision(strategy)
    targets = np.zeros(len(views), dtype=TARGET)
    given, written = as_records(views), as_records(targets)
    for i in range(len(views)):
        decide(given[i], params[i], np.zeros(MEMORY_BYTES // 8), written[i])
    return targets


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for name, strategy in CATALOGUE.items():
        given_views = np.load(folder / f"{name}.views.npy").view(VIEW)  # numpy drops the alignment flag
        given_params = np.load(folder / f"{name}.params.npy")
        np.save(folder / f"{name}.targets.npy", decide_all(strategy, given_views, given_params))
