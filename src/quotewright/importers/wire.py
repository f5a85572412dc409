"""Raw WebSocket recordings of other venues: one format, a decoder of messages for each venue.

Recordings of many symbols are imported one instrument at a time. Every message read is accepted, refused or dropped.
A message that cannot be read at all could have been one of the book: where the venue does not number its messages the
book is then invalid until the next snapshot, elsewhere the next number tells.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from quotewright.domain.errors import InputError, ParseError
from quotewright.domain.events import EventArray
from quotewright.domain.instrument import Instrument
from quotewright.importers.clock import ForwardClock
from quotewright.importers.report import Progress, Refused, SourceFile, Tally
from quotewright.importers.source import Sources, first_line
from quotewright.importers.wire_book import TAKEN, WAITS, PrintError
from quotewright.importers.wire_decoders import DECODERS
from quotewright.importers.wire_frames import Frame, FrameKind, Recording


class Wire:
    """Importer of raw WebSocket recordings; see the module for the rules, `report.Importer` for the interface."""

    def __init__(self, paths: Sequence[Path], instrument: Instrument) -> None:
        if instrument.venue not in DECODERS:
            raise InputError("venue", instrument.venue, f"has no decoder; there is one for {', '.join(DECODERS)}")
        self.tally = Tally()
        self.refused: dict[str, Refused] = self.tally.refused
        self.notes: list[str] = self.tally.notes
        self.sources: list[SourceFile] = []
        self.decoder = DECODERS[instrument.venue](instrument, self.tally)
        self._paths = paths
        self._clock = ForwardClock("receive time")
        self._venue = instrument.venue

    def chunks(self, progress: Progress | None = None) -> Iterator[EventArray]:
        """Events in the order of arrival; see `report.Importer`."""
        files = Sources(self._paths, progress)
        self.sources = files.files
        book = self.decoder.book
        for path in self._paths:
            self._clock.begin_file(path.name)
            for frame in Recording(path, first_line(path)).frames(files):
                self._take(frame, path.name)
                if book.rows.full:
                    yield book.rows.take()
        book.finish()
        self.tally.finish(self._paths)
        if len(book.rows):
            yield book.rows.take()

    def _take(self, frame: Frame, name: str) -> None:
        if frame.kind is FrameKind.HEADER:
            self._check_venue(str(frame.text), name)
        elif frame.kind is FrameKind.CONNECTED:
            self.decoder.connected(frame.connection, str(frame.text))
        elif frame.kind is not FrameKind.SENT:
            self.tally.read += 1
            self._read(frame, f"{name}:{frame.line}")

    def _read(self, frame: Frame, where: str) -> None:
        book = self.decoder.book
        try:
            if frame.kind is FrameKind.DAMAGED:
                raise ParseError("line", str(frame.text), "cannot be decoded")
            if frame.local:
                book.local = self._clock.advance(frame.local)
            if frame.kind is FrameKind.REPLY:
                reason = self.decoder.reply(frame.about, frame.text)
            else:
                reason = self.decoder.message(frame.text, frame.connection)
        except PrintError as error:
            self.tally.refuse_field(error, where)
        except ParseError as error:
            self._damaged(frame)
            self.tally.refuse_field(error, where)
        except msgspec.ValidationError as error:
            book.lost()
            self.tally.refuse("the message does not have the form of its stream", f"{where}: {error}")
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self._damaged(None)
            self.tally.refuse("the message is not valid JSON", f"{where}: {error}")
        else:
            if reason == TAKEN:
                self.tally.accepted += 1
            elif reason != WAITS:
                self.tally.drop(reason)

    def _damaged(self, frame: Frame | None) -> None:
        """A message was refused: of the book, for all that is known, unless the next one's number tells."""
        readable = frame is not None and frame.kind is not FrameKind.DAMAGED
        if readable or not self.decoder.sequenced:
            self.decoder.book.lost()

    def _check_venue(self, exchange: str, name: str) -> None:
        if exchange and exchange not in self.decoder.exchanges:
            raise InputError("venue", self._venue, f"does not fit {name}, a recording of {exchange}")
