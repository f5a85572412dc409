"""Raw market data to disk as it came: lines of `<local ns> <json>`, a folder for each symbol, safe against any kill.

The files are what the importer `binance-ws` reads: wrapped stream messages and bare depth snapshots. A file is begun
anew after so many bytes or so much time, and by every start; full ones are packed (zstd). Lines are collected, and
written whole by `flush`; a line that a kill has torn is cut off by the next start. Local time never goes back, not
even from one start to the next.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import pyarrow

from quotewright.domain.errors import HaltError, InputError
from quotewright.storage.session_log_frames import UNFINISHED
from quotewright.storage.session_log_lock import lock_folder, pack_file
from quotewright.storage.writer import sync_folder

RAW = ".raw"
PACKED = f"{RAW}.zst"

_arrow: Any = pyarrow  # it ships no types

_NAME = re.compile(r"[0-9]{8}-[0-9]{8}T[0-9]{6}\.raw(\.zst)?")
_WRAPPED = b'{"stream":"'
_SNAPSHOT = "snapshot/"
_BLOCK = 1 << 20


class _Writer:
    """The files of one symbol."""

    def __init__(self, folder: Path, rotate_bytes: int, rotate_ns: int) -> None:
        self.folder = folder
        self.messages = 0
        self.bytes = 0
        self.buffer = bytearray()
        self._rotate_bytes = rotate_bytes
        self._rotate_ns = rotate_ns
        self.torn = 0
        self.last = 0  # local time of the last line
        self._first = 0  # local time of the first line that is not written yet
        self._number = 0
        self._handle = -1
        self._path: Path | None = None
        self._size = 0
        self._began = 0
        self._full: list[tuple[int, Path]] = []  # to be brought to the disk, closed and packed
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob(f"*{UNFINISHED}"):
            path.unlink()
        self._take_up()

    def line(self, text: bytes, now: int) -> None:
        """Take one message."""
        if now < self.last:
            now = self.last
        self.last = now
        if not self.buffer:
            self._first = now
        if b"\n" in text:
            text = text.replace(b"\n", b" ")  # in JSON it can only be white space
        self.buffer += b"%d %b\n" % (now, text)
        self.messages += 1

    def flush(self) -> None:
        """Write what was taken, in one go."""
        buffer = self.buffer
        if not buffer:
            return
        try:
            if self._handle < 0:
                self._begin()
            while buffer:
                written = os.write(self._handle, buffer)
                self._size += written
                self.bytes += written
                del buffer[:written]
        except OSError as error:
            raise HaltError(f"{self.folder}: cannot be written ({error})") from error
        if self._size >= self._rotate_bytes or self.last - self._began >= self._rotate_ns:
            self.end_file()

    def end_file(self) -> None:
        """The next line begins a new file."""
        if self._handle >= 0 and self._path is not None:
            self._full.append((self._handle, self._path))
            self._handle = -1

    def sync(self) -> None:
        """Bring everything to the disk, and pack full files."""
        full = self._full[:]
        handle = self._handle
        try:
            for each in (*(each for each, _ in full), *((handle,) if handle >= 0 else ())):
                os.fsync(each)
            sync_folder(self.folder)
        except OSError as error:
            raise HaltError(f"{self.folder}: cannot be brought to the disk ({error})") from error
        for each, path in full:
            os.close(each)
            self._full.pop(0)
            pack_file(path, path.with_name(path.name + ".zst"))

    def _begin(self) -> None:
        self._number += 1
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(self._first // 10**9))
        self._path = self.folder / f"{self._number:08d}-{stamp}{RAW}"
        self._handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o644)
        self._size = 0
        self._began = self._first

    def _take_up(self) -> None:
        """Cut what a kill has torn, pack what it left, and go on after the last file."""
        files = raw_files(self.folder)
        for path in files:
            if path.name.endswith(PACKED):
                path.with_name(path.name.removesuffix(".zst")).unlink(missing_ok=True)
        for path in (path for path in files if path.name.endswith(RAW)):
            self.torn += _cut_torn(path)
            if not path.stat().st_size:
                path.unlink()
                continue
            self._full.append((os.open(path, os.O_WRONLY | os.O_APPEND), path))
        if files:
            self._number = int(files[-1].name[:8])
        if files := raw_files(self.folder):
            self.last = _last_time(files[-1])


class RawRecorder:
    """Takes the messages that a feed taps; one recorder a folder, InputError names the process that has it.

    `tap`, `flush` and `close` belong to one thread; `sync` may be called from another. Raises HaltError when the disk
    refuses; what could not be written is kept for the next `flush`.
    """

    def __init__(
        self, folder: Path, symbols: Sequence[str], *, rotate_bytes: int = 256 << 20, rotate_ns: int = 3600 * 10**9
    ) -> None:
        self.folder = folder
        self.others = 0  # messages that are no symbol's, such as answers to subscriptions
        for symbol in symbols:
            if not re.fullmatch(r"[A-Za-z0-9_-]+", symbol):
                raise InputError("symbol", symbol, "cannot be a folder's name")
        self._lock = lock_folder(folder, "recorder")
        try:
            self._writers = {
                symbol.upper(): _Writer(folder / symbol.upper(), rotate_bytes, rotate_ns) for symbol in symbols
            }
        except OSError as error:
            self._lock.close()
            raise HaltError(f"{folder}: cannot be opened ({error})") from error
        self._routes = {symbol.lower().encode(): writer for symbol, writer in self._writers.items()}
        self.torn = sum(writer.torn for writer in self._writers.values())

    def tap(self, name: str, text: bytes, now: int) -> None:
        """Take a message: of a stream, or `snapshot/SYMBOL`, which is a depth snapshot of REST."""
        if name.startswith(_SNAPSHOT):
            writer = self._writers.get(name[len(_SNAPSHOT) :].upper())
        elif text.startswith(_WRAPPED):
            writer = self._routes.get(text[len(_WRAPPED) : text.find(b"@", len(_WRAPPED))])
        else:
            writer = None
        if writer is None:
            self.others += 1
        else:
            writer.line(text, now)

    @property
    def messages(self) -> dict[str, int]:
        """How many messages each symbol got since the start."""
        return {symbol: writer.messages for symbol, writer in self._writers.items()}

    @property
    def bytes(self) -> int:
        """How much was written since the start."""
        return sum(writer.bytes for writer in self._writers.values())

    def flush(self) -> None:
        """Hand what was taken to the operating system."""
        for writer in self._writers.values():
            writer.flush()

    def sync(self) -> None:
        """Bring what was flushed to the disk."""
        for writer in self._writers.values():
            writer.sync()

    def close(self) -> None:
        """Write and sync the rest, end every file, and let others record here."""
        try:
            self.flush()
            for writer in self._writers.values():
                writer.end_file()
            self.sync()
        finally:
            self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def raw_files(folder: Path) -> list[Path]:
    """The files of one symbol's recording, oldest first; where a kill left one beside its packed copy, the packed."""
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*.raw*")):  # the packed one comes second
        if _NAME.fullmatch(path.name):
            found[path.name.removesuffix(".zst")] = path
    return [found[name] for name in sorted(found)]


def _cut_torn(path: Path) -> int:
    """Cut a last line that has no end; returns its bytes."""
    with path.open("r+b") as file:
        size = at = file.seek(0, os.SEEK_END)
        while at:
            start = max(0, at - _BLOCK)
            file.seek(start)
            cut = file.read(at - start).rfind(b"\n")
            at = start + cut + 1
            if cut >= 0:
                break
            at = start
        file.truncate(at)
    return size - at


def _last_time(path: Path) -> int:
    """Local time of the last line; 0 if there is none."""
    tail = b""
    with _arrow.input_stream(str(path), compression="zstd" if path.name.endswith(PACKED) else None) as stream:
        while block := bytes(stream.read(_BLOCK)):
            lines = (tail + block).rstrip(b"\n")
            tail = lines[lines.rfind(b"\n") + 1 :]
    head = tail.partition(b" ")[0]
    return int(head) if head.isdigit() else 0
