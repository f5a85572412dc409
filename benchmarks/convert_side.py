"""One conversion of a raw capture, in a process of its own: `convert_side.py ours|peer SMALL.gz LARGE.gz FOLDER`.

The small capture is converted first, so that no compiling is in the time. Prints JSON: the CPU seconds, and the rows
of depth and trades stored.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path


def ours(capture: Path, to: Path) -> int:
    """Into a store, with its checks and quality figures."""
    from quotewright.domain.catalogue import find_instrument
    from quotewright.sessions.importing import import_recording

    report = import_recording(to, "binance-ws", [capture], find_instrument("binance-usdm", "BTCUSDT"))
    kinds = report["quality"]["rows_by_kind"]
    return kinds["LEVEL"] + kinds["TRADE"]


def peer(capture: Path, to: Path) -> int:
    """Into a compressed npz, in memory as its converter does it."""
    import numpy as np
    from hftbacktest.data.utils.binancefutures import convert
    from hftbacktest.types import DEPTH_CLEAR_EVENT

    data = convert(str(capture), str(to) + ".npz")
    return int(np.count_nonzero((data["ev"] & 0xFF) != DEPTH_CLEAR_EVENT))


def main() -> None:
    """Warm up, then convert."""
    side: Callable[[Path, Path], int] = {"ours": ours, "peer": peer}[sys.argv[1]]
    small, large, folder = map(Path, sys.argv[2:])
    side(small, folder / "small")
    start = time.process_time()
    rows = side(large, folder / "large")
    print(json.dumps({"cpu": time.process_time() - start, "rows": rows}))


if __name__ == "__main__":
    main()
