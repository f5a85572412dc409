"""What a session tells people: one JSON object a line, with wall time and engine time, and never a secret.

Not the session's record, which is `storage.session_log`: lines may be lost in a crash, and losing them loses nothing.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, quote_plus

import msgspec

from quotewright.domain.errors import InputError

_SEVERITIES = {"note": "info", "pause": "warning", "halt": "error"}
HIDDEN = "[secret]"
_SHORTEST_SECRET = 6


class Redactor:
    """Replaces known secret values, however they are written, in whatever is about to be told."""

    def __init__(self) -> None:
        self._forms: list[bytes] = []

    def hide(self, secret: str) -> None:
        """From now on this value is not told. Raises InputError for one so short that it would blot out other text."""
        if len(secret) < _SHORTEST_SECRET:
            raise InputError("secret", "…", f"must have at least {_SHORTEST_SECRET} characters to be hidden")
        inner = msgspec.json.encode(secret)[1:-1]
        ascii_only = json.dumps(secret)[1:-1].encode()
        addresses = (quote(secret), quote(secret, safe=""), quote_plus(secret))
        forms = {secret.encode(), inner, ascii_only, *(form.encode() for form in addresses)}
        forms |= {msgspec.json.encode(form.decode())[1:-1] for form in forms}  # text within text: a quoted body
        lines = {line.encode() for line in secret.splitlines() if len(line) >= _SHORTEST_SECRET}  # of a PEM file
        self._forms = sorted({*self._forms, *forms, *lines}, key=lambda form: (-len(form), form))

    def clean(self, text: bytes) -> bytes:
        """The text without any of the secrets."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, HIDDEN.encode())
        return text


class StructuredLog:
    """Writes lines to a file that is rotated by size; `keep` older files stay. InputError if it cannot be opened.

    A line is {"wall": RFC 3339 in UTC, "engine": ns or 0, "level": …, "event": …} and the fields given. What cannot be
    written is counted in `lost`: a full disk for log lines must not stop the trading.
    """

    def __init__(
        self,
        path: Path,
        *,
        rotate_bytes: int = 64 << 20,
        keep: int = 5,
        redactor: Redactor | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self.lost = 0
        self._redactor = redactor or Redactor()
        self._path = path
        self._rotate_bytes = rotate_bytes
        self._keep = keep
        self._clock = clock
        self._encode = msgspec.json.Encoder(enc_hook=str).encode
        self._handle = -1
        self._size = 0
        self._open()

    def write(self, level: str, event: str, text: str = "", *, engine_time: int = 0, **fields: Any) -> None:
        """Write one line; a level may be a severity of `gateway.port.Alarm`. Fields must not be named as its own."""
        level = _SEVERITIES.get(level, level)
        line: dict[str, Any] = {"wall": _rfc3339(self._clock()), "engine": engine_time, "level": level, "event": event}
        if text:
            line["text"] = text
        line.update(fields)
        try:
            encoded = self._encode(line)
        except (TypeError, ValueError, OverflowError, RecursionError):
            encoded = self._encode({name: repr(value) for name, value in line.items()})
        self._put(self._redactor.clean(encoded) + b"\n")

    def close(self) -> None:
        """Close the file."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        except OSError as error:
            raise InputError("log file", str(self._path), f"cannot be written: {error.strerror}") from None
        self._size = os.fstat(self._handle).st_size

    def _put(self, line: bytes) -> None:
        try:
            if self._handle < 0:
                self._open()
            if self._size and self._size + len(line) > self._rotate_bytes:
                self._rotate()
            self._size += os.write(self._handle, line)
        except (OSError, InputError):
            self.lost += 1

    def _rotate(self) -> None:
        """The file becomes number 1, number 1 becomes 2, and so on."""
        path = self._path
        for number in range(self._keep, 0, -1):
            older = path if number == 1 else _numbered(path, number - 1)
            if older.exists():
                older.replace(_numbered(path, number))
        if not self._keep:
            path.unlink()
        os.close(self._handle)
        self._handle = -1
        self._open()


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}.{number}{path.suffix}")


def _rfc3339(ns: int) -> str:
    seconds, rest = divmod(ns, 10**9)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest // 1000:06d}Z"
