"""What a folder of growing files needs: one writer at a time, and packing that a kill cannot harm."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from typing import Any

import pyarrow

from quotewright.domain.errors import InputError
from quotewright.storage.session_log_frames import UNFINISHED
from quotewright.storage.writer import sync_folder

_LOCK = "lock"
_BLOCK = 1 << 20

_arrow: Any = pyarrow  # it ships no types


def lock_folder(folder: Path, what: str) -> Any:
    """Make the folder this process's until what is returned is closed, or the process ends, however it ends.

    Raises InputError if it is another `what`'s already, naming its process.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / _LOCK).open("a+b")
    except (FileExistsError, NotADirectoryError):
        raise InputError("folder", str(folder), "is not a folder") from None
    except OSError as error:
        raise InputError("folder", str(folder), f"cannot be written to: {error.strerror}") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        owner = file.read().decode(errors="replace").strip() or "unknown"
        file.close()
        raise InputError(
            "folder", str(folder), f"is in use by another {what}, process {owner}; stop it first"
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()).encode())
    file.flush()
    return file


def pack_file(path: Path, packed: Path) -> None:
    """Replace a file by a copy packed with zstd; a kill leaves one of them whole, a full disk the plain one."""
    unfinished = packed.with_name(packed.name + UNFINISHED)
    try:
        with path.open("rb") as source, _arrow.output_stream(str(unfinished), compression="zstd") as to:
            while block := source.read(_BLOCK):
                to.write(block)
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        unfinished.replace(packed)
        sync_folder(path.parent)
        path.unlink()
    except OSError:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
