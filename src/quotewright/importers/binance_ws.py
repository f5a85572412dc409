"""Raw Binance WebSocket recordings: lines of `<local_ns> <json>`, spot, USD-M and COIN-M.

The streams `depth`, `trade` and `bookTicker` and bare REST depth snapshots become events; several files are
one recording. The depth book is joined by `market.sync`. Differences that came before their snapshot are applied
right after it: they get its local time, since before it they were of no use, and keep their own exchange time.

Exchange times: futures `T`; spot trades `T`, spot depth `E`. Spot best prices and snapshots carry none: they get the
latest exchange time seen so far (their local time if there is none yet) and the flag ESTIMATED_TIME; a snapshot
is never later than the first difference applied to it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from pathlib import Path

import msgspec

from quotewright.domain.errors import ParseError
from quotewright.domain.events import EventArray
from quotewright.domain.instrument import Instrument
from quotewright.domain.units import INT64_MAX
from quotewright.importers.binance_lines import FULL, UNUSUAL
from quotewright.importers.binance_messages import Envelope
from quotewright.importers.binance_quick import LineBlock, QuickReader, State
from quotewright.importers.binance_symbol import SymbolReader
from quotewright.importers.clock import ForwardClock
from quotewright.importers.report import Progress, Refused, SourceFile, Tally
from quotewright.importers.rows import Assembly
from quotewright.importers.source import Sources
from quotewright.market.sync import DepthSync, SyncRule

_WRAPPED = b'{"stream":"'
_NAME = len(_WRAPPED)


_Handler = Callable[[bytes, int], None]


class BinanceWs:
    """Importer of raw Binance recordings; see the module for the rules, `report.Importer` for the interface."""

    def __init__(self, paths: Sequence[Path], instrument: Instrument) -> None:
        self.tally = Tally()
        self.refused: dict[str, Refused] = self.tally.refused
        self.notes: list[str] = self.tally.notes
        self.sources: list[SourceFile] = []
        self._paths = paths
        sync = DepthSync(SyncRule.FUTURES if instrument.kind != "spot" else SyncRule.SPOT)
        self._state = State(self.tally, ForwardClock("local time"), sync)
        self._quick = QuickReader(instrument, self._state)
        self._reader = SymbolReader(instrument, self._state)
        self._assembly = Assembly(self._reader.rows)
        self._blank = 0
        self._handlers: dict[bytes, _Handler] = {}
        self._envelope = msgspec.json.Decoder(Envelope).decode

    def chunks(self, progress: Progress | None = None) -> Iterator[EventArray]:
        """Events in the order of arrival; see `report.Importer`."""
        files = Sources(self._paths, progress)
        self.sources = files.files
        for path in self._paths:
            self._state.clock.begin_file(path.name)
            lines = 0
            for text in files.whole_lines(path):
                lines += yield from self._block(text, path.name, lines)
        self._quick.give_back()
        self._finish()
        if self._assembly.rows:
            yield self._assembly.take()

    def _block(self, text: bytes, name: str, before: int) -> Generator[EventArray, None, int]:
        """Read whole lines, with chunks when they are full; returns how many lines. `before` have been read before."""
        block = LineBlock(text)
        line = 0
        while line < len(block.ends):
            outcome = UNUSUAL
            if before + line:  # the first line of a file tells whether the files are in order
                line, outcome = self._quick.read(block, line, self._assembly)
            if outcome == UNUSUAL:
                self._quick.give_back()
                stop = min(line + self._quick.unusual, len(block.ends))
                while line < stop and not self._assembly.full:
                    self._line(block.line(line), name, before + line + 1)
                    line += 1
                self._quick.take_over()
            if outcome == FULL or self._assembly.full:
                yield self._assembly.take()
        return len(block.ends)

    def _line(self, line: bytes, name: str, number: int) -> None:
        head, _, message = line.partition(b" ")
        if not head.strip():
            self._blank += 1
            return
        self.tally.read += 1
        try:
            local = self._local_time(head)
            self._handler(message)(message, local)
        except ParseError as error:
            self.tally.refuse_field(error, f"{name}:{number}")
        except msgspec.ValidationError as error:
            self.tally.refuse("the message does not have the form of its stream", f"{name}:{number}: {error}")
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self.tally.refuse("the line is not valid JSON", f"{name}:{number}: {error}")

    def _local_time(self, head: bytes) -> int:
        local = int(head) if head.isdigit() and len(head) <= 19 else -1
        if not 0 <= local <= INT64_MAX:
            raise ParseError("local time", head[:40].decode("latin-1"), "is not a time in nanoseconds")
        return self._state.clock.advance(local)

    def _handler(self, message: bytes) -> _Handler:
        """Which message this is, by the stream's name, which comes first in every wrapped message."""
        if message.startswith(_WRAPPED):
            stream = message[_NAME : message.find(b'"', _NAME)]
            handler = self._handlers.get(stream)
            if handler is None:
                handler = self._handlers[stream] = self._stream_handler(stream.decode())
            return handler
        envelope = self._envelope(message)
        if envelope.lastUpdateId is not None:
            return self._reader.on_snapshot
        return self._stream_handler(envelope.stream)

    def _stream_handler(self, stream: str) -> _Handler:
        kind = stream.partition("@")[2]
        if kind == "bookTicker":
            return self._reader.on_best
        if kind == "trade":
            return self._reader.on_trade
        if kind == "depth" or kind.startswith("depth@"):
            return self._reader.on_depth
        if kind:
            return partial(self._other_stream, kind)
        raise msgspec.ValidationError("neither a stream message nor a depth snapshot")

    def _other_stream(self, kind: str, message: bytes, local: int) -> None:
        self._envelope(message)
        self.tally.drop(f"stream {kind[:40]} is not imported")

    def _finish(self) -> None:
        if self._reader.waiting:
            self.tally.drop("depth updates without a snapshot to join", len(self._reader.waiting))
        if self._blank:
            self.notes.append(f"{self._blank:,} blank lines skipped")
        if self._reader.snapshots == 0:
            self.notes.append("no depth snapshot in the recording: there are trades and best prices, but no book")
        if self._reader.gaps:
            self.notes.append(
                f"{self._reader.gaps:,} gaps in the depth stream: the book is invalid after each until a snapshot"
            )
        self.tally.finish(self._paths)
