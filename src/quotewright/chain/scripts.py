"""Output scripts: which of the standard templates one is, and the key, hash or program inside it.

Templates: P2PK and P2PKH, Nakamoto's original client; P2SH, BIP 16; witness programs, BIP 141; P2TR, BIP 341; bare
multisignature, BIP 11; data carriers (OP_RETURN), as relayed since Bitcoin Core 0.9.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

OP_RETURN = 0x6A
_DUP_HASH, _EQUAL_CHECK, _CHECK = b"\x76\xa9\x14", b"\x88\xac", 0xAC
_CHECK_MULTISIG = 0xAE


class Kind(IntEnum):
    """The template of an output script."""

    P2PK = 0
    P2PKH = 1
    P2SH = 2
    P2WPKH = 3
    P2WSH = 4
    P2TR = 5
    WITNESS = 6  # a witness program of a version or length without a meaning yet
    MULTISIG = 7
    OP_RETURN = 8
    OTHER = 9


class Template(NamedTuple):
    """A script's kind, the bytes inside it (key, hash, program; empty where none) and its witness version, or −1."""

    kind: Kind
    inside: bytes
    witness_version: int = -1


def template_of(script: bytes) -> Template:
    """Recognise an output script; whatever is no template is `OTHER`."""
    size = len(script)
    if size == 25 and script[:3] == _DUP_HASH and script[23:] == _EQUAL_CHECK:
        return Template(Kind.P2PKH, script[3:23])
    if size == 23 and script[:2] == b"\xa9\x14" and script[22] == 0x87:
        return Template(Kind.P2SH, script[2:22])
    if 4 <= size <= 42 and (script[0] == 0 or 0x51 <= script[0] <= 0x60) and script[1] == size - 2:
        version = script[0] - 0x50 if script[0] else 0
        return Template(_witness_kind(version, size - 2), script[2:], version)
    if size in (35, 67) and script[0] == size - 2 and script[-1] == _CHECK and is_key(script[1:-1]):
        return Template(Kind.P2PK, script[1:-1])
    if size and script[0] == OP_RETURN:
        return Template(Kind.OP_RETURN, script[1:])
    return Template(Kind.MULTISIG if _is_multisig(script) else Kind.OTHER, b"")


def is_key(data: bytes) -> bool:
    """Whether bytes have the form of a public key: 33 compressed, 65 not (the curve is not asked)."""
    return (len(data) == 33 and data[0] in (2, 3)) or (len(data) == 65 and data[0] in (4, 6, 7))


def pushes(script: bytes) -> list[bytes] | None:
    """What a script of pushes alone leaves on the stack, bottom first; None if it does anything else or is cut off."""
    found: list[bytes] = []
    at = 0
    while at < len(script):
        code = script[at]
        at += 1
        if code == 0 or 0x51 <= code <= 0x60:
            found.append(bytes((code - 0x50,)) if code else b"")
            continue
        if code == 0x4F:
            found.append(b"\x81")
            continue
        if code > 0x4E:
            return None
        width = {0x4C: 1, 0x4D: 2, 0x4E: 4}.get(code, 0)
        length = int.from_bytes(script[at : at + width], "little") if width else code
        at += width
        if at + length > len(script):
            return None
        found.append(script[at : at + length])
        at += length
    return found


def _witness_kind(version: int, size: int) -> Kind:
    known = {(0, 20): Kind.P2WPKH, (0, 32): Kind.P2WSH, (1, 32): Kind.P2TR}
    return known.get((version, size), Kind.WITNESS)


def _is_multisig(script: bytes) -> bool:
    if len(script) < 37 or script[-1] != _CHECK_MULTISIG:
        return False
    needed, offered = script[0] - 0x50, script[-2] - 0x50
    keys = pushes(script[1:-2])
    return keys is not None and 1 <= needed <= offered == len(keys) <= 16 and all(map(is_key, keys))
