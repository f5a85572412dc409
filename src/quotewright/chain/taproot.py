"""The output key of a taproot spend by script, from what the spend reveals. BIP 341, "Script validation rules".

The curve arithmetic is plain affine arithmetic over public data: a millisecond or two a key, and not for secrets.
"""

from __future__ import annotations

import hashlib

from quotewright.chain.wire import sized

_P = 2**256 - 2**32 - 977
_N = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
_G = (
    0x79BE667E_F9DCBBAC_55A06295_CE870B07_029BFCDB_2DCE28D9_59F2815B_16F81798,
    0x483ADA77_26A3C465_5DA4FBFC_0E1108A8_FD17B448_A6855419_9C47D08F_FB10D4B8,
)
_Point = tuple[int, int] | None


def output_key(control: bytes, script: bytes) -> bytes | None:
    """The 32-byte output key that a control block (33 + 32·depth bytes) and its script prove.

    None where the control block has another length, an internal key that is not on the curve, or the wrong parity.
    """
    if len(control) < 33 or len(control) > 33 + 32 * 128 or len(control) % 32 != 1:
        return None
    node = tagged("TapLeaf", bytes((control[0] & 0xFE,)) + sized(script))
    for at in range(33, len(control), 32):
        node = tagged("TapBranch", b"".join(sorted((node, control[at : at + 32]))))
    point = tweaked(control[1:33], node)
    return None if point is None or point[1] & 1 != control[0] & 1 else point[0].to_bytes(32, "big")


def tweaked(internal: bytes, root: bytes) -> tuple[int, int] | None:
    """The point P + int(tagged hash(P, root))·G of an internal key; `root` is empty without scripts (BIP 86)."""
    point = _lifted(int.from_bytes(internal, "big"))
    tweak = int.from_bytes(tagged("TapTweak", internal + root), "big")
    return None if point is None or tweak >= _N else _added(point, _times(tweak, _G))


def tagged(tag: str, message: bytes) -> bytes:
    """SHA-256 in a domain of its own (BIP 340)."""
    prefix = hashlib.sha256(tag.encode()).digest()
    return hashlib.sha256(prefix + prefix + message).digest()


def _lifted(x: int) -> _Point:
    if x >= _P:
        return None
    square = (pow(x, 3, _P) + 7) % _P
    y = pow(square, (_P + 1) // 4, _P)
    if y * y % _P != square:
        return None
    return x, y if y % 2 == 0 else _P - y


def _added(a: _Point, b: _Point) -> _Point:
    if a is None or b is None:
        return b if a is None else a
    if a[0] == b[0] and (a[1] + b[1]) % _P == 0:
        return None
    rise, run = (3 * a[0] * a[0], 2 * a[1]) if a == b else (b[1] - a[1], b[0] - a[0])
    slope = rise * pow(run, -1, _P) % _P
    x = (slope * slope - a[0] - b[0]) % _P
    return x, (slope * (a[0] - x) - a[1]) % _P


def _times(scalar: int, point: _Point) -> _Point:
    total: _Point = None
    while scalar:
        if scalar & 1:
            total = _added(total, point)
        point = _added(point, point)
        scalar >>= 1
    return total
