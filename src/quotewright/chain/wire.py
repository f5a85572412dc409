"""Reading and writing Bitcoin's consensus encoding: bounded reads, compact sizes in their shortest form only.

Layout as in the Bitcoin developer reference, "CompactSize unsigned integers"; that a longer form than needed is refused
is consensus (Bitcoin Core, serialize.h, ReadCompactSize).
"""

from __future__ import annotations

from quotewright.domain.errors import DataError


class Reader:
    """A position in bytes; every read past the end is a DataError that says where and what was missing."""

    __slots__ = ("data", "position")

    def __init__(self, data: bytes, position: int = 0) -> None:
        self.data = data
        self.position = position

    @property
    def remaining(self) -> int:
        """Bytes not yet read."""
        return len(self.data) - self.position

    def take(self, count: int, what: str) -> bytes:
        """The next `count` bytes."""
        start = self.position
        if count > len(self.data) - start:
            raise DataError(f"byte {start}: {what} needs {count} bytes, {len(self.data) - start} are left")
        self.position = start + count
        return self.data[start : self.position]

    def unsigned(self, width: int, what: str) -> int:
        """The next `width` bytes as a little-endian integer."""
        return int.from_bytes(self.take(width, what), "little")

    def signed(self, width: int, what: str) -> int:
        """The same in two's complement."""
        return int.from_bytes(self.take(width, what), "little", signed=True)

    def compact(self, what: str) -> int:
        """A compact size: 1, 3, 5 or 9 bytes; refused where a shorter form exists."""
        first = self.take(1, what)[0]
        if first < 0xFD:
            return first
        width = 1 << (first - 0xFC)  # fd: 2, fe: 4, ff: 8
        value = self.unsigned(width, what)
        if value < (0xFD if width == 2 else 1 << (4 * width)):
            raise DataError(f"byte {self.position - width - 1}: {what}: {value} is not in its shortest form")
        return value

    def count(self, least: int, what: str) -> int:
        """A compact count of things of at least `least` bytes each, refused where they cannot all be there.

        So a damaged count can ask for no more memory than the data already has.
        """
        value = self.compact(what)
        if value * least > self.remaining:
            raise DataError(f"byte {self.position}: {value} {what} cannot be in the {self.remaining} bytes left")
        return value

    def sized(self, what: str) -> bytes:
        """Bytes led by their compact length."""
        return self.take(self.count(1, f"bytes of {what}"), what)


def compact(value: int) -> bytes:
    """The shortest compact size of an integer in [0, 2⁶⁴)."""
    if value < 0xFD:
        return bytes((value,))
    for mark, width in ((b"\xfd", 2), (b"\xfe", 4)):
        if value < 1 << (8 * width):
            return mark + value.to_bytes(width, "little")
    return b"\xff" + value.to_bytes(8, "little")


def sized(data: bytes) -> bytes:
    """Bytes led by their compact length."""
    return compact(len(data)) + data
