"""A session's log: append-only and crash-safe. What was flushed survives the process, what was synced the machine.

A folder of numbered segments (`session_log_frames` says of which form), with one writer. A session appends what came
in and what it decided, and flushes before any order leaves: the bytes are then with the operating system, so that a
kill loses nothing. A thread brings them to the disk in groups, and packs segments that are full.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from quotewright.domain.errors import HaltError, InputError
from quotewright.storage.session_log_frames import (
    HEADER_SIZE,
    PACKED,
    PLAIN,
    UNFINISHED,
    Frame,
    LogReader,
    Segment,
    frame_head,
    header,
    is_packed,
    read_segment,
    segment_path,
    segments_of,
    vouch,
)
from quotewright.storage.session_log_lock import lock_folder, pack_file
from quotewright.storage.writer import sync_folder

META = 1  # JSON: what the session is, at its start
RECORDS = 2  # raw rows of domain.journal.JOURNAL
EVENTS = 3  # raw rows of domain.events.EVENT
ANSWERS = 4  # raw rows of domain.messages.RESPONSE
NOTE = 5  # JSON: what people should know


class _File:
    """An open segment; closed by who syncs, never while it is being synced."""

    def __init__(self, path: Path, number: int, size: int) -> None:
        self.path = path
        self.number = number
        self.size = size
        self.handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


class SessionLog:
    """The writer of the log in `folder`; one a folder, InputError names the process that has it.

    Opening cuts off a torn tail: `torn` says how many bytes, which are kept beside it. With `sync_every_ns` a thread
    syncs that often; with 0 the caller does. Not to be called from two threads, but for `sync`. Raises HaltError when
    the log cannot be written or brought to the disk: no order may leave then.
    """

    def __init__(
        self, folder: Path, *, rotate_bytes: int = 64 << 20, sync_every_ns: int = 200_000_000, pack: bool = True
    ) -> None:
        self.folder = folder
        self.torn = 0
        self._rotate_bytes = rotate_bytes
        self._pack = pack
        self._buffer = bytearray()
        self._waiting = 0  # frames in the buffer
        self._failure: OSError | None = None
        self._retired: deque[_File] = deque()
        self._syncing = threading.Lock()
        self._closed = False
        self._lock = lock_folder(folder, "session")
        try:
            self._file, self._frames = self._recover()
        except OSError as error:
            self._lock.close()
            raise HaltError(f"{folder}: cannot be opened ({error})") from error
        except BaseException:
            self._lock.close()
            raise
        self._synced = self._told = 0  # what an earlier session flushed may not be on the disk yet
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        if sync_every_ns:
            seconds = sync_every_ns / 1e9
            self._thread = threading.Thread(target=self._keep_synced, args=(seconds,), name="log-sync", daemon=True)
            self._thread.start()

    @property
    def frames(self) -> int:
        """How many frames are with the operating system, those of earlier sessions too."""
        return self._frames

    @property
    def synced(self) -> int:
        """How many of them are known to be on the disk."""
        return self._synced

    def append(self, kind: int, payload: bytes | bytearray | memoryview) -> None:
        """Take a frame of contiguous bytes; it is copied, and written by the next `flush`. Kinds are 1 to 255."""
        if not 0 < kind < 256:
            raise InputError("kind", kind, "must be 1 to 255")
        if isinstance(payload, memoryview) and payload.format != "B":
            payload = payload.cast("B")
        self._buffer += frame_head(kind, payload)
        self._buffer += payload
        self._waiting += 1

    def flush(self) -> None:
        """Hand what was appended to the operating system, in one write: from here on a kill does not lose it.

        After HaltError what was not written is kept, and the next call goes on where this one failed.
        """
        buffer = self._buffer
        if not buffer:
            return
        if self._synced > self._told:
            self._told = self._synced
            buffer += vouch(self._told)
            self._waiting += 1
        if self._failure is not None:
            raise HaltError(f"{self.folder}: cannot be brought to the disk ({self._failure})") from self._failure
        file = self._file
        try:
            written = os.write(file.handle, buffer)
            while written < len(buffer):
                file.size += written
                del buffer[:written]
                written = os.write(file.handle, buffer)
        except OSError as error:
            raise HaltError(f"{file.path}: cannot be written ({error})") from error
        file.size += written
        buffer.clear()
        self._frames += self._waiting
        self._waiting = 0
        if file.size >= self._rotate_bytes:
            self._rotate()

    def sync(self) -> None:
        """Bring what was flushed to the disk, and pack the segments that are full; from any thread.

        Raises HaltError if the disk refuses; so does every `flush` from then on, for what the system holds is unknown.
        """
        with self._syncing:
            frames = self._frames  # before the files are looked at: what is written meanwhile is not promised
            current = self._file
            retired = list(self._retired)
            try:
                for file in (*retired, current):
                    os.fsync(file.handle)
                if retired:
                    sync_folder(self.folder)
            except OSError as error:
                self._failure = error
                raise HaltError(f"{self.folder}: cannot be brought to the disk ({error})") from error
            self._synced = max(self._synced, frames)
            for file in retired:
                os.close(file.handle)
                self._retired.popleft()
                if self._pack:
                    pack_file(file.path, file.path.with_name(file.path.name.removesuffix(PLAIN) + PACKED))

    def close(self) -> None:
        """Flush, sync, and let others open the folder."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._thread is not None:
                self._wake.set()
                self._thread.join()
            self.flush()
            self.sync()
            if self._told < self._synced:
                os.write(self._file.handle, vouch(self._synced))
        finally:
            os.close(self._file.handle)
            self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _rotate(self) -> None:
        number = self._file.number + 1
        path = segment_path(self.folder, number)
        head = header(number, self._frames)
        try:
            fresh = _File(path, number, 0)
            fresh.size = os.write(fresh.handle, head)
        except OSError:
            fresh = None
        if fresh is None or fresh.size != len(head):  # a full disk: go on in the old one, which will say so
            path.unlink(missing_ok=True)
            return
        self._retired.append(self._file)  # before the next line: see `sync`
        self._file = fresh
        if self._thread is None:
            self.sync()

    def _keep_synced(self, seconds: float) -> None:
        while not self._wake.wait(seconds):
            if self._frames > self._synced or self._retired:
                try:
                    self.sync()
                except HaltError:
                    return  # `flush` tells it

    def _recover(self) -> tuple[_File, int]:
        """Cut the torn tail, tidy up after a kill; returns the segment to go on with, and how many frames there are."""
        for path in self.folder.glob(f"*{UNFINISHED}"):
            path.unlink()
        segments = segments_of(self.folder)
        plain = [segment for segment in segments if not is_packed(segment)]
        for segment in segments:
            if is_packed(segment):
                segment_path(self.folder, segment.number).unlink(missing_ok=True)
        if not segments:
            return self._begin(1, 0), 0
        first = segments.index(plain[0]) if plain else len(segments)
        reader = LogReader(segments[max(first - 1, 0) :])  # packed ones before are whole: they were synced
        deque(reader, maxlen=0)
        number, offset = reader.end
        self.torn = reader.torn
        for segment in reversed(plain):
            if segment.number > number or (segment.number == number and reader.torn):
                self._cut(segment, offset if segment.number == number else 0)
            elif segment.number < number:
                self._retired.append(_File(segment.path, segment.number, 0))
        if plain and offset:
            return _File(segment_path(self.folder, number), number, offset), reader.frames
        return self._begin(number if plain else number + 1, reader.frames), reader.frames

    def _cut(self, segment: Segment, offset: int) -> None:
        """Keep of a segment what lies before `offset`, and put the rest beside it."""
        rest = read_segment(segment)[offset:]
        if rest:
            segment.path.with_name(f"{segment.path.name}.torn-{offset}").write_bytes(rest)
        if offset:
            os.truncate(segment.path, offset)
        else:
            segment.path.unlink()
        sync_folder(self.folder)

    def _begin(self, number: int, frames: int) -> _File:
        file = _File(segment_path(self.folder, number), number, HEADER_SIZE)
        os.write(file.handle, header(number, frames))
        os.fsync(file.handle)
        sync_folder(self.folder)
        return file


def read_log(folder: Path) -> Iterator[Frame]:
    """The frames of a log in order, up to a torn tail; raises DataError for damage to what was once on the disk.

    It may be read while it is written. `LogReader` also says what is torn.
    """
    return iter(LogReader(segments_of(folder)))
