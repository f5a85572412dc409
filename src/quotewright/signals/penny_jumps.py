"""Penny-jumping, event by event: who improves on whom by a tick, who comes back, and at what price one gives up.

A *jump* is a new best price a tick (or a few) better than one that still stands. The one who was jumped *returns* if
the next jump is its own: an order of the same size left its place just before or just after. Jumps that follow each
other within a reaction time are one *episode*; its last price is where the runner-up capitulated.

On order-level data the order that left is compared by id. On levels a player is known by the size it moves with.
One WATCH record a side; gone and posted lots are noted as they come, and the best is judged at the end of an update.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from quotewright.domain.kernel import subkernel

RECENT = 32  # removals remembered on a side
SIZES = 64  # classes that sizes are counted in
LEAST_TOLERANCE = 1e-6

WATCH = np.dtype(
    [
        ("side", "i8"),
        ("best", "i8"),  # ticks; 0 while unknown
        ("best_qty", "i8"),
        ("best_order", "i8"),  # the order that made it best; 0 unknown
        ("began", "i8"),  # ns, of the first judgement
        ("jumps", "i8"),  # of the whole watch
        ("last", "i8"),  # ns, of the last jump
        ("sizes", "i8", (SIZES,)),  # of jumping orders, by class
        ("posted", "i8"),  # 1: this update posted better than the best, below
        ("post_price", "i8"),
        ("post_qty", "i8"),
        ("post_order", "i8"),
        ("post_returns", "i8"),  # 1: it came from where the runner-up was
        ("gone", "i8"),  # removals so far, the last RECENT of them below
        ("gone_time", "i8", (RECENT,)),
        ("gone_price", "i8", (RECENT,)),
        ("gone_qty", "i8", (RECENT,)),
        ("gone_order", "i8", (RECENT,)),  # -1 once an order of the same size came after it
        ("left", "i8"),  # how often a runner-up left its place, other than to go elsewhere
        ("waited", "i8"),  # ns that runners-up were watched for it
        ("episodes", "i8"),
        ("open", "i8"),  # 1: an episode is running, below
        ("opened", "i8"),  # ns
        ("length", "i8"),  # its jumps
        ("returns", "i8"),  # of these, by whoever was jumped last
        ("from_price", "i8"),  # the price that was jumped first
        ("leader_price", "i8"),
        ("leader_qty", "i8"),
        ("leader_order", "i8"),
        ("runner_price", "i8"),  # who the leader jumped
        ("runner_qty", "i8"),
        ("runner_order", "i8"),
        ("runner_at", "i8"),  # where it is now
        ("third_at", "i8"),  # who the runner-up had jumped
        ("third_order", "i8"),
        ("stranger", "i8"),  # 1: the leader has not been seen to leave the third's place
        ("fell_back", "i8"),  # ticks
        ("returned_late", "i8"),  # 1: the last removal showed that the leader was a player who had returned
        ("chance", "f8"),  # that the leader's jump looked like a return by accident
        ("surprise", "f8"),  # Σ −ln chance
    ],
    align=True,
)

JUMP = np.dtype(
    [
        ("time", "i8"),  # ns
        ("side", "i8"),
        ("price", "i8"),  # ticks
        ("ticks", "i8"),  # better than the best before
        ("gap", "i8"),  # ns since the side's last jump; 0 for the first
        ("order", "i8"),  # 0 on levels
        ("qty", "i8"),
        ("over_order", "i8"),  # who was jumped; 0 unknown
        ("over_qty", "i8"),  # lots of the level that was jumped
        ("returned", "i8"),  # 1: by whoever the last jump was over
        ("episode", "i8"),  # number on its side, from 1
        ("quick_chance", "f8"),  # of so short a gap between independent jumps at the rate so far
        ("return_chance", "f8"),  # that it looked like a return by accident
    ],
    align=True,
)

EPISODE = np.dtype(
    [
        ("side", "i8"),
        ("began", "i8"),  # ns, of the first jump
        ("ended", "i8"),  # ns, of the last
        ("jumps", "i8"),
        ("returns", "i8"),
        ("from_price", "i8"),  # ticks: what was jumped first
        ("capitulation", "i8"),  # ticks: what the runner-up did not beat
        ("winner_qty", "i8"),
        ("winner_order", "i8"),
        ("runner_qty", "i8"),
        ("runner_order", "i8"),
        ("runner_price", "i8"),
        ("fell_back", "i8"),  # ticks that the runner-up went back by; 0 if it was not seen to
        ("number", "i8"),  # on its side
        ("surprise", "f8"),  # nats
    ],
    align=True,
)

CLOSED = 1  # flags that `judge` returns
JUMPED = 2


@subkernel
def _size_class(qty: int, tolerance: float) -> int:
    step = math.floor(math.log(qty) / max(tolerance, LEAST_TOLERANCE))
    return ((step & 0x3FFFFFFF) * 0x9E3779B1 >> 11) & (SIZES - 1)


@subkernel
def _same_size(qty: int, other: int, tolerance: float) -> bool:
    return abs(qty - other) <= tolerance * other


@subkernel
def _same(order: int, other: int) -> bool:
    """Whether two ids may be one order's; 0 is any."""
    return order == other or order == 0 or other == 0


@subkernel
def note_gone(s: Any, time: int, price: int, qty: int, order: int, link: int, tolerance: float) -> None:
    """Lots that left the side, other than by a trade: a whole order, or what a level lost.

    A leader that posted before it cancelled is recognised here, and `s.returned_late` set.
    """
    at = s.gone % RECENT
    s.gone_time[at] = time
    s.gone_price[at] = price
    s.gone_qty[at] = qty
    s.gone_order[at] = order
    s.gone += 1
    s.returned_late = 0
    if order != 0 and order == s.best_order:
        s.best_order = 0
    if s.open == 0:
        return
    if price == s.runner_at and _same(order, s.runner_order):
        s.left += 1
    late = s.stranger == 1 and s.length > 1 and time - s.last <= link
    if late and price == s.third_at and _same(order, s.third_order) and _same_size(qty, s.leader_qty, tolerance):
        s.stranger = 0
        s.returns += 1
        s.returned_late = 1
        s.surprise -= math.log(s.chance)


@subkernel
def _origin(s: Any, time: int, qty: int, link: int, tolerance: float) -> int:
    """Which of the removals an order of `qty` came from, used once; -1 if none.

    Of those of that size (within a fraction `tolerance`) not older than `link` the last in time, and of several at one
    time the first, as a player who moves several orders at once cancels and posts them in one order.
    """
    found = -1
    for back in range(1, min(s.gone, RECENT) + 1):
        at = (s.gone - back) % RECENT
        if time - s.gone_time[at] > link or (found >= 0 and s.gone_time[at] < s.gone_time[found]):
            return found
        if s.gone_order[at] >= 0 and _same_size(s.gone_qty[at], qty, tolerance):
            found = at
    return found


@subkernel
def note_post(s: Any, time: int, price: int, qty: int, order: int, link: int, tolerance: float) -> None:
    """Lots that were posted on the side: a new order, or what a level gained. The runner-up is followed about."""
    from_runner = 0
    origin = _origin(s, time, qty, link, tolerance)
    if origin >= 0:
        was = s.gone_order[origin]
        at_runner = s.gone_price[origin] == s.runner_at and _same(was, s.runner_order)
        at_runner = at_runner and (was != s.leader_order if was != 0 else s.runner_at != s.best)
        s.gone_order[origin] = -1
        if s.open == 1 and at_runner:
            from_runner = 1
            s.left -= 1
    if s.best == 0 or (price - s.best) * s.side > 0:
        if s.posted == 0 or (price - s.post_price) * s.side >= 0:
            s.posted = 1
            s.post_price = price
            s.post_qty = qty
            s.post_order = order
            s.post_returns = from_runner
    elif from_runner == 1:
        s.runner_at = price
        s.runner_order = order
        s.fell_back = max(s.fell_back, (s.runner_price - price) * s.side)


@subkernel
def _close(s: Any, time: int, reaction: int, episode: Any) -> None:
    s.waited += min(time - s.last, reaction)
    episode.side = s.side
    episode.began = s.opened
    episode.ended = s.last
    episode.jumps = s.length
    episode.returns = s.returns
    episode.from_price = s.from_price
    episode.capitulation = s.leader_price
    episode.winner_qty = s.leader_qty
    episode.winner_order = s.leader_order
    episode.runner_qty = s.runner_qty
    episode.runner_order = s.runner_order
    episode.runner_price = s.runner_price
    episode.fell_back = s.fell_back
    episode.number = s.episodes
    episode.surprise = s.surprise
    s.open = 0
    s.fell_back = 0


@subkernel
def _return_chance(s: Any, size_chance: float, link: int, by_size: int) -> float:
    """That an independent jump looks like a return: its size agrees, and the runner-up left within the link time.

    Removals are a Poisson process, at the rate at which runners-up left without returning.
    """
    if by_size == 1:
        return size_chance
    rate = (s.left + 1) / max(s.waited, link, 1)
    return size_chance * max(-math.expm1(-rate * max(link, 1)), 1e-12)


@subkernel
def _jump(s: Any, time: int, best: int, link: int, tolerance: float, by_size: int, jump: Any) -> None:
    """Take in a jump to `best`, which the open episode goes on with, or which opens one."""
    elapsed = max(time - s.began, 1)
    size = _size_class(s.post_qty, tolerance)
    jump.time = time
    jump.side = s.side
    jump.price = best
    jump.ticks = (best - s.best) * s.side
    jump.gap = time - s.last if s.jumps > 0 else 0
    jump.order = s.post_order
    jump.qty = s.post_qty
    jump.over_order = s.best_order
    jump.over_qty = s.best_qty
    jump.quick_chance = -math.expm1(-s.jumps * (jump.gap / elapsed)) if s.jumps > 0 else 1.0
    jump.return_chance = _return_chance(s, (s.sizes[size] + 1) / (s.jumps + 1), link, by_size)
    returned = False
    if s.open == 1:
        returned = _same_size(s.post_qty, s.runner_qty, tolerance) if by_size == 1 else s.post_returns == 1
        s.waited += time - s.last
        s.third_at = s.runner_at
        s.third_order = s.runner_order
        s.surprise -= math.log(max(jump.quick_chance, 1e-300))
        if returned:
            s.returns += 1
            s.surprise -= math.log(jump.return_chance)
    else:
        s.open = 1
        s.episodes += 1
        s.opened = time
        s.length = 0
        s.returns = 0
        s.from_price = s.best
        s.third_at = 0
        s.third_order = 0
        s.surprise = 0.0
    s.length += 1
    s.stranger = 0 if returned else 1
    s.chance = jump.return_chance
    s.fell_back = 0
    s.runner_price = s.best
    s.runner_at = s.best
    s.runner_qty = s.leader_qty if s.length > 1 else s.best_qty
    s.runner_order = s.best_order
    s.leader_price = best
    s.leader_qty = s.post_qty
    s.leader_order = s.post_order
    s.sizes[size] += 1
    s.jumps += 1
    s.last = time
    jump.returned = 1 if returned else 0
    jump.episode = s.episodes


@subkernel
def judge(
    s: Any,
    time: int,
    best: int,
    best_qty: int,
    stands: bool,
    reaction: int,
    link: int,
    tolerance: float,
    most_ticks: int,
    by_size: int,
    episode: Any,
    jump: Any,
) -> int:
    """The end of an update that left `best` the side's best price (0: none); flags CLOSED and JUMPED.

    `stands` says whether the best price before still has lots; `by_size` 1 that a player is known by the size of its
    quote alone, where levels behind the touch are not seen. `episode` and `jump` are filled in as the flags say.
    """
    if s.began == 0:
        s.began = time
    flags = 0
    if s.open == 1 and time - s.last > reaction:
        _close(s, time, reaction, episode)
        flags = CLOSED
    better = (best - s.best) * s.side if best > 0 and s.best > 0 else 0
    jumped = 0 < better <= most_ticks and stands and s.posted == 1 and s.post_price == best
    gone = best == 0 or (s.leader_price - best) * s.side > 0
    if s.open == 1 and ((better > 0 and not jumped) or gone):
        _close(s, time, reaction, episode)
        flags = CLOSED
    if jumped:
        _jump(s, time, best, link, tolerance, by_size, jump)
        flags += JUMPED
    if best != s.best:
        s.best_order = s.post_order if s.posted == 1 and s.post_price == best else 0
    s.best = best
    s.best_qty = best_qty
    s.posted = 0
    return flags


@subkernel
def finish(s: Any, time: int, reaction: int, episode: Any) -> int:
    """Close what is open at the end of a recording, or where the book begins anew; flag CLOSED."""
    s.best = 0
    s.posted = 0
    if s.open == 0:
        return 0
    _close(s, time, reaction, episode)
    return CLOSED
