"""Bitcoin blocks: parse and serialise consensus bytes, and check what a block proves by itself.

Header and Merkle tree: S. Nakamoto (2008), "Bitcoin: a peer-to-peer electronic cash system", sections 4 and 7; compact
targets: the Bitcoin developer reference, "Target nBits"; witness commitment and weight: BIP 141; height: BIP 34;
repeated transactions with an unchanged root: CVE-2012-2459.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from quotewright.chain.hashes import double_sha256
from quotewright.chain.transactions import Transaction, read_transaction, serialise, shown
from quotewright.chain.wire import Reader, compact
from quotewright.domain.errors import DataError

EASIEST_BITS = 0x1D00_FFFF  # mainnet's largest target
MOST_WEIGHT = 4_000_000
SECOND = 1_000_000_000  # ns

_HEADER = struct.Struct("<i32s32sIII")
_LEAST_TRANSACTION = 60
_COMMITMENT = bytes.fromhex("6a24aa21a9ed")


class Header(NamedTuple):
    """The 80 bytes that are hashed; hashes in hashing order, `time` in seconds since 1970 as the miner wrote it."""

    version: int
    previous: bytes
    merkle_root: bytes
    time: int
    bits: int
    nonce: int

    @property
    def hash(self) -> bytes:
        """The block's hash, in hashing order."""
        return double_sha256(_HEADER.pack(*self))

    @property
    def target(self) -> int:
        """The number that the hash may not exceed. Raises DataError where `bits` is no positive 256-bit number."""
        size, mantissa = self.bits >> 24, self.bits & 0x7F_FFFF
        target = mantissa << (8 * (size - 3)) if size > 3 else mantissa >> (8 * (3 - size))
        if self.bits & 0x80_0000 or target == 0 or target >> 256:
            raise DataError(f"bits {self.bits:#010x} are no target")
        return target

    @property
    def difficulty(self) -> float:
        """How many times harder than the easiest block: a hash succeeds once in about difficulty·2³²."""
        return Header(0, b"", b"", 0, EASIEST_BITS, 0).target / self.target


class Block(NamedTuple):
    """A header and the transactions in the order they are in."""

    header: Header
    transactions: tuple[Transaction, ...]

    @property
    def time_ns(self) -> int:
        """The header's time in ns; miners may be some two hours off, and a block may seem older than its parent."""
        return self.header.time * SECOND

    @property
    def height(self) -> int | None:
        """The height that the coinbase states (BIP 34); None for blocks of version 1, which state none."""
        if self.header.version < 2 or not self.transactions:
            return None
        script = self.transactions[0].inputs[0].script
        if script and 0x51 <= script[0] <= 0x60:
            return script[0] - 0x50
        if not script or not 1 <= script[0] <= 8 or len(script) <= script[0]:
            return None
        return int.from_bytes(script[1 : 1 + script[0]], "little", signed=True)

    @property
    def weight(self) -> int:
        """Three times the size without witnesses plus the whole size (BIP 141)."""
        overhead = 80 + len(compact(len(self.transactions)))
        sizes = ((len(serialise(each, witness=False)), len(serialise(each))) for each in self.transactions)
        return 4 * overhead + sum(3 * bare + whole for bare, whole in sizes)


def parse_block(data: bytes) -> Block:
    """The block that fills `data` exactly. Raises DataError where bytes are missing, left over or not canonical.

    It says nothing of whether the block is genuine: that is `check_block`.
    """
    reader = Reader(data)
    header = Header(*_HEADER.unpack(reader.take(_HEADER.size, "block header")))
    transactions = tuple(read_transaction(reader) for _ in range(reader.count(_LEAST_TRANSACTION, "transactions")))
    if reader.remaining:
        raise DataError(f"byte {reader.position}: {reader.remaining} bytes after the last transaction")
    return Block(header, transactions)


def serialise_block(block: Block) -> bytes:
    """Consensus bytes of a block."""
    return b"".join(
        (_HEADER.pack(*block.header), compact(len(block.transactions)), *map(serialise, block.transactions))
    )


def check_block(block: Block, *, easiest_bits: int = EASIEST_BITS) -> None:
    """Hold a block to its own header: work, Merkle root, one coinbase in front, witness commitment, weight.

    Raises DataError with what is wrong. What takes other blocks is not checked: whether the target was the one due,
    and whether scripts and amounts are what the outputs they spend allow.
    """
    header = block.header
    if header.target > header._replace(bits=easiest_bits).target:
        raise DataError(f"bits {header.bits:#010x} ask for less work than the chain allows")
    if int.from_bytes(header.hash, "little") > header.target:
        raise DataError(f"block {shown(header.hash)} does not prove the work that its bits ask for")
    if [each.coinbase for each in block.transactions] != [n == 0 for n in range(len(block.transactions))]:
        raise DataError("a block needs a coinbase as its first transaction and none after it")
    root, repeated = merkle_root([each.txid for each in block.transactions])
    if root != header.merkle_root:
        raise DataError(f"the transactions hash to {shown(root)}, the header says {shown(header.merkle_root)}")
    if repeated:
        raise DataError("transactions are repeated in a way that leaves the Merkle root as it was")
    _check_witnesses(block)
    if block.weight > MOST_WEIGHT:
        raise DataError(f"weight {block.weight} is above {MOST_WEIGHT}")


def merkle_root(hashes: list[bytes]) -> tuple[bytes, bool]:
    """The root over at least one hash, and whether two equal neighbours were hashed together (CVE-2012-2459)."""
    if not hashes:
        raise DataError("a Merkle tree needs a leaf")
    repeated = False
    while len(hashes) > 1:
        repeated |= any(a == b for a, b in zip(hashes[::2], hashes[1::2], strict=False))
        if len(hashes) % 2:
            hashes = [*hashes, hashes[-1]]
        hashes = [double_sha256(a + b) for a, b in zip(hashes[::2], hashes[1::2], strict=True)]
    return hashes[0], repeated


def _check_witnesses(block: Block) -> None:
    coinbase = block.transactions[0]
    found = [each.script for each in coinbase.outputs if each.script.startswith(_COMMITMENT) and len(each.script) >= 38]
    if not found:
        if any(each.segwit for each in block.transactions):
            raise DataError("there are witnesses, and the coinbase commits to none")
        return
    nonce = coinbase.inputs[0].witness
    if len(nonce) != 1 or len(nonce[0]) != 32:
        raise DataError("the coinbase commits to witnesses, and its own is not one item of 32 bytes")
    root, _ = merkle_root([each.wtxid for each in block.transactions])
    if double_sha256(root + nonce[0]) != found[-1][6:38]:  # the last one counts
        raise DataError("the witnesses are not those that the coinbase commits to")
