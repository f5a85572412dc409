"""Transactions as flat arrays: who put in what, who got what, when. What everything above blocks works on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.chain.addresses import MAINNET, Network, address_of
from quotewright.chain.blocks import Block
from quotewright.chain.spenders import spender_of
from quotewright.domain.errors import DataError, InputError

Integers = npt.NDArray[np.int64]

UNKNOWN = -1  # an address or an amount that the data do not tell


class Transfers(NamedTuple):
    """Transactions in the order of the chain, their inputs and outputs by row.

    `time` (ns, of the block: never falling) and `height` (never falling) by transaction; a row of `source_*` is an
    input, of `target_*` an output: its transaction, address (index into `addresses`, or −1) and satoshi (inputs only:
    −1 where the output it spends is not among the data). A coinbase has no input rows. Rows are in order of their
    transactions.
    """

    time: Integers
    height: Integers
    source_tx: Integers
    source_address: Integers
    source_satoshi: Integers
    target_tx: Integers
    target_address: Integers
    target_satoshi: Integers
    addresses: tuple[str, ...]

    @property
    def resolved(self) -> bool:
        """Whether the amount and address of every input are known."""
        return bool((self.source_satoshi >= 0).all() and (self.source_address >= 0).all())

    def until(self, height: int) -> Transfers:
        """The transactions up to and with a height; addresses keep their indices."""
        count = int(np.searchsorted(self.height, height, side="right"))
        inputs, outputs = (int(np.searchsorted(tx, count)) for tx in (self.source_tx, self.target_tx))
        return Transfers(
            self.time[:count],
            self.height[:count],
            self.source_tx[:inputs],
            self.source_address[:inputs],
            self.source_satoshi[:inputs],
            self.target_tx[:outputs],
            self.target_address[:outputs],
            self.target_satoshi[:outputs],
            self.addresses,
        )


def check_transfers(transfers: Transfers) -> None:
    """Hold the arrays to what `Transfers` says. Raises InputError naming the array."""
    count, known = len(transfers.time), len(transfers.addresses)
    if len(transfers.height) != count or (np.diff(transfers.time) < 0).any() or (np.diff(transfers.height) < 0).any():
        raise InputError("time, height", (count, len(transfers.height)), "give one of each per transaction, in order")
    for side in ("source", "target"):
        tx, address, satoshi = (getattr(transfers, f"{side}_{name}") for name in ("tx", "address", "satoshi"))
        if not len(tx) == len(address) == len(satoshi):
            raise InputError(side, (len(tx), len(address), len(satoshi)), "needs arrays of one length")
        if len(tx) and (tx[0] < 0 or tx[-1] >= count or (np.diff(tx) < 0).any()):
            raise InputError(f"{side}_tx", count, "must name transactions, in order")
        if len(tx) and (address.min() < UNKNOWN or address.max() >= known):
            raise InputError(f"{side}_address", int(address.max()), f"must be −1 or below {known}")
        if len(tx) and satoshi.min() < (UNKNOWN if side == "source" else 0):
            raise InputError(f"{side}_satoshi", int(satoshi.min()), "must not be negative (−1: an unknown input)")


def flat(
    times: list[int],
    heights: list[int],
    sources: list[tuple[int, int, int]],
    targets: list[tuple[int, int, int]],
    addresses: list[str],
) -> Transfers:
    """Transfers of lists: times and heights by transaction, (transaction, address, satoshi) by input and output."""
    source_tx, source_address, source_satoshi = _columns(sources)
    target_tx, target_address, target_satoshi = _columns(targets)
    return Transfers(
        np.array(times, np.int64),
        np.array(heights, np.int64),
        source_tx,
        source_address,
        source_satoshi,
        target_tx,
        target_address,
        target_satoshi,
        tuple(addresses),
    )


def transfers_of(blocks: Sequence[Block], *, first_height: int | None = None, network: Network = MAINNET) -> Transfers:
    """The transfers of consecutive blocks, oldest first.

    Inputs that spend an output of these blocks take its address and amount; for others the address is what the input
    reveals (`spender_of`) and the amount unknown. Time is the largest header time so far: miners' clocks go back, time
    as known does not. `first_height` is for blocks that do not state theirs. Raises InputError without blocks,
    DataError where one does not follow the one before, or spends an output of these blocks twice.
    """
    if not blocks:
        raise InputError("blocks", 0, "give at least one")
    height = blocks[0].height if first_height is None else first_height
    if height is None:
        raise InputError("first_height", None, "the first block does not state its height: give it")
    build = _Build(network)
    for n, block in enumerate(blocks):
        if n and block.header.previous != blocks[n - 1].header.hash:
            raise DataError(f"block {n} of the list does not follow the one before it")
        build.add(block, height + n)
    return build.done()


class _Build:
    """What is gathered block by block, before it becomes arrays."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.now = 0
        self.times: list[int] = []
        self.heights: list[int] = []
        self.sources: list[tuple[int, int, int]] = []
        self.targets: list[tuple[int, int, int]] = []
        self.index: dict[str, int] = {}
        self.unspent: dict[tuple[bytes, int], tuple[int, int]] = {}
        self.made: set[tuple[bytes, int]] = set()

    def add(self, block: Block, height: int) -> None:
        self.now = max(self.now, block.time_ns)
        for transaction in block.transactions:
            row = len(self.times)
            self.times.append(self.now)
            self.heights.append(height)
            for spent in () if transaction.coinbase else transaction.inputs:
                place = (spent.txid, spent.output)
                if place in self.made and place not in self.unspent:
                    raise DataError(f"output {place[1]} of {place[0][::-1].hex()} is spent twice")
                known = self.unspent.pop(place, None)
                address, satoshi = known or (self._number(spender_of(spent, self.network)), UNKNOWN)
                self.sources.append((row, address, satoshi))
            txid = transaction.txid
            for n, output in enumerate(transaction.outputs):
                address = self._number(address_of(output.script, self.network))
                self.targets.append((row, address, output.satoshi))
                self.unspent[txid, n] = address, output.satoshi
                self.made.add((txid, n))

    def done(self) -> Transfers:
        return flat(self.times, self.heights, self.sources, self.targets, list(self.index))

    def _number(self, address: str | None) -> int:
        return UNKNOWN if address is None else self.index.setdefault(address, len(self.index))


def _columns(rows: list[tuple[int, int, int]]) -> tuple[Integers, Integers, Integers]:
    table = np.array(rows, np.int64).reshape(-1, 3)
    return table[:, 0].copy(), table[:, 1].copy(), table[:, 2].copy()
