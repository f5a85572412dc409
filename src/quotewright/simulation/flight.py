"""Messages and responses on their way: in order of arrival, then of sending; and their latencies.

What is due no earlier than what was sent before it waits in a ring, as everything does under a constant latency; what
overtakes waits in a heap beside it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from quotewright.domain.kernel import kernel, subkernel

IN_FLIGHT_FULL = 6  # more messages under way than the venue's queues hold
NOTHING_DUE = 2**63 - 1

MESSAGES = 0
RESPONSES = 1

FLIGHT = np.dtype(
    [
        ("due", "i8"),  # when the earliest arrives; NOTHING_DUE when there is none
        ("head", "i8"),  # of the ring
        ("tail", "i8"),
        ("ring", "i8"),  # its rows, a power of two; the slab has as many again for the heap
        ("last", "i8"),  # arrival of the last in the ring
        ("heaped", "i8"),
        ("seq", "i8"),  # sent so far
    ],
    align=True,
)


@subkernel
def _before(slab: Any, a: int, b: int) -> bool:
    return slab[a].ts < slab[b].ts or (slab[a].ts == slab[b].ts and slab[a].seq < slab[b].seq)


@subkernel
def _rise(heap: Any, slab: Any, count: int) -> None:
    """Let the slot at heap[count] find its place in a heap of `count` entries."""
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
def _sink(heap: Any, slab: Any, count: int) -> int:
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


@kernel
def send_off(flight: Any, slab: Any, heap: Any, ts: int) -> int:
    """Slot for the next thing sent, due at `ts`, for the caller to fill in; -1 if there is no room."""
    if flight.head == flight.tail:
        flight.head = 0
        flight.tail = 0
        flight.last = ts
    if ts >= flight.last:
        if flight.tail - flight.head >= flight.ring:
            return -1
        slot = flight.tail & (flight.ring - 1)
        flight.tail += 1
        flight.last = ts
        slab[slot].ts = ts
        slab[slot].seq = flight.seq
    else:
        if flight.heaped >= len(heap):
            return -1
        slot = heap[flight.heaped]
        slab[slot].ts = ts
        slab[slot].seq = flight.seq
        _rise(heap, slab, flight.heaped)
        flight.heaped += 1
    flight.seq += 1
    flight.due = min(flight.due, ts)
    return slot


@subkernel
def take_next(flight: Any, slab: Any, heap: Any) -> int:
    """Slot of what arrives next; it keeps its contents until the next is sent off."""
    slot = flight.head & (flight.ring - 1)
    if flight.heaped > 0 and (flight.head == flight.tail or _before(slab, heap[0], slot)):
        slot = _sink(heap, slab, flight.heaped)
        flight.heaped -= 1
    else:
        flight.head += 1
    due = NOTHING_DUE
    if flight.head < flight.tail:
        due = slab[flight.head & (flight.ring - 1)].ts
    if flight.heaped > 0:
        due = min(due, slab[heap[0]].ts)
    flight.due = due
    return slot


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
    if len(table) == 1:
        return table[0]
    venue = vs.venue[0]
    if venue.recorded_latency == 0:
        return table[draw(venue.seed, n, len(table))]
    index = np.searchsorted(vs.recorded_at[0 : len(vs.recorded_at)], now, side="right") - 1
    return table[max(index, 0)]
