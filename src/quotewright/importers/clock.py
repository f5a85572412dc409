"""Time in a recording only goes forward: what goes back is refused, and files in the wrong order are told at once."""

from __future__ import annotations

from quotewright.domain.errors import InputError, ParseError


class ForwardClock:
    """The latest accepted time of one stream that may span several files."""

    def __init__(self, field: str) -> None:
        self.now = 0
        self._field = field
        self._file = ""

    def begin_file(self, name: str) -> None:
        """The next time belongs to this file."""
        self._file = name

    def advance(self, time: int) -> int:
        """Take a time that is not before the last one, and return it.

        Raises ParseError if it goes back, InputError if it is the first of its file: then the files are out of order.
        """
        if time < self.now:
            if self._file:
                raise InputError("path", self._file, "begins before the file ahead of it ends; give the oldest first")
            raise ParseError(self._field, time, "goes back; the recording is not in order")
        self._file = ""
        self.now = time
        return time
