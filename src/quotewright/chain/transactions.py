"""Bitcoin transactions: parse and serialise consensus bytes, with or without witnesses, and their two hashes.

Layouts: the Bitcoin developer reference, "Raw transaction format"; BIP 144 for the form with witnesses; BIP 141 for
wtxid. Parsing is exact: what is accepted is serialised back to the same bytes.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from quotewright.chain.hashes import double_sha256
from quotewright.chain.wire import Reader, compact, sized
from quotewright.domain.errors import DataError

SATOSHI = 100_000_000  # in a bitcoin
MOST_SATOSHI = 21_000_000 * SATOSHI
NOWHERE = (bytes(32), 0xFFFF_FFFF)  # what a coinbase input spends

_LEAST_INPUT = 41
_LEAST_OUTPUT = 9
_SEGWIT = b"\x00\x01"


class Input(NamedTuple):
    """The output it spends (txid in hashing order, and index), its script, sequence number and witness items."""

    txid: bytes
    output: int
    script: bytes
    sequence: int
    witness: tuple[bytes, ...] = ()


class Output(NamedTuple):
    """An amount and the script that guards it."""

    satoshi: int
    script: bytes


class Transaction(NamedTuple):
    """One transaction; `version` is signed, as in consensus."""

    version: int
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    lock_time: int

    @property
    def segwit(self) -> bool:
        """Whether any input has a witness."""
        return any(each.witness for each in self.inputs)

    @property
    def coinbase(self) -> bool:
        """Whether it makes coins instead of spending them."""
        return len(self.inputs) == 1 and (self.inputs[0].txid, self.inputs[0].output) == NOWHERE

    @property
    def txid(self) -> bytes:
        """Hash without witnesses, in hashing order; shown to people reversed (`shown`)."""
        return double_sha256(serialise(self, witness=False))

    @property
    def wtxid(self) -> bytes:
        """Hash with witnesses (BIP 141), in hashing order; 32 zero bytes for a coinbase."""
        return bytes(32) if self.coinbase else double_sha256(serialise(self))


def shown(digest: bytes) -> str:
    """A hash as explorers show it: reversed, hexadecimal."""
    return digest[::-1].hex()


def parse_transaction(data: bytes) -> Transaction:
    """One transaction that fills `data` exactly. Raises DataError for anything else."""
    reader = Reader(data)
    transaction = read_transaction(reader)
    if reader.remaining:
        raise DataError(f"byte {reader.position}: {reader.remaining} bytes after the transaction")
    return transaction


def read_transaction(reader: Reader) -> Transaction:
    """The next transaction. Raises DataError where it is cut off, not in canonical form, or impossible in a block."""
    version = reader.signed(4, "version")
    flagged = reader.data[reader.position : reader.position + 2] == _SEGWIT
    if flagged:
        reader.position += 2
    inputs = [_read_input(reader) for _ in range(_some(reader, _LEAST_INPUT, "inputs"))]
    outputs = tuple(_read_output(reader) for _ in range(_some(reader, _LEAST_OUTPUT, "outputs")))
    if flagged:
        inputs = [each._replace(witness=_read_witness(reader)) for each in inputs]
        if not any(each.witness for each in inputs):
            raise DataError(f"byte {reader.position}: a transaction in witness form has no witness")
    lock_time = reader.unsigned(4, "lock time")
    return Transaction(version, tuple(inputs), outputs, lock_time)


def serialise(transaction: Transaction, *, witness: bool = True) -> bytes:
    """Consensus bytes; witnesses only where there are any and `witness` asks for them."""
    flagged = witness and transaction.segwit
    parts = [struct.pack("<i", transaction.version), _SEGWIT if flagged else b"", compact(len(transaction.inputs))]
    for each in transaction.inputs:
        parts += (each.txid, struct.pack("<I", each.output), sized(each.script), struct.pack("<I", each.sequence))
    parts.append(compact(len(transaction.outputs)))
    for output in transaction.outputs:
        parts += (struct.pack("<Q", output.satoshi), sized(output.script))
    if flagged:
        for each in transaction.inputs:
            parts.append(compact(len(each.witness)))
            parts += map(sized, each.witness)
    parts.append(struct.pack("<I", transaction.lock_time))
    return b"".join(parts)


def _some(reader: Reader, least: int, what: str) -> int:
    count = reader.count(least, what)
    if count == 0:
        raise DataError(f"byte {reader.position}: a transaction has no {what}")
    return count


def _read_input(reader: Reader) -> Input:
    txid = reader.take(32, "txid of an input")
    output = reader.unsigned(4, "index of the output spent")
    script = reader.sized("an input's script")
    return Input(txid, output, script, reader.unsigned(4, "sequence number"))


def _read_output(reader: Reader) -> Output:
    at = reader.position
    satoshi = reader.unsigned(8, "amount of an output")
    if satoshi > MOST_SATOSHI:
        raise DataError(f"byte {at}: an output of {satoshi} satoshi, more than there will ever be")
    return Output(satoshi, reader.sized("an output's script"))


def _read_witness(reader: Reader) -> tuple[bytes, ...]:
    return tuple(reader.sized("a witness item") for _ in range(reader.count(1, "witness items")))
