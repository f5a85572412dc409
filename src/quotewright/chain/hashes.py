"""The hashes of Bitcoin: SHA-256 twice, and RIPEMD-160 of SHA-256.

RIPEMD-160: H. Dobbertin, A. Bosselaers & B. Preneel (1996), "RIPEMD-160: a strengthened version of RIPEMD", appendix A.
Many builds of OpenSSL 3 no longer offer it, so it is here too; the library's is used where there is one.
"""

from __future__ import annotations

import hashlib
import struct
from functools import lru_cache

_MASK = 0xFFFF_FFFF
_ORDER = tuple(range(16))
_RHO = (7, 4, 13, 1, 10, 6, 15, 3, 12, 0, 9, 5, 2, 14, 11, 8)
_SHIFTS = (
    (11, 14, 15, 12, 5, 8, 7, 9, 11, 13, 14, 15, 6, 7, 9, 8),
    (12, 13, 11, 15, 6, 9, 9, 7, 12, 15, 11, 13, 7, 8, 7, 7),
    (13, 15, 14, 11, 7, 7, 6, 8, 13, 14, 13, 12, 5, 5, 6, 9),
    (14, 11, 12, 14, 8, 6, 5, 5, 15, 12, 15, 14, 9, 9, 8, 6),
    (15, 12, 13, 13, 9, 5, 8, 6, 14, 11, 12, 11, 8, 6, 5, 5),
)  # by message word, round by round
_LEFT = (0, 0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC, 0xA953FD4E)
_RIGHT = (0x50A28BE6, 0x5C4DD124, 0x6D703EF3, 0x7A6D76E9, 0)


def double_sha256(data: bytes) -> bytes:
    """SHA-256 of SHA-256: the hash of headers, transactions and Merkle nodes, in the order of bytes it is hashed in."""
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()


def sha256(data: bytes) -> bytes:
    """SHA-256 once, as in a pay-to-witness-script-hash program (BIP 141)."""
    return hashlib.sha256(data).digest()


def hash160(data: bytes) -> bytes:
    """RIPEMD-160 of SHA-256: the 20 bytes of keys and scripts in addresses."""
    digest = hashlib.sha256(data).digest()
    return hashlib.new("ripemd160", digest).digest() if _library_has_it() else ripemd160(digest)


@lru_cache(maxsize=1)
def _library_has_it() -> bool:
    try:
        return hashlib.new("ripemd160", b"").digest() == ripemd160(b"")
    except ValueError:
        return False


def ripemd160(message: bytes) -> bytes:
    """RIPEMD-160, 20 bytes."""
    state = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0]
    padded = message + b"\x80" + bytes(-(len(message) + 9) % 64) + struct.pack("<Q", 8 * len(message))
    for at in range(0, len(padded), 64):
        words = struct.unpack_from("<16I", padded, at)
        a = _line(state, words, _left_orders(), _LEFT, backwards=False)
        b = _line(state, words, _right_orders(), _RIGHT, backwards=True)
        state = [(state[(i + 1) % 5] + a[(i + 2) % 5] + b[(i + 3) % 5]) & _MASK for i in range(5)]
    return struct.pack("<5I", *state)


@lru_cache(maxsize=1)
def _left_orders() -> tuple[tuple[int, ...], ...]:
    return _powers(_ORDER)


@lru_cache(maxsize=1)
def _right_orders() -> tuple[tuple[int, ...], ...]:
    return _powers(tuple((9 * i + 5) % 16 for i in range(16)))  # π


def _powers(order: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    orders = [order]
    for _ in range(4):
        orders.append(tuple(_RHO[word] for word in orders[-1]))
    return tuple(orders)


def _line(
    state: list[int],
    words: tuple[int, ...],
    orders: tuple[tuple[int, ...], ...],
    constants: tuple[int, ...],
    *,
    backwards: bool,
) -> list[int]:
    a, b, c, d, e = state
    for i in range(5):
        shape = 4 - i if backwards else i
        for word in orders[i]:
            if shape == 0:
                f = b ^ c ^ d
            elif shape == 1:
                f = (b & c) | (~b & d)
            elif shape == 2:
                f = (b | ~c) ^ d
            elif shape == 3:
                f = (b & d) | (c & ~d)
            else:
                f = b ^ (c | ~d)
            total = (a + f + words[word] + constants[i]) & _MASK
            shift = _SHIFTS[i][word]
            turned = ((total << shift) | (total >> (32 - shift))) & _MASK
            a, b, c, d, e = e, (turned + e) & _MASK, b, ((c << 10) | (c >> 22)) & _MASK, d
    return [a, b, c, d, e]
