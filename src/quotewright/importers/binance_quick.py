"""Handing the usual lines of a Binance recording to compiled code, and the state of the reading to and fro."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quotewright.domain.instrument import Instrument
from quotewright.domain.kernel import INTERPRETED, records
from quotewright.importers.binance_fields import READER
from quotewright.importers.binance_lines import FULL, UNUSUAL, read_lines
from quotewright.importers.clock import ForwardClock
from quotewright.importers.report import Tally
from quotewright.importers.rows import CHUNK_ROWS, Assembly
from quotewright.market.sync import DepthSync

_NEWLINE = 10
_WORTH_IT = 16  # lines read in one go, above which going to compiled code and back costs little
_MOST_UNUSUAL = 1024


class LineBlock:
    """Whole lines of text; the last one needs no newline."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self.codes = np.frombuffer(text, np.uint8)
        self.ends: npt.NDArray[np.int64] = np.flatnonzero(self.codes == _NEWLINE)
        if text and text[-1] != _NEWLINE:
            self.ends = np.append(self.ends, len(text))

    def line(self, number: int) -> bytes:
        """A line without its newline, counted from 0."""
        return self._text[int(self.ends[number - 1]) + 1 if number else 0 : int(self.ends[number])]


@dataclass
class State:
    """What both readers have to know of what was read so far."""

    tally: Tally
    clock: ForwardClock
    sync: DepthSync
    joined: bool = False  # a difference was applied on top of the latest snapshot
    exchange: int = 0  # the latest exchange time seen
    last_trade: int = -1


class QuickReader:
    """Reads usual lines; between `take_over` and `give_back` the state is here, else in `state`."""

    def __init__(self, instrument: Instrument, state: State) -> None:
        self.unusual = 1  # how many lines to read otherwise after an unusual one; more, the rarer usual ones are
        self._state = state
        self._symbol = np.frombuffer(instrument.symbol.upper().encode(), np.uint8)
        self._readers = records(1, READER)
        reader = self._readers[0]
        reader["futures"] = instrument.kind != "spot"
        for name, step in (("price", instrument.price_step), ("qty", instrument.qty_step)):
            reader[f"{name}_digits"], reader[f"{name}_scale"] = step.digits, step.scale

    def read(self, block: LineBlock, line: int, assembly: Assembly) -> tuple[int, int]:
        """Read lines from `line` on; returns the first that was not read and why, a code of `binance_lines`."""
        if INTERPRETED:  # byte by byte, it is slower than the reader of all lines
            self.unusual = _MOST_UNUSUAL
            return line, UNUSUAL
        reader = self._readers[0]
        room = assembly.room()
        reader["rows"] = 0
        stop, outcome = read_lines(block.codes, block.ends, line, self._readers, self._symbol, room)
        assembly.wrote(int(reader["rows"]))
        if outcome == FULL and len(room) == CHUNK_ROWS and reader["rows"] == 0:
            outcome = UNUSUAL  # the line is longer than a chunk
        if outcome == UNUSUAL:
            self.unusual = 1 if stop - line >= _WORTH_IT else min(2 * self.unusual, _MOST_UNUSUAL)
        return stop, outcome

    def take_over(self) -> None:
        """Start from the state as it is."""
        reader, state = self._readers[0], self._state
        reader["local"] = state.clock.now
        reader["exchange"] = state.exchange
        reader["last_trade"] = state.last_trade
        reader["last_id"] = state.sync.last_id
        reader["in_sync"] = state.sync.synced and state.joined

    def give_back(self) -> None:
        """Bring the state up to date."""
        reader, state = self._readers[0], self._state
        if not reader["accepted"]:
            return
        state.tally.read += int(reader["accepted"])
        state.tally.accepted += int(reader["accepted"])
        reader["accepted"] = 0
        state.clock.advance(int(reader["local"]))
        state.exchange = int(reader["exchange"])
        state.last_trade = int(reader["last_trade"])
        sync, last = state.sync, int(reader["last_id"])
        if last != sync.last_id:  # the differences in between, as one
            sync.diff(sync.last_id + 1, last, sync.last_id, int(reader["last_time"]))
