"""When a depth update may be applied: the venue's rule for joining a snapshot with a stream of differences.

The rules are Binance's own, from "How to manage a local order book correctly" (spot, and USD-M and COIN-M
futures). A difference names the update ids it covers, first `U` to last `u`; futures also name the last id
of the difference before it, `pu`. With `L` the snapshot's last update id:

                drop before the join   the first applied has   every later one has
    spot        u <= L                 U <= L + 1 <= u         U <= previous u + 1
    futures     u < L                  pu <= L <= u            pu = previous u

For futures the venue writes U <= L for the first one. Ids between pu and U belong to other symbols, so pu <= L
misses nothing, and a second snapshot taken exactly at an applied difference joins the next one.
A difference that breaks its rule is a gap: the book is invalid until a new snapshot.
"""

from __future__ import annotations

from enum import Enum


class SyncRule(Enum):
    """Which venue's rule joins snapshot and differences."""

    SPOT = "spot"
    FUTURES = "futures"


class Verdict(Enum):
    """What to do with one difference."""

    APPLY = "apply"
    WAIT = "wait"  # no usable snapshot yet: keep it for the next one
    OLD = "old"  # the snapshot already holds it
    DUPLICATE = "duplicate"  # already applied
    GAP = "gap"  # something before it is missing: the book is invalid from here


class DepthSync:
    """The state of one book's synchronisation; feed it ids in the order of arrival.

    `last_id` is the id the book stands at; `synced` says whether the book may be used. A snapshot alone
    makes it usable: what follows is then checked against it.
    """

    def __init__(self, rule: SyncRule) -> None:
        self.rule = rule
        self.synced = False
        self.last_id = 0
        self._last_time = 0
        self._joined = False  # a difference was applied on top of the snapshot

    def snapshot(self, last_update_id: int) -> bool:
        """Take a snapshot; False if it is older than a book that is in sync, which then stays as it is."""
        if self.synced and last_update_id < self.last_id:
            return False
        self.synced = True
        self.last_id = last_update_id
        self._joined = False
        return True

    def diff(self, first: int, last: int, previous: int, time: int) -> Verdict:
        """Judge one difference: ids `U`, `u`, `pu` (0 for spot) and its exchange time.

        Time tells a late copy of an applied difference (its time is not later than the last applied one's)
        from a venue that has started to count again, which is a gap.
        """
        if not self.synced:
            return Verdict.WAIT
        if not self._joined:
            verdict = self._join(first, last, previous)
        elif last <= self.last_id:
            verdict = Verdict.DUPLICATE if time <= self._last_time else Verdict.GAP
        elif self.rule is SyncRule.FUTURES:
            verdict = Verdict.APPLY if previous == self.last_id else Verdict.GAP
        else:
            verdict = Verdict.APPLY if first <= self.last_id + 1 else Verdict.GAP
        if verdict is Verdict.APPLY:
            self._joined = True
            self.last_id = last
            self._last_time = time
        elif verdict is Verdict.GAP:
            self.synced = False
        return verdict

    def _join(self, first: int, last: int, previous: int) -> Verdict:
        if self.rule is SyncRule.SPOT:
            old, follows = last <= self.last_id, first <= self.last_id + 1
        else:
            old, follows = last < self.last_id, previous <= self.last_id
        if old:
            return Verdict.OLD
        return Verdict.APPLY if follows else Verdict.GAP
