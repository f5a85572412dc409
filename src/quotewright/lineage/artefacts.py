"""A folder of files that are named by their SHA-256: written whole or not at all, verified at each reading."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from quotewright.domain.errors import DataError, InputError


class Artefacts:
    """Contents by hash, below one folder; any number of processes may write to it at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise InputError("registry", str(folder), "is not a folder") from None

    def path(self, digest: str) -> Path:
        """Where the content with this hash is, or would be."""
        return self._folder / digest[:2] / digest

    def write(self, content: bytes) -> str:
        """Keep a content; returns its hash. What is there already stays, unless it is damaged: then it is restored."""
        from quotewright.storage.writer import sync_folder  # brings the compiler, which reading does without

        digest = hashlib.sha256(content).hexdigest()
        path = self.path(digest)
        if path.is_file() and path.read_bytes() == content:
            return digest
        path.parent.mkdir(exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
        sync_folder(self._folder)
        return digest

    def read(self, digest: str) -> bytes:
        """The content with this hash; raises DataError if it is missing or not what it was."""
        path = self.path(digest)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DataError(f"{path}: the artefact cannot be read ({error.strerror}): restore it") from error
        if hashlib.sha256(content).hexdigest() != digest:
            raise DataError(f"{path}: the artefact is damaged (its SHA-256 is another): restore it")
        return content
