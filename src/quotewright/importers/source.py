"""Reading input files: plain, gzip, zstd or zip by their first bytes, counted and hashed on the way."""

from __future__ import annotations

import gzip
import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow

from quotewright.domain.errors import DataError, InputError
from quotewright.importers.report import Progress, SourceFile

_arrow: Any = pyarrow  # it ships no types

_BLOCK = 1 << 20
_LONGEST_LINE = 64 << 20

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
ZIP_MAGIC = b"PK\x03\x04"
PARQUET_MAGIC = b"PAR1"


class _CountedFile(io.RawIOBase):
    """A raw file that hashes and counts the bytes read from it, and stays open when a decoder closes it."""

    def __init__(self, file: Any) -> None:
        super().__init__()
        self._file = file
        self._hash = hashlib.sha256()
        self.done = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._file.readinto(buffer)
        self._hash.update(memoryview(buffer)[:count])
        self.done += count
        return count

    def drain(self) -> None:
        while self.read(_BLOCK):
            pass

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


class Sources:
    """The input files of one import, in order; `files` grows as each has been read to its end."""

    def __init__(self, paths: Sequence[Path], progress: Progress | None) -> None:
        for path in paths:
            if not path.is_file():
                raise InputError("path", str(path), "is not a file")
        self.files: list[SourceFile] = []
        self._progress = progress
        self._sizes = {path: path.stat().st_size for path in paths}
        self._total = sum(self._sizes.values())
        self._at = dict.fromkeys(self._sizes, 0)

    def line_blocks(self, path: Path) -> Iterator[list[bytes]]:
        """Lists of whole lines, without their newlines, about 1 MB together; see `whole_lines`."""
        for text in self.whole_lines(path):
            lines = text.split(b"\n")
            if not lines[-1]:
                lines.pop()
            yield lines

    def whole_lines(self, path: Path) -> Iterator[bytes]:
        """Whole lines, about 1 MB together, every one ended by a newline; the file's last one needs none.

        Raises DataError for a damaged or truncated file and for a line above 64 MB.
        """
        rest = b""
        for block in self._blocks(path):
            cut = block.rfind(b"\n") + 1
            if cut:
                yield rest + block[:cut] if rest else block[:cut]
                rest = block[cut:]
            else:
                rest += block
            if len(rest) > _LONGEST_LINE:
                raise DataError(f"{path.name}: a line is longer than {_LONGEST_LINE >> 20} MB; this is not a text log")
        if rest:
            yield rest

    def _blocks(self, path: Path) -> Iterator[bytes]:
        with path.open("rb", buffering=0) as file:
            counted = _CountedFile(file)
            stream = open_decoded(path, file, counted)
            while True:
                try:
                    block = stream.read(_BLOCK)
                except (EOFError, OSError, zlib.error, zipfile.BadZipFile, ValueError) as error:
                    raise DataError(
                        f"{path.name}: the file is damaged or truncated at byte {file.tell():,} of "
                        f"{self._sizes[path]:,} ({error}); fetch it again"
                    ) from error
                self._at[path] = file.tell()
                if self._progress is not None:
                    self._progress(sum(self._at.values()), self._total)
                if not block:
                    break
                yield bytes(block)
            if isinstance(stream, zipfile.ZipExtFile):  # it has sought around, so it was not hashed
                file.seek(0)
            counted.drain()
            self.files.append(SourceFile(path.name, counted.done, counted.sha256))


def open_decoded(path: Path, file: Any, raw: Any) -> Any:
    """The decoded byte stream of an open file, the kind of compression told by its first bytes.

    `raw` is what sequential decoders read, `file` what a zip archive seeks in; both are the same file.
    """
    magic = file.read(4)
    file.seek(0)
    if magic.startswith(GZIP_MAGIC):
        return gzip.GzipFile(fileobj=io.BufferedReader(raw, _BLOCK))
    if magic == ZSTD_MAGIC:
        return _arrow.CompressedInputStream(_arrow.PythonFile(raw, mode="r"), "zstd")
    if magic == ZIP_MAGIC:
        return _open_zip(path, file)
    return raw


def _open_zip(path: Path, file: Any) -> Any:
    try:
        archive = zipfile.ZipFile(file)
        members = [member for member in archive.namelist() if not member.endswith("/")]
        if len(members) == 1:
            return archive.open(members[0])
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError) as error:
        raise DataError(f"{path.name}: the zip archive cannot be read ({error})") from error
    raise InputError("path", str(path), f"must hold exactly one file, but holds {len(members)}; unpack it first")


def first_line(path: Path, limit: int = 4096) -> bytes:
    """The first non-empty line of the decoded file, cut at `limit` bytes; empty if it cannot be decoded."""
    with path.open("rb", buffering=0) as file:
        try:
            head = open_decoded(path, file, file).read(limit)
        except (EOFError, OSError, zlib.error, zipfile.BadZipFile, ValueError, DataError):
            return b""
    for line in bytes(head).splitlines():
        if line.strip():
            return line.strip()
    return b""
