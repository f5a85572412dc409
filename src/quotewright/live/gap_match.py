"""Fills of a session and of its replay, put side by side: the same side, close in time, at the same price first."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from quotewright.domain.journal import Record
from quotewright.live.recorded import Table


class Match(NamedTuple):
    """`lots` of the session's fill number `live` are lots of the replay's fill number `replay`."""

    live: int
    replay: int
    lots: int


class Matched(NamedTuple):
    """What agrees, and the lots of every fill that do not."""

    pairs: list[Match]
    only_live: list[int]
    only_replay: list[int]


def match_fills(live: Table, replay: Table, window_ns: int) -> Matched:
    """Match two legs' FILL records, each in order of time, lot by lot: the earliest with the earliest.

    First those of equal side and price no further apart than `window_ns`, then what is left of equal side alone.
    """
    left = [live["qty"].tolist(), replay["qty"].tolist()]
    times = [live["ts"].tolist(), replay["ts"].tolist()]
    pairs: list[Match] = []
    for fields in (("side", "price"), ("side",)):
        groups: dict[tuple[int, ...], tuple[list[int], list[int]]] = {}
        for which, fills in enumerate((live, replay)):
            keys = zip(*(fills[field].tolist() for field in fields), strict=True)
            for number, key in enumerate(keys):
                if left[which][number]:
                    groups.setdefault(key, ([], []))[which].append(number)
        for ours, theirs in groups.values():
            pairs += _walk(ours, theirs, times, left, window_ns)
    return Matched(pairs, left[0], left[1])


def _walk(
    ours: list[int], theirs: list[int], times: list[list[int]], left: list[list[int]], window: int
) -> list[Match]:
    found: list[Match] = []
    a = b = 0
    while a < len(ours) and b < len(theirs):
        i, j = ours[a], theirs[b]
        apart = times[1][j] - times[0][i]
        if abs(apart) <= window:
            lots = min(left[0][i], left[1][j])
            found.append(Match(i, j, lots))
            left[0][i] -= lots
            left[1][j] -= lots
        a += apart > window or not left[0][i]
        b += apart < -window or not left[1][j]
    return found


def waited(rows: Table, fills: Table) -> Table:
    """Of each fill, the time since its order was accepted, or sent where no acceptance was heard, ns; -1: neither."""
    since: dict[int, int] = {}
    for kind in (Record.PLACE, Record.ACCEPTED):
        mine = rows[rows["kind"] == kind][::-1]  # the first acceptance counts, not what is told again after a doubt
        since.update(zip(mine["order"].tolist(), mine["ts"].tolist(), strict=True))
    pairs = zip(fills["order"].tolist(), fills["ts"].tolist(), strict=True)
    return np.array([at - since[order] if order in since else -1 for order, at in pairs], np.int64)
