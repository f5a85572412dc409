"""Raw WebSocket recordings of one venue as frames: what was received, on which connection, when.

Four framings, told by the first line:

    cryptofeed, format 2   JSON lines `{"t":"recv","conn":…,"ts":<epoch seconds>,"data":<text> or "b64":<gzip>}`, with a
                           header, REST replies (`http`), `connect`, `send`; a connection's lines may stand together
    cryptofeed, format 1   `<epoch seconds>: <message>`, `<address> <-> <time>` (connected), `<address> <- …` (sent)
    plain                  `<local ns> <message>`
    archive                the message alone: there is no receive time

Connections that stand one after the other in a file are merged by receive time, one reading of the file for each.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import heapq
import io
import zlib
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import NamedTuple

import msgspec

from quotewright.domain.errors import InputError, ParseError
from quotewright.importers.exact import whole_number
from quotewright.importers.source import Sources
from quotewright.importers.wire_times import epoch_ns

_MAX_MESSAGE = 64 << 20


class FrameKind(Enum):
    """What a frame is; all but RECEIVED and REPLY only describe the recording."""

    HEADER = "header"  # `text` is the venue's name
    CONNECTED = "connect"  # `text` is the address
    SENT = "send"
    RECEIVED = "recv"
    REPLY = "http"  # of a REST request; `about` is the address
    DAMAGED = "damaged"  # `text` says why


class Frame(NamedTuple):
    """One line of a recording; `local` in ns, 0 where the framing has no receive time."""

    kind: FrameKind
    line: int
    connection: str
    local: int
    text: str | bytes
    about: str = ""


class _Line(msgspec.Struct, gc=False):
    t: str
    conn: str = ""
    ts: msgspec.Raw = msgspec.Raw(b"0")
    data: str | None = None
    b64: str = ""
    url: str = ""
    addr: str = ""
    exchange: str = ""


class _Head(msgspec.Struct, gc=False):
    t: str
    conn: str = ""
    ts: msgspec.Raw = msgspec.Raw(b"0")


class Recording:
    """One file of a raw recording. Raises InputError for a file of no known framing."""

    def __init__(self, path: Path, first: bytes) -> None:
        self._path = path
        self._line = msgspec.json.Decoder(_Line).decode
        self._head = msgspec.json.Decoder(_Head).decode
        self._wrapped = first.startswith(b'{"t":"')
        if self._wrapped:
            self._read = self._read_wrapped
        elif first.startswith((b"wss://", b"https://")):
            self._read = self._read_text
        elif first.startswith(b"{"):
            self._read = self._read_bare
        elif first[:1].isdigit():
            self._read = self._read_plain
        else:
            raise InputError("path", str(path), "is no raw WebSocket recording")

    def frames(self, files: Sources) -> Iterator[Frame]:
        """Every frame, in the order of receive times. `files` takes note of the file once it has been read."""
        groups = self._groups()
        if len(groups) < 2:
            yield from self._frames(files, None)
            return
        others = (self._frames(Sources([self._path], None), {group}) for group in groups[1:])
        first = self._frames(files, {groups[0]})
        yield from heapq.merge(first, *others, key=lambda frame: frame.local)

    def _groups(self) -> list[str]:
        """The connections that have to be merged; fewer than two if the lines are in order of time as they stand."""
        if not self._wrapped:
            return []
        seen: dict[str, None] = {}
        latest, ordered = 0, True
        for line in self._lines(Sources([self._path], None)):
            try:
                head = self._head(line)
                time = epoch_ns(bytes(head.ts).decode(), "ts")
            except (msgspec.DecodeError, UnicodeDecodeError, ParseError):
                continue
            ordered = ordered and time >= latest
            if head.t != FrameKind.HEADER.value:
                latest = max(latest, time)
                seen[head.conn] = None
        return [] if ordered else list(seen)

    def _lines(self, files: Sources) -> Iterator[bytes]:
        for block in files.line_blocks(self._path):
            yield from block

    def _frames(self, files: Sources, only: set[str] | None) -> Iterator[Frame]:
        """The frames of some connections, or all; a damaged line belongs to the connection of the line before it."""
        connection, local = "", 0
        for number, line in enumerate(self._lines(files), start=1):
            if not line.strip():
                continue
            try:
                frame = self._read(line, number)
            except ParseError as error:
                frame = Frame(FrameKind.DAMAGED, number, connection, local, f"{error.field} {error.fix}: {error.value}")
            except (msgspec.DecodeError, UnicodeDecodeError, binascii.Error, OSError, EOFError, zlib.error) as error:
                frame = Frame(FrameKind.DAMAGED, number, connection, local, f"the line cannot be decoded: {error}")
            connection, local = frame.connection, frame.local or local
            if only is None or connection in only or (not connection and frame.kind is FrameKind.HEADER):
                yield frame

    def _read_wrapped(self, line: bytes, number: int) -> Frame:
        entry = self._line(line)
        if entry.t == FrameKind.HEADER.value:
            return Frame(FrameKind.HEADER, number, "", 0, entry.exchange)
        local = epoch_ns(bytes(entry.ts).decode(), "ts")
        if entry.t == FrameKind.RECEIVED.value:
            text = entry.data if entry.data is not None else _inflate(entry.b64)
            return Frame(FrameKind.RECEIVED, number, entry.conn, local, text)
        if entry.t == FrameKind.REPLY.value:
            return Frame(FrameKind.REPLY, number, entry.conn, local, entry.data or "", entry.url)
        if entry.t == FrameKind.CONNECTED.value:
            return Frame(FrameKind.CONNECTED, number, entry.conn, local, entry.addr)
        if entry.t == FrameKind.SENT.value:
            return Frame(FrameKind.SENT, number, entry.conn, local, entry.data or "")
        raise ParseError("t", entry.t[:40], "is no kind of line that is known")

    def _read_text(self, line: bytes, number: int) -> Frame:
        head, _, message = line.partition(b": ")
        if head[:1].isdigit():
            return Frame(FrameKind.RECEIVED, number, "", epoch_ns(head.decode(), "receive time"), message)
        address, _, rest = line.decode().partition(" ")
        mark, _, rest = rest.partition(" ")
        time, _, sent = rest.partition(": ")
        local = epoch_ns(time, "time")
        if mark == "<->":
            return Frame(FrameKind.CONNECTED, number, "", local, address)
        if mark == "<-":
            return Frame(FrameKind.SENT, number, "", local, sent)
        if mark == "->":
            return Frame(FrameKind.REPLY, number, "", local, sent, address)
        raise ParseError("line", line[:40].decode(), "is no kind of line that is known")

    def _read_plain(self, line: bytes, number: int) -> Frame:
        head, _, message = line.partition(b" ")
        return Frame(FrameKind.RECEIVED, number, "", whole_number(head.decode(), "local time"), message)

    def _read_bare(self, line: bytes, number: int) -> Frame:
        return Frame(FrameKind.RECEIVED, number, "", 0, line)


def _inflate(text: str) -> bytes:
    packed = base64.b64decode(text, validate=True)
    with gzip.GzipFile(fileobj=io.BytesIO(packed)) as stream:
        message = stream.read(_MAX_MESSAGE + 1)
    if len(message) > _MAX_MESSAGE:
        raise ParseError("b64", text[:40], "holds a message above 64 MB")
    return message
