"""Putting a recording's two times in order: compiled, one pass, in place.

- Venue time never goes back within a stream (depth, trades, best prices, funding): an update takes the latest
  venue time of the streams that its rows belong to, if that is later than its own.
- Home time is the recorded local time plus the clock offset, at least the venue time, and never goes back.
- The rows of an update, and so its runs, share both times: sorting by either never splits or reorders one.
"""

# pyright: basic
# numba has no type stubs, and records have fields that no type checker sees.

from __future__ import annotations

from typing import Any

import numpy as np

from quotewright.domain.events import LAST
from quotewright.domain.kernel import kernel

TIMELINE = np.dtype(
    [
        ("stream_time", "i8", (4,)),  # latest venue time, by stream
        ("home_time", "i8"),
        ("received", "i8"),  # latest local time, as recorded
        ("lag", "i8"),  # most that an update's venue time lies behind `received`
        ("updates", "i8"),
        ("venue_raised", "i8"),  # updates whose venue time went back in their stream
        ("home_clamped", "i8"),  # updates that would have come home before their venue time
        ("home_raised", "i8"),  # updates that would have come home before the one ahead of them
        ("uneven", "i8"),  # 1 + index of a run whose times are not its update's; 0: none
    ],
    align=True,
)


@kernel
def put_in_order(
    exch_ts: Any, local_ts: Any, kind: Any, flags: Any, timelines: Any, stream_of: Any, offset: int
) -> int:
    """Set both times of whole updates, given by the columns of their runs; returns how many runs that were.

    It stops before an update that is not complete, and at one whose runs differ in time (see `uneven`).
    """
    line = timelines[0]
    stream_time = line.stream_time
    received, lag, home_time = line.received, line.lag, line.home_time
    updates = venue_raised = home_clamped = home_raised = 0
    start = 0
    for end in range(len(exch_ts)):
        if exch_ts[end] != exch_ts[start] or local_ts[end] != local_ts[start]:
            line.uneven = end + 1
            break
        if flags[end] & LAST == 0:
            continue
        recorded, local = exch_ts[start], local_ts[start]
        venue = recorded
        for i in range(start, end + 1):
            venue = max(venue, stream_time[stream_of[kind[i]]])
        venue_raised += venue > recorded
        received = max(received, local)
        if (updates == 0 and line.updates == 0) or received - venue > lag:
            lag = received - venue
        home = local + offset
        if home < venue:
            home = venue
            home_clamped += 1
        if home < home_time:
            home = home_time
            home_raised += 1
        home_time = home
        updates += 1
        for i in range(start, end + 1):
            stream_time[stream_of[kind[i]]] = venue
            exch_ts[i] = venue
            local_ts[i] = home
        start = end + 1
    line.received, line.lag, line.home_time = received, lag, home_time
    line.updates += updates
    line.venue_raised += venue_raised
    line.home_clamped += home_clamped
    line.home_raised += home_raised
    return start
