"""Which trades of an instrument were taken: against duplicates, and to know from where to ask again."""

from __future__ import annotations

from collections.abc import Collection


class SeenTrades:
    """Ids of trades taken, the last `most` of them; lower ones than those count as taken."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._ids: dict[int, None] = {}
        self._floor = -1
        self.ask_from = 0  # every trade before was seen in a complete list; 0: none yet

    def restore(self, ids: Collection[int], overlap: int) -> None:
        """Take ids from a journal; lists are then asked for from `overlap` trades before its end."""
        ordered = sorted(ids)
        for trade_id in ordered:
            self.add(trade_id)
        if ordered:
            self.ask_from = ordered[max(len(ordered) - overlap, 0)]

    def __contains__(self, trade_id: int) -> bool:
        return trade_id in self._ids or trade_id <= self._floor

    def add(self, trade_id: int) -> None:
        """Remember a trade."""
        self._ids[trade_id] = None
        if len(self._ids) > self._most:
            oldest = next(iter(self._ids))
            del self._ids[oldest]
            self._floor = max(self._floor, oldest)

    def listed(self, highest: int) -> None:
        """A list without holes reached up to `highest`."""
        self.ask_from = max(self.ask_from, highest + 1)
