"""Bech32 and Bech32m: the text of segregated witness addresses. P. Wuille & G. Maxwell, BIP 173; P. Wuille, BIP 350."""

from __future__ import annotations

from collections.abc import Iterable

from quotewright.domain.errors import InputError

ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
BECH32 = 1
BECH32M = 0x2BC8_30A3

_VALUES = {character: value for value, character in enumerate(ALPHABET)}
_GENERATOR = (0x3B6A_57B2, 0x2650_8E6D, 0x1EA1_19FA, 0x3D42_33DD, 0x2A14_62B3)
_LONGEST = 90  # characters


def encode(prefix: str, values: list[int], constant: int) -> str:
    """Text of 5-bit values under a human-readable prefix, with the checksum of `BECH32` or `BECH32M`."""
    check = _polymod([*_expand(prefix), *values, 0, 0, 0, 0, 0, 0]) ^ constant
    tail = [(check >> 5 * (5 - i)) & 31 for i in range(6)]
    return prefix + "1" + "".join(ALPHABET[value] for value in (*values, *tail))


def decode(text: str) -> tuple[str, list[int], int]:
    """(prefix, 5-bit values without checksum, the constant that its checksum has). Raises InputError if it has none."""
    lower = text.lower()
    if not 8 <= len(text) <= _LONGEST or not all(33 <= ord(character) <= 126 for character in text):
        raise InputError("address", text[:_LONGEST], "is not 8 to 90 printable characters")
    if lower != text and text.upper() != text:
        raise InputError("address", text, "mixes upper and lower case")
    prefix, _, rest = lower.rpartition("1")
    if not prefix or len(rest) < 6 or not all(character in _VALUES for character in rest):
        raise InputError("address", text, "is not a prefix, a 1 and at least six characters of Bech32")
    values = [_VALUES[character] for character in rest]
    constant = _polymod([*_expand(prefix), *values])
    if constant not in (BECH32, BECH32M):
        raise InputError("address", text, "has a wrong checksum: a character is mistyped or missing")
    return prefix, values[:-6], constant


def five_bits(data: bytes) -> list[int]:
    """Bytes as 5-bit values, the last filled with zero bits."""
    number, bits = int.from_bytes(data, "big"), 8 * len(data)
    spare = -bits % 5
    number <<= spare
    return [(number >> shift) & 31 for shift in range(bits + spare - 5, -1, -5)]


def eight_bits(values: Iterable[int]) -> bytes | None:
    """5-bit values as bytes; None where more than four bits are left over, or one of them is not 0."""
    number, bits = 0, 0
    for value in values:
        number, bits = number << 5 | value, bits + 5
    spare = bits % 8
    if spare > 4 or number & ((1 << spare) - 1):
        return None
    return (number >> spare).to_bytes(bits // 8, "big")


def _expand(prefix: str) -> list[int]:
    codes = [ord(character) for character in prefix]
    return [code >> 5 for code in codes] + [0] + [code & 31 for code in codes]


def _polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FF_FFFF) << 5 ^ value
        for i, generator in enumerate(_GENERATOR):
            if top >> i & 1:
                check ^= generator
    return check
