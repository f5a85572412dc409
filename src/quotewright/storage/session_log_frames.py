"""The form of a session's log: numbered segments of frames, each with its checksum, and how they are read.

    segment   header: magic, version, number, frames before it, crc32 of these; then frames
    frame     u32 length of the payload, u32 crc32 of kind and payload, u8 kind, payload; little-endian

A frame of the kind SYNCED says how many frames, from the log's beginning, are known to be on the disk. It tells what
damage means. Before that many frames it is a broken disk or a changed file, a DataError; behind them it is what a
power cut or a full disk leaves of the last moments, the torn tail: reading ends there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import pyarrow

from quotewright.domain.errors import DataError

_arrow: Any = pyarrow  # it ships no types

MAGIC = b"QWLOG\r\n\x1a"
VERSION = 1
FRAME = struct.Struct("<IIB")
MOST_PAYLOAD = 2**32 - 1
SYNCED = 0  # no kind of the session's
PLAIN, PACKED, UNFINISHED = ".log", ".log.zst", ".unfinished"

_HEADER = struct.Struct("<8sIIQ")
_CRC = struct.Struct("<I")
HEADER_SIZE = _HEADER.size + _CRC.size
_VOUCH = struct.Struct("<8sQ")
_VOUCH_MAGIC = b"\x0csynced\x0c"
_KIND_CRC = tuple(crc32(bytes([kind])) for kind in range(256))


class Frame(NamedTuple):
    """One frame as it was appended, and where it lies."""

    kind: int
    payload: bytes
    segment: int
    offset: int


class Segment(NamedTuple):
    """One file of a log, plain or packed."""

    number: int
    path: Path


def is_packed(segment: Segment) -> bool:
    """Whether it is compressed, and so full and on the disk."""
    return segment.path.name.endswith(PACKED)


def header(number: int, frames: int) -> bytes:
    """The header of a segment that begins after `frames` frames."""
    head = _HEADER.pack(MAGIC, VERSION, number, frames)
    return head + _CRC.pack(crc32(head))


def frame_head(kind: int, payload: bytes | bytearray | memoryview) -> bytes:
    """What stands before a payload of contiguous bytes."""
    return FRAME.pack(len(payload), crc32(payload, _KIND_CRC[kind]), kind)


def vouch(frames: int) -> bytes:
    """A whole frame that says: the first `frames` frames of the log are on the disk."""
    payload = _VOUCH.pack(_VOUCH_MAGIC, frames)
    return frame_head(SYNCED, payload) + payload


def segments_of(folder: Path) -> list[Segment]:
    """The segments of a log in order; where a kill left a plain one beside its packed copy, the packed one."""
    found: dict[int, Path] = {}
    for path in folder.iterdir() if folder.is_dir() else ():
        stem, dot, ending = path.name.partition(".")
        if stem.isdigit() and dot + ending in (PLAIN, PACKED):
            number = int(stem)
            if number not in found or path.name.endswith(PACKED):
                found[number] = path
    return [Segment(number, found[number]) for number in sorted(found)]


def segment_path(folder: Path, number: int) -> Path:
    """The file of a segment while it is written."""
    return folder / f"{number:08d}{PLAIN}"


def read_segment(segment: Segment) -> bytes:
    """All bytes of a segment, unpacked; raises DataError if a packed one cannot be unpacked."""
    path = segment.path
    if not path.exists():  # it was packed since the folder was listed
        path = path.with_name(path.name.removesuffix(PLAIN) + PACKED)
    if not path.name.endswith(PACKED):
        return path.read_bytes()
    try:
        with _arrow.input_stream(str(path), compression="zstd") as stream:
            return bytes(stream.read())
    except OSError as error:
        raise DataError(f"{path}: cannot be unpacked ({error}): restore it from a copy") from error


def frames_before(data: bytes, number: int) -> int:
    """How many frames come before this segment; -1 if its header is not whole and sound."""
    if len(data) < HEADER_SIZE:
        return -1
    magic, version, told, frames = _HEADER.unpack_from(data)
    if magic != MAGIC or _CRC.unpack_from(data, _HEADER.size)[0] != crc32(data[: _HEADER.size]):
        return -1
    if version != VERSION:
        raise DataError(f"segment {number}: of version {version} of the log, this release reads {VERSION}")
    return frames if told == number else -1


def walk(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Kind, start and end of the frames of a segment, up to the first that is not whole and sound."""
    at, size = HEADER_SIZE, len(data)
    view = memoryview(data)
    length: int
    crc: int
    kind: int
    while at + FRAME.size <= size:
        length, crc, kind = FRAME.unpack_from(data, at)
        end = at + FRAME.size + length
        if end > size or crc32(view[at + FRAME.size : end], _KIND_CRC[kind]) != crc:
            return
        yield kind, at, end
        at = end


def _vouched(data: bytes, start: int) -> int:
    """The most frames that a sound SYNCED frame in `data` from `start` on vouches for."""
    most = 0
    at = data.find(_VOUCH_MAGIC, start + FRAME.size)
    while at >= 0:
        payload = data[at : at + _VOUCH.size]
        if len(payload) == _VOUCH.size and data[at - FRAME.size : at] == frame_head(SYNCED, payload):
            most = max(most, _VOUCH.unpack(payload)[1])
        at = data.find(_VOUCH_MAGIC, at + 1)
    return most


class LogReader:
    """Reads the frames of some segments in order, once; then says where the sound part ends and what is torn.

    `frames` counts them from the log's beginning, SYNCED ones too; `end` is the segment and offset where the sound
    part ends, `torn` the bytes behind it. The first segments of a log may have been removed, no others.
    """

    def __init__(self, segments: Sequence[Segment]) -> None:
        self.frames = 0
        self.torn = 0
        self.end: tuple[int, int] = (0, 0)
        self._segments = segments

    def __iter__(self) -> Iterator[Frame]:
        for i, segment in enumerate(self._segments):
            data = read_segment(segment)
            before = frames_before(data, segment.number)
            if i == 0:
                self.frames = max(before, 0)
            elif segment.number != self._segments[i - 1].number + 1:
                raise DataError(f"{segment.path}: the segment before it is gone: restore it from a copy")
            at = 0
            if before == self.frames:
                at = HEADER_SIZE
                for kind, start, end in walk(data):
                    self.frames += 1
                    at = end
                    if kind != SYNCED:
                        yield Frame(kind, data[start + FRAME.size : end], segment.number, start)
            self.end = (segment.number, at)
            if at < max(len(data), HEADER_SIZE):
                self._judge(i, data, at)
                return

    def _judge(self, i: int, data: bytes, at: int) -> None:
        """Something is wrong at `at` of the i-th segment: the torn tail, or DataError."""
        segment = self._segments[i]
        rest = [data[at:], *(read_segment(later) for later in self._segments[i + 1 :])]
        vouched = max(_vouched(part, 0) for part in rest)
        if vouched > self.frames or any(map(is_packed, self._segments[i:])):
            raise DataError(
                f"{segment.path}: damaged at byte {at:,}, and more than that was on the disk: restore it from a copy"
            )
        self.torn = sum(map(len, rest))
