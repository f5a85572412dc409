"""Memory that a replay takes over its events, in a process of its own: `memory_side.py SMALL.npy LARGE.npy`.

A small feed warms the process up; what is resident then is the idle process. Then the large feed is loaded and the
maker replayed over it. Prints JSON, in bytes: idle, the event array, and the peak while replaying.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from feed import Feed
from ours import Ours

from quotewright.domain.events import EVENT

MAKER = {"lots": 1, "most_lots": 50, "half_spread": 1}
LATENCY = 5_000_000


def load(file: str) -> Feed:
    """A feed of which only the events and the first touch are known."""
    events = np.load(file).view(EVENT)  # numpy forgets that records are aligned
    bids, asks = (events["price"][1:400][events["side"][1:400] == side] for side in (1, -1))
    return Feed(events, int(bids.max()), int(asks.min()), 0, 0)


def resident(field: str) -> int:
    """VmRSS or VmHWM of this process, bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"this system does not tell {field}")


def replay(feed: Feed) -> Any:
    """The maker over the feed, its journal counted and let go of."""
    ready = Ours(feed, [MAKER], LATENCY, keep=False)
    ready.run()
    return ready.outcome()


def main() -> None:
    """Warm up, measure."""
    replay(load(sys.argv[1]))
    idle = resident("VmRSS")
    feed = load(sys.argv[2])
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    outcome = replay(feed)
    print(json.dumps({"idle": idle, "array": feed.events.nbytes, "peak": resident("VmHWM"), "outcome": outcome}))


if __name__ == "__main__":
    main()
