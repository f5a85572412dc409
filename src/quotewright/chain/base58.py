"""Base58 with a checksum: the text of pay-to-public-key-hash and pay-to-script-hash addresses.

The alphabet and the four bytes of double SHA-256 are those of the Bitcoin developer reference, "Base58Check encoding".
"""

from __future__ import annotations

from quotewright.chain.hashes import double_sha256
from quotewright.domain.errors import InputError

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_VALUES = {character: value for value, character in enumerate(ALPHABET)}
_LONGEST = 128  # characters: the work is quadratic, and no address has a third of it


def encode(payload: bytes) -> str:
    """The payload and its checksum as text; each leading zero byte is a leading 1."""
    data = payload + double_sha256(payload)[:4]
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = ALPHABET[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def decode(text: str) -> bytes:
    """The payload without its checksum. Raises InputError for a foreign character or a wrong checksum."""
    if not 0 < len(text) <= _LONGEST or not all(character in _VALUES for character in text):
        raise InputError("address", text[:_LONGEST], "is not in base 58")
    number = 0
    for character in text:
        number = 58 * number + _VALUES[character]
    zeros = len(text) - len(text.lstrip("1"))
    data = bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")
    payload, checksum = data[:-4], data[-4:]
    if len(data) < 4 or double_sha256(payload)[:4] != checksum:
        raise InputError("address", text, "has a wrong checksum: a character is mistyped or missing")
    return payload
