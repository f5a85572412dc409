"""Messages and responses on their way: two heaps by (arrival time, order of sending), and their latencies."""

from __future__ import annotations

from typing import Any

import numpy as np

from quotewright.domain.kernel import kernel, subkernel

IN_FLIGHT_FULL = 6  # more messages under way than the venue's queues hold


@subkernel
def _before(slab: Any, a: int, b: int) -> bool:
    return slab[a].ts < slab[b].ts or (slab[a].ts == slab[b].ts and slab[a].seq < slab[b].seq)


@kernel
def push(heap: Any, slab: Any, count: int) -> None:
    """Add the slab slot heap[count] (already filled in) to a heap of `count` entries."""
    slot = heap[count]
    child = count
    while child > 0:
        parent = (child - 1) >> 1
        if not _before(slab, slot, heap[parent]):
            break
        heap[child] = heap[parent]
        child = parent
    heap[child] = slot


@subkernel
def pop(heap: Any, slab: Any, count: int) -> int:
    """Take the earliest slot off a heap of `count` entries; the slot is parked at heap[count - 1]."""
    top = heap[0]
    last = count - 1
    slot = heap[last]
    parent = 0
    while True:
        child = 2 * parent + 1
        if child >= last:
            break
        if child + 1 < last and _before(slab, heap[child + 1], heap[child]):
            child += 1
        if not _before(slab, heap[child], slot):
            break
        heap[parent] = heap[child]
        parent = child
    heap[parent] = slot
    heap[last] = top
    return top


@subkernel
def draw(seed: int, n: int, choices: int) -> int:
    """A number in [0, choices) that depends on (seed, n) alone: counter-based, so that runs repeat."""
    if choices == 1:
        return 0
    h = ((n & 0x3FFFFFFF) * 0x9E3779B1 + (seed & 0x3FFFFFFF) * 0x85EBCA6B) & 0xFFFFFFFF
    h ^= h >> 16
    h = (h * 0x2C1B3C6D) & 0xFFFFFFFF
    h ^= h >> 12
    h = (h * 0x297A2D39) & 0xFFFFFFFF
    h ^= h >> 15
    return h % choices


@subkernel
def latency_of(vs: Any, table: Any, now: int, n: int) -> int:
    """Latency of message or response number `n` of a leg, sent at `now`."""
    venue = vs.venue[0]
    if venue.recorded_latency == 0:
        return table[draw(venue.seed, n, len(table))]
    index = np.searchsorted(vs.recorded_at, now, side="right") - 1
    return table[max(index, 0)]
