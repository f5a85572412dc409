"""Hashes, scripts and addresses: the published vectors, round trips, and the labelled addresses of the world."""

from __future__ import annotations

import hashlib
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotewright.chain import base58, bech32, hashes
from quotewright.chain.addresses import MAINNET, TESTNET, address_of, kind_of, script_of
from quotewright.chain.hashes import hash160, ripemd160
from quotewright.chain.scripts import Kind, pushes, template_of
from quotewright.chain.spenders import spender_of
from quotewright.chain.taproot import output_key, tweaked
from quotewright.chain.transactions import Input
from quotewright.domain.errors import InputError

DIGESTS = {  # Dobbertin, Bosselaers & Preneel, appendix B
    b"": "9c1185a5c5e9fc54612808977ee8f548b2258d31",
    b"abc": "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc",
    b"message digest": "5d0689ef49d2fae572b881b123a85ffa21595f36",
    b"a" * 1000: "aa69deee9a8922e92f8105e007f76110f381e9cf",
}
BECH32_VALID = [  # BIP 173
    "A12UEL5L",
    "a12uel5l",
    "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs",
    "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw",
    "11" + "q" * 82 + "c8247j",
    "split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w",
    "?1ezyfcl",
]
BECH32M_VALID = [  # BIP 350
    "A1LQFN3A",
    "a1lqfn3a",
    "an83characterlonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11sg7hg6",
    "abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx",
    "11" + "l" * 82 + "ludsr8",
    "split1checkupstagehandshakeupstreamerranterredcaperredlc445v",
    "?1v759aa",
]
NO_BECH32 = [  # BIP 350
    " 1xj0phk",
    "\x7f1g6xzxy",
    "\x801vctc34",
    "an84characterslonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11d6pts4",
    "qyrz8wqd2c9m",
    "1qyrz8wqd2c9m",
    "y1b0jsk6g",
    "lt1igcx5c0",
    "in1muywd",
    "mm1crxm3i",
    "au1s5cgom",
    "M1VUXWEZ",
    "16plkw9",
    "1p2gdwpf",
]
SEGWIT = {  # BIP 350
    "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4": "0014751e76e8199196d454941c45d1b3a323f1433bd6",
    "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7": "00201863143c14c5166804bd19203356da136c98567"
    "8cd4d27a1b8c6329604903262",
    "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y": "5128751e76e8199196d454941c45d1b"
    "3a323f1433bd6751e76e8199196d454941c45d1b3a323f1433bd6",
    "BC1SW50QGDZ25J": "6002751e",
    "bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs": "5210751e76e8199196d454941c45d1b3a323",
    "tb1qqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesrxh6hy": "0020000000c4a5cad46221b2a187905e5266362b99d"
    "5e91c6ce24d165dab93e86433",
    "tb1pqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesf3hn0c": "5120000000c4a5cad46221b2a187905e5266362b99d"
    "5e91c6ce24d165dab93e86433",
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0": "512079be667ef9dcbbac55a06295ce870b07029bfcd"
    "b2dce28d959f2815b16f81798",
}
NO_SEGWIT = [  # BIP 350
    "tc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq5zuyut",
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd",
    "tb1z0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqglt7rf",
    "BC1S0XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ54WELL",
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh",
    "tb1q0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq24jc47",
    "bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4",
    "BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R",
    "bc1pw5dgrnzv",
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v8n0nx0muaewav253zgeav",
    "BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P",
    "tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq47Zagq",
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v07qwwzcrf",
    "tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vpggkg4j",
    "bc1gmk9yu",
]
programs = st.one_of(
    st.tuples(st.just(0), st.sampled_from([20, 32]).flatmap(lambda n: st.binary(min_size=n, max_size=n))),
    st.tuples(st.integers(1, 16), st.binary(min_size=2, max_size=40)),
)
networks = st.sampled_from([MAINNET, TESTNET])


@pytest.mark.parametrize("message", DIGESTS)
def test_ripemd160_as_published(message: bytes) -> None:
    assert ripemd160(message).hex() == DIGESTS.get(message)


@given(st.binary(max_size=200))
def test_hash160_is_the_same_without_the_library(message: bytes) -> None:
    assert hash160(message) == ripemd160(hashlib.sha256(message).digest())


def test_a_library_without_ripemd160_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = hash160(b"key")
    monkeypatch.setattr(hashes, "_library_has_it", lambda: False)
    assert hash160(b"key") == expected


@pytest.mark.parametrize(("texts", "constant"), [(BECH32_VALID, bech32.BECH32), (BECH32M_VALID, bech32.BECH32M)])
def test_bech32_as_published(texts: list[str], constant: int) -> None:
    for text in texts:
        prefix, values, found = bech32.decode(text)
        assert found == constant
        assert bech32.encode(prefix, values, constant) == text.lower()


@pytest.mark.parametrize("text", NO_BECH32)
def test_no_bech32_as_published(text: str) -> None:
    with pytest.raises(InputError):
        bech32.decode(text)


@pytest.mark.parametrize("address", SEGWIT)
def test_witness_addresses_as_published(address: str) -> None:
    network = TESTNET if address.startswith("tb") else MAINNET
    script = bytes.fromhex(SEGWIT[address])
    assert script_of(address, network) == script
    assert address_of(script, network) == address.lower()


@pytest.mark.parametrize("address", NO_SEGWIT)
def test_no_witness_addresses_as_published(address: str) -> None:
    for network in (MAINNET, TESTNET):
        with pytest.raises(InputError):
            script_of(address, network)


@given(programs, networks)
def test_witness_addresses_come_back(program: tuple[int, bytes], network: object) -> None:
    version, inside = program
    script = bytes((version + 0x50 if version else 0, len(inside))) + inside
    address = address_of(script, network)  # type: ignore[arg-type]
    assert address is not None
    assert script_of(address, network) == script  # type: ignore[arg-type]
    assert script_of(address.upper(), network) == script  # type: ignore[arg-type]


@given(st.binary(min_size=20, max_size=20), networks, st.integers(0, 33), st.sampled_from(base58.ALPHABET))
def test_base58_addresses_come_back_and_typos_do_not(digest: bytes, network: object, at: int, typo: str) -> None:
    for script in (b"\x76\xa9\x14" + digest + b"\x88\xac", b"\xa9\x14" + digest + b"\x87"):
        address = address_of(script, network)  # type: ignore[arg-type]
        assert address is not None
        assert script_of(address, network) == script  # type: ignore[arg-type]
        mistyped = address[:at] + typo + address[at + 1 :]
        if mistyped != address:
            with pytest.raises(InputError):
                script_of(mistyped, network)  # type: ignore[arg-type]
        with pytest.raises(InputError):
            script_of(address, TESTNET if network is MAINNET else MAINNET)


def test_base58_of_known_payloads() -> None:
    genesis = bytes.fromhex("62e907b15cbf27d5425399ebf6f0fb50ebb88f18")
    assert base58.encode(b"\0" + genesis) == "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"
    assert base58.encode(bytes(21)) == "1111111111111111111114oLvT2"
    for text in ("", "0OIl", "1" * 200, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", "é"):
        with pytest.raises(InputError):
            base58.decode(text)


def test_templates() -> None:
    key = bytes.fromhex("025476c2e83188368da1ff3e292e7acafcdb3566bb0ad253f62fc70f07aeee6357")
    cases = {
        b"\x21" + key + b"\xac": Kind.P2PK,
        b"\x76\xa9\x14" + bytes(20) + b"\x88\xac": Kind.P2PKH,
        b"\xa9\x14" + bytes(20) + b"\x87": Kind.P2SH,
        b"\x00\x14" + bytes(20): Kind.P2WPKH,
        b"\x00\x20" + bytes(32): Kind.P2WSH,
        b"\x51\x20" + bytes(32): Kind.P2TR,
        b"\x52\x20" + bytes(32): Kind.WITNESS,
        b"\x51\x02\x4e\x73": Kind.WITNESS,
        b"\x51\x21" + key + b"\x21" + key + b"\x52\xae": Kind.MULTISIG,
        b"\x53\x21" + key + b"\x21" + key + b"\x52\xae": Kind.OTHER,
        b"\x6a\x04data": Kind.OP_RETURN,
        b"\x6a": Kind.OP_RETURN,
        b"": Kind.OTHER,
        b"\x21" + bytes(33) + b"\xac": Kind.OTHER,
        b"\x51": Kind.OTHER,
    }
    assert {script: template_of(script).kind for script in cases} == cases


@given(st.binary(max_size=80))
def test_any_script_has_a_template_and_pushes_or_none(script: bytes) -> None:
    found = template_of(script)
    assert found.inside in script
    address = address_of(script)
    assert (address is not None) == (found.kind <= Kind.WITNESS)
    if address is not None and found.kind != Kind.P2PK:
        assert script_of(address) == script
    stack = pushes(script)
    assert stack is None or sum(map(len, stack)) <= len(script)


def test_spenders_of_published_transactions() -> None:
    """The native and the nested example of BIP 143, a P2PKH spend, and what cannot be told."""
    signature = bytes.fromhex("3006020101020101" + "01")
    key = bytes.fromhex("025476c2e83188368da1ff3e292e7acafcdb3566bb0ad253f62fc70f07aeee6357")
    native = Input(b"\1" * 32, 1, b"", 0, (signature, key))
    assert spender_of(native) == address_of(bytes.fromhex("00141d0f172a0ecb48aee1be1f2687d2963ae33f71a1"))
    redeem = bytes.fromhex("001479091972186c449eb1ded22b78e40d009bdf0089")
    nested = Input(b"\1" * 32, 1, b"\x16" + redeem, 0, (signature, key))
    assert spender_of(nested) == address_of(bytes.fromhex("a9144733f37cf4db86fbc2efed2500b4f4e49f31202387"))
    plain = Input(b"\1" * 32, 1, b"\x09" + signature + b"\x21" + key, 0)
    assert spender_of(plain) == address_of(bytes.fromhex("76a9141d0f172a0ecb48aee1be1f2687d2963ae33f71a188ac"))
    script = b"\x51\x21" + key + b"\x51\xae"
    wrapped = Input(b"\1" * 32, 1, b"", 0, (b"", signature, script))
    assert spender_of(wrapped) == address_of(b"\x00\x20" + hashlib.sha256(script).digest())
    for unknown in (
        b"\x09" + signature,  # a bare key
        b"\x00\x09" + signature + b"\x09" + signature,  # bare multisignature
        b"\x75",  # no push
        b"\x4d\xff",  # cut off
    ):
        assert spender_of(Input(b"\1" * 32, 0, unknown, 0)) is None
    assert spender_of(Input(b"\1" * 32, 0, b"", 0, (bytes(64),))) is None  # taproot by key
    assert spender_of(Input(bytes(32), 0xFFFF_FFFF, plain.script, 0)) is None  # a coinbase


@given(st.binary(max_size=60), st.lists(st.binary(max_size=70), max_size=4).map(tuple))
def test_any_input_has_a_spender_or_none(script: bytes, witness: tuple[bytes, ...]) -> None:
    address = spender_of(Input(b"\1" * 32, 0, script, 0, witness))
    assert address is None or address_of(script_of(address)) == address


def test_taproot_keys_as_published() -> None:
    internal = bytes.fromhex("cc8a4bc64d897bddc5fbc2f670f7a8ba0b386779106cf1223c6fc5d7cd6fc115")  # BIP 86
    point = tweaked(internal, b"")
    assert point is not None
    script = b"\x51\x20" + point[0].to_bytes(32, "big")
    assert address_of(script) == "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr"
    control = bytes.fromhex("c1187791b6f712a8ea41c8ecdd0ee77fab3e85263b37e1ec18a3651926b3a6cf27")  # BIP 341
    leaf = bytes.fromhex("20d85a959b0290bf19bb89ed43c916be835475d013da4b362117393e25a48229b8ac")
    spend = Input(b"\1" * 32, 0, b"", 0, (bytes(64), leaf, control))
    assert spender_of(spend) == "bc1pz37fc4cn9ah8anwm4xqqhvxygjf9rjf2resrw8h8w4tmvcs0863sa2e586"
    assert spender_of(spend._replace(witness=(*spend.witness, b"\x50annex"))) == spender_of(spend)
    assert output_key(b"\xc0" + control[1:], leaf) is None  # the other parity
    assert output_key(control[:-1], leaf) is None


def test_labelled_addresses_are_addresses(shared_data: Path) -> None:
    """All but four of the labels name an address that can exist; a thousand of the rest come back as they were."""
    table = pl.read_parquet(shared_data / "onchain" / "btc_address_labels.parquet", columns=["address"])
    names = table["address"].unique().sort()
    wrong = [
        "14bwh6gmvol5ntwbvxqjkjdtzv4y5ebtvm",
        "1MJzarWdCR8dXGt6vpK62f7MxcWYcVynM",
        "1MK4uue11JnVxjUQhq19KNSpAuyaFqBwM",
        "1Mn386ue8o3mW9866octLNP8HFqcYsphJCV",
    ]
    for address in wrong:
        assert address in names
        with pytest.raises(InputError):
            kind_of(address)
    for address in names.sample(1000, seed=1).to_list():
        if address not in wrong:
            assert address_of(script_of(address)) == address
