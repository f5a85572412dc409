"""Addresses: output scripts as text, and back.

Base58Check for key and script hashes (Bitcoin developer reference, "Address conversion"; BIP 13), Bech32 for witness
version 0 and Bech32m for the later ones (BIP 173, BIP 350).
"""

from __future__ import annotations

from typing import NamedTuple

from quotewright.chain import base58, bech32
from quotewright.chain.hashes import hash160
from quotewright.chain.scripts import Kind, Template, template_of
from quotewright.domain.errors import InputError


class Network(NamedTuple):
    """The version bytes and the prefix that keep addresses of one chain from being paid on another."""

    key_hash: int
    script_hash: int
    prefix: str


MAINNET = Network(0x00, 0x05, "bc")
TESTNET = Network(0x6F, 0xC4, "tb")


def address_of(script: bytes, network: Network = MAINNET) -> str | None:
    """The address of an output script; None where it has none (data, bare multisignature, anything unknown).

    A bare public key has no address of its own: it gets its key hash's, so that coins of one key stay together.
    """
    return address_of_template(template_of(script), network)


def address_of_template(found: Template, network: Network = MAINNET) -> str | None:
    """The same for a script already recognised."""
    kind, inside, version = found
    if kind == Kind.P2PK:
        return base58.encode(bytes((network.key_hash,)) + hash160(inside))
    if kind == Kind.P2PKH:
        return base58.encode(bytes((network.key_hash,)) + inside)
    if kind == Kind.P2SH:
        return base58.encode(bytes((network.script_hash,)) + inside)
    if version > 0 or kind in (Kind.P2WPKH, Kind.P2WSH):
        constant = bech32.BECH32M if version else bech32.BECH32
        return bech32.encode(network.prefix, [version, *bech32.five_bits(inside)], constant)
    return None


def script_of(address: str, network: Network = MAINNET) -> bytes:
    """The output script of an address. Raises InputError for a mistyped one or one of another network."""
    lower = address.lower()
    if any(lower.startswith(known.prefix + "1") for known in (MAINNET, TESTNET)) or len(address) > 40:
        return _witness_script(address, network)
    payload = base58.decode(address)
    if len(payload) != 21 or payload[0] not in (network.key_hash, network.script_hash):
        raise InputError("address", address, f"is not one of the network with prefix {network.prefix!r}")
    if payload[0] == network.key_hash:
        return b"\x76\xa9\x14" + payload[1:] + b"\x88\xac"
    return b"\xa9\x14" + payload[1:] + b"\x87"


def kind_of(address: str, network: Network = MAINNET) -> Kind:
    """The kind of output that an address asks for. Raises InputError as `script_of` does."""
    return template_of(script_of(address, network)).kind


def _witness_script(address: str, network: Network) -> bytes:
    prefix, values, constant = bech32.decode(address)
    if prefix != network.prefix:
        raise InputError("address", address, f"is not one of the network with prefix {network.prefix!r}")
    program = bech32.eight_bits(values[1:])
    if not values or values[0] > 16 or program is None or not 2 <= len(program) <= 40:
        raise InputError("address", address, "is no witness program of version 0 to 16 and 2 to 40 bytes")
    version = values[0]
    if version == 0 and len(program) not in (20, 32):
        raise InputError("address", address, "is no program of version 0: those have 20 or 32 bytes (BIP 141)")
    if constant != (bech32.BECH32M if version else bech32.BECH32):
        raise InputError("address", address, "has the checksum of another version (BIP 350)")
    return bytes((version + 0x50 if version else 0, len(program))) + program
