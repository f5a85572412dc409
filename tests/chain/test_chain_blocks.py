"""Raw blocks: the facts of a real one, exact round trips, and refusal of whatever is damaged."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.chain.blocks import Block, Header, check_block, merkle_root, parse_block, serialise_block
from quotewright.chain.hashes import double_sha256
from quotewright.chain.scripts import Kind, template_of
from quotewright.chain.transactions import (
    MOST_SATOSHI,
    Input,
    Output,
    Transaction,
    parse_transaction,
    serialise,
    shown,
)
from quotewright.chain.wire import Reader, compact
from quotewright.domain.errors import DataError

EASY = 0x207F_FFFF
GENESIS = bytes.fromhex(
    "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3"
    "888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c01010000000100000000000000000000000000000000000000000000000000000000"
    "00000000ffffffff4d04ffff001d0104455468652054696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e206272696e6b"
    "206f66207365636f6e64206261696c6f757420666f722062616e6b73ffffffff0100f2052a01000000434104678afdb0fe5548271967f1a67130"
    "b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac00000000"
)

scripts = st.binary(max_size=300)
inputs = st.builds(
    Input,
    st.binary(min_size=32, max_size=32),
    st.integers(0, 2**32 - 1),
    scripts,
    st.integers(0, 2**32 - 1),
    st.lists(scripts, max_size=3).map(tuple),
)
outputs = st.builds(Output, st.integers(0, MOST_SATOSHI), scripts)
transactions = st.builds(
    Transaction,
    st.integers(-(2**31), 2**31 - 1),
    st.lists(inputs, min_size=1, max_size=4).map(tuple),
    st.lists(outputs, min_size=1, max_size=4).map(tuple),
    st.integers(0, 2**32 - 1),
)


@pytest.fixture
def small(mine: Callable[..., Block]) -> bytes:
    """A mined block of four transactions, two with witnesses."""
    plain = Transaction(1, (Input(b"\x11" * 32, 0, b"\x51", 5),), (Output(7, b"\x6a\x01a"), Output(8, b"")), 0)
    witty = Transaction(2, (Input(b"\x22" * 32, 1, b"", 6, (b"ab", b"")),), (Output(9, b"\x51"),), 3)
    both = Transaction(
        2, (Input(b"\x33" * 32, 1, b"\x00", 6), Input(b"\x44" * 32, 2, b"", 6, (b"c",))), (witty.outputs[0],), 3
    )
    return serialise_block(mine([plain, witty, both]))


def test_the_real_block_is_what_its_description_says(raw_block: bytes) -> None:
    block = parse_block(raw_block)
    check_block(block)
    assert serialise_block(block) == raw_block
    assert shown(block.header.hash) == "000000000000000000000c835b2adcaedc20fdf6ee440009c249452c726dafae"
    assert block.height == 702861
    found = block.transactions
    assert len(found) == 2500
    assert sum(len(each.inputs) > 1 for each in found) == 606
    assert sum(each.segwit for each in found) == 2065
    assert sum(len(each.inputs) for each in found) == 6518
    assert sum(len(each.outputs) for each in found) == 6015
    assert round(sum(output.satoshi for each in found for output in each.outputs) / 1e8, 1) == 28_836.8
    assert block.weight == 4 * (80 + 3) + sum(3 * len(serialise(t, witness=False)) + len(serialise(t)) for t in found)


def test_the_genesis_block() -> None:
    block = parse_block(GENESIS)
    check_block(block)
    assert shown(block.header.hash) == "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"
    assert shown(block.transactions[0].txid) == "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b"
    assert block.header.difficulty == 1
    assert block.height is None
    assert template_of(block.transactions[0].outputs[0].script).kind == Kind.P2PK


@given(transactions)
@settings(max_examples=50)
def test_transactions_come_back_as_they_were(transaction: Transaction) -> None:
    assert parse_transaction(serialise(transaction)) == transaction
    bare = parse_transaction(serialise(transaction, witness=False))
    assert bare.txid == transaction.txid
    assert bare.inputs == tuple(each._replace(witness=()) for each in transaction.inputs)


@given(transactions)
@settings(max_examples=8)
def test_a_transaction_cut_off_anywhere_is_refused(transaction: Transaction) -> None:
    whole = serialise(transaction)
    for end in range(len(whole)):
        with pytest.raises(DataError):
            parse_transaction(whole[:end])
    with pytest.raises(DataError):
        parse_transaction(whole + b"\0")


@given(transactions, st.data())
@settings(max_examples=60)
def test_a_damaged_transaction_is_refused_or_read_exactly(transaction: Transaction, data: st.DataObject) -> None:
    damaged = bytearray(serialise(transaction))
    for at in data.draw(st.lists(st.integers(0, len(damaged) - 1), min_size=1, max_size=4)):
        damaged[at] = data.draw(st.sampled_from([0, 1, 0x7F, 0xFC, 0xFD, 0xFE, 0xFF]) | st.integers(0, 255))
    try:
        found = parse_transaction(bytes(damaged))
    except DataError:
        return
    assert serialise(found) == bytes(damaged)


@given(st.binary(max_size=400))
def test_noise_is_refused_or_read_exactly(noise: bytes) -> None:
    for parse, write in ((parse_transaction, serialise), (parse_block, serialise_block)):
        try:
            found = parse(noise)
        except DataError:
            continue
        assert write(found) == noise


def test_a_block_cut_off_anywhere_is_refused(small: bytes) -> None:
    check_block(parse_block(small), easiest_bits=EASY)
    for end in range(len(small)):
        with pytest.raises(DataError):
            parse_block(small[:end])
    with pytest.raises(DataError, match="after the last"):
        parse_block(small + b"\0")


def test_every_flipped_bit_of_a_block_is_noticed(small: bytes) -> None:
    """Each byte is under the proof of work, the Merkle root or the commitment; half of all headers pass EASY work."""
    header = parse_block(small).header
    for at in range(len(small)):
        damaged = bytearray(small)
        damaged[at] ^= 1 << (at % 8)
        try:
            found = parse_block(bytes(damaged))
            check_block(found, easiest_bits=EASY)
        except DataError:
            continue
        assert found.header != header  # it proves itself as another block


def test_the_real_block_cut_or_damaged_is_refused(raw_block: bytes) -> None:
    rng = random.Random(5)
    for end in (0, 79, 80, 81, *(rng.randrange(len(raw_block)) for _ in range(3)), len(raw_block) - 1):
        with pytest.raises(DataError):
            parse_block(raw_block[:end])
    for _ in range(2):
        damaged = bytearray(raw_block)
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        with pytest.raises(DataError):
            check_block(parse_block(bytes(damaged)))


@pytest.mark.parametrize("count", ["fdffff", "feffffffff", "ffffffffffffffffff"])
def test_huge_counts_ask_for_no_memory(count: str) -> None:
    with pytest.raises(DataError, match="cannot be in"):
        parse_block(GENESIS[:80] + bytes.fromhex(count))
    with pytest.raises(DataError, match="cannot be in"):
        parse_transaction(GENESIS[81:85] + bytes.fromhex(count) + GENESIS[86:])
    with pytest.raises(DataError, match="cannot be in"):
        parse_transaction(GENESIS[81:122] + bytes.fromhex(count) + GENESIS[123:])


@given(st.integers(0, 2**64 - 1))
def test_compact_sizes_have_one_form(value: int) -> None:
    reader = Reader(compact(value))
    assert reader.compact("size") == value
    assert reader.remaining == 0
    for mark, width in ((0xFD, 2), (0xFE, 4), (0xFF, 8)):
        longer = bytes((mark,)) + (value % 256**width).to_bytes(width, "little")
        if compact(value % 256**width) != longer:
            with pytest.raises(DataError, match="shortest"):
                Reader(longer).compact("size")


def test_what_no_block_may_hold_is_refused() -> None:
    one = Transaction(1, (Input(b"\1" * 32, 0, b"", 0),), (Output(1, b""),), 0)
    whole = serialise(one)
    with pytest.raises(DataError, match="no witness"):
        parse_transaction(whole[:4] + b"\x00\x01" + whole[4:-4] + b"\x00" + whole[-4:])
    with pytest.raises(DataError, match="no outputs"):
        parse_transaction(serialise(one._replace(outputs=())) + bytes(9))
    with pytest.raises(DataError, match="more than there will ever be"):
        parse_transaction(serialise(one._replace(outputs=(Output(MOST_SATOSHI + 1, b""),))))


def test_checks_name_what_is_wrong(mine: Callable[..., Block]) -> None:
    spend = Transaction(1, (Input(b"\1" * 32, 0, b"", 0, (b"w",)),), (Output(1, b""),), 0)
    block = mine([spend])
    coinbase = block.transactions[0]
    check_block(block, easiest_bits=EASY)
    with pytest.raises(DataError, match="less work"):
        check_block(block)
    with pytest.raises(DataError, match="does not prove"):
        check_block(block._replace(header=block.header._replace(bits=0x1D00_FFFF)))
    with pytest.raises(DataError, match="coinbase"):
        check_block(block._replace(transactions=(spend, coinbase)), easiest_bits=EASY)
    other = spend._replace(inputs=(spend.inputs[0]._replace(witness=(b"x",)),))
    with pytest.raises(DataError, match="commits to"):
        check_block(block._replace(transactions=(coinbase, other)), easiest_bits=EASY)
    with pytest.raises(DataError, match="hash to"):
        check_block(block._replace(transactions=(coinbase,)), easiest_bits=EASY)
    three = mine([spend, spend._replace(lock_time=1)])
    doubled = three._replace(transactions=(*three.transactions, three.transactions[-1]))
    with pytest.raises(DataError, match="repeated"):
        check_block(doubled, easiest_bits=EASY)


@pytest.mark.parametrize("bits", [0, 0x1D80_FFFF, 0x2200_FFFF | 0x10000, 0xFF00_0001, 0x0100_FFFF & 0xFF00_00FF])
def test_bits_that_are_no_target(bits: int) -> None:
    with pytest.raises(DataError, match="no target"):
        _ = Header(0, b"", b"", 0, bits, 0).target


def test_targets_of_the_developer_reference() -> None:
    targets = {0x01123456: 0x12, 0x02008000: 0x80, 0x05009234: 0x92340000, 0x04123456: 0x12345600}
    assert {bits: Header(0, b"", b"", 0, bits, 0).target for bits in targets} == targets


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=20, unique=True))
def test_merkle_roots_by_recursion(leaves: list[bytes]) -> None:
    def root(level: list[bytes]) -> bytes:
        if len(level) == 1:
            return level[0]
        pairs = [level[i : i + 2] for i in range(0, len(level), 2)]
        return root([double_sha256(pair[0] + pair[-1]) for pair in pairs])

    assert merkle_root(leaves) == (root(leaves), False)
