"""A real block, and small ones that the tests mine themselves."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from quotewright.chain.blocks import Block, Header, merkle_root, parse_block
from quotewright.chain.hashes import double_sha256
from quotewright.chain.transactions import NOWHERE, Input, Output, Transaction
from quotewright.chain.transfers import Transfers, transfers_of

EASY = 0x207F_FFFF  # every second hash will do
Miner = Callable[..., Block]


@pytest.fixture(scope="session")
def raw_block(shared_data: Path) -> bytes:
    """Bitcoin's block 702861, consensus bytes."""
    return gzip.decompress((shared_data / "onchain" / "btc_block_702861.raw.gz").read_bytes())


@pytest.fixture(scope="session")
def real_block(raw_block: bytes) -> Block:
    """The same, parsed."""
    return parse_block(raw_block)


@pytest.fixture(scope="session")
def real_transfers(real_block: Block) -> Transfers:
    """The same, as transfers."""
    return transfers_of([real_block])


@pytest.fixture(scope="session")
def mine() -> Miner:
    """Makes a valid block of `EASY` work from transactions: coinbase, witness commitment, Merkle root, nonce."""

    def mined(
        transactions: Sequence[Transaction], *, previous: bytes = bytes(32), height: int = 1, time: int = 1_600_000_000
    ) -> Block:
        start = Input(*NOWHERE, bytes((2,)) + height.to_bytes(2, "little") + b"\x01\x00", 0xFFFF_FFFF, (bytes(32),))
        reward = Output(50_0000_0000, b"\x00\x14" + bytes(range(20)))
        leaves = [bytes(32), *(each.wtxid for each in transactions)]
        commitment = double_sha256(merkle_root(leaves)[0] + bytes(32))
        coinbase = Transaction(2, (start,), (reward, Output(0, bytes.fromhex("6a24aa21a9ed") + commitment)), 0)
        everything = (coinbase, *transactions)
        root, _ = merkle_root([each.txid for each in everything])
        header = Header(0x2000_0000, previous, root, time, EASY, 0)
        while int.from_bytes(header.hash, "little") > header.target:
            header = header._replace(nonce=header.nonce + 1)
        return Block(header, everything)

    return mined
