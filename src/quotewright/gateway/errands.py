"""What a gateway has yet to ask or do, each thing once, each at its time: cancels before doubts before routine."""

from __future__ import annotations

import heapq

import msgspec

NEVER = 2**63 - 1

# kinds of errand, and by their order who goes first when several are due
CANCEL = 0
QUERY = 1  # an order in doubt
FILLS = 2  # trades of an order that the venue said was filled
LEARN = 3  # whose order it was that a trade names
OPEN_ORDERS = 4
TRADES = 5
BALANCES = 6
ESCALATE = 7  # an order has been in doubt for long
UNBLOCK = 8  # a ban or limit ends
ROUND = 9  # reconcile

Key = tuple[int, int | str]


class Errand(msgspec.Struct):
    """One thing to do; `ref` is that of the question under way, 0 if none is."""

    kind: int
    subject: int | str  # client id, instrument or venue's number
    instrument: int
    due: int
    number: int
    tries: int = 0
    ref: int = 0

    @property
    def key(self) -> Key:
        """What it is found by."""
        return self.kind, self.subject


class Errands:
    """Errands by kind and subject, and the time of the next."""

    def __init__(self) -> None:
        self._all: dict[Key, Errand] = {}
        self._heap: list[tuple[int, int, Key]] = []
        self._number = 0

    def get(self, kind: int, subject: int | str) -> Errand | None:
        """The errand, if there is one."""
        return self._all.get((kind, subject))

    def add(self, kind: int, subject: int | str, instrument: int, due: int) -> Errand:
        """Have something done at `due`, or earlier if that was already arranged."""
        errand = self._all.get((kind, subject))
        if errand is None:
            self._number += 1
            errand = Errand(kind, subject, instrument, due, self._number)
            self._all[(kind, subject)] = errand
        elif errand.ref or errand.due <= due:
            return errand
        self.move(errand, due)
        return errand

    def move(self, errand: Errand, due: int) -> None:
        """Do it at `due` instead; a question under way no longer counts as its answer."""
        errand.due = due
        errand.ref = 0
        self._number += 1
        heapq.heappush(self._heap, (due, self._number, (errand.kind, errand.subject)))

    def drop(self, kind: int, subject: int | str) -> None:
        """It need not be done any more."""
        self._all.pop((kind, subject), None)

    def finish(self, errand: Errand) -> None:
        """It is done; another of the same kind and subject that was arranged since is not."""
        if self._all.get((errand.kind, errand.subject)) is errand:
            del self._all[(errand.kind, errand.subject)]

    def any_due(self, now: int) -> bool:
        """Whether there may be something to take."""
        return bool(self._heap) and self._heap[0][0] <= now

    def take_due(self, now: int) -> list[Errand]:
        """Those due and not under way, the most urgent kinds first; each must be moved, dropped or given a ref."""
        due: dict[Key, Errand] = {}
        while self._heap and self._heap[0][0] <= now:
            key = heapq.heappop(self._heap)[2]
            errand = self._all.get(key)
            if errand is not None and errand.ref == 0 and errand.due <= now:
                due[key] = errand
        if len(due) < 2:
            return list(due.values())
        return sorted(due.values(), key=lambda errand: (errand.kind, errand.number))

    def next_due(self) -> int:
        """When something is due next, ns."""
        heap = self._heap
        while heap:
            errand = self._all.get(heap[0][2])
            if errand is not None and errand.ref == 0 and errand.due == heap[0][0]:
                return heap[0][0]
            heapq.heappop(heap)
        return NEVER
