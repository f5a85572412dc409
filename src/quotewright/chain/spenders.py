"""Whose coins an input spends, from its own bytes: the key or script that it had to reveal.

An input names the output it spends by hash only; without that output, its script and witness still reveal the address
wherever the output committed to a hash (P2PKH, P2SH, P2WPKH, P2WSH) or to a tree of scripts (P2TR by script). They do
not for bare keys, bare multisignature and P2TR by key, where only a signature is shown.
"""

from __future__ import annotations

from quotewright.chain.addresses import MAINNET, Network, address_of_template
from quotewright.chain.hashes import hash160, sha256
from quotewright.chain.scripts import Kind, Template, is_key, pushes
from quotewright.chain.taproot import output_key
from quotewright.chain.transactions import NOWHERE, Input

_ANNEX = 0x50
_TAPSCRIPT = 0xC0  # as an opcode it does not exist, so that no script of version 0 begins with it


def spent_template(spent: Input) -> Template | None:
    """The template of the output that an input spends; None where its bytes do not tell, and for a coinbase.

    What is read is what a valid input must hold; whether its signatures hold is not checked. Two readings compete only
    for a witness script that is itself 33 bytes beginning with a push of 2 or 3 bytes: it is taken for a key.
    """
    if (spent.txid, spent.output) == NOWHERE:
        return None
    if not spent.script:
        return _by_witness(spent.witness)
    stack = pushes(spent.script)
    if not stack:
        return None
    last = stack[-1]
    if len(stack) == 2 and is_key(last) and is_signature(stack[0]):
        return Template(Kind.P2PKH, hash160(last))
    if is_signature(last) and (len(stack) == 1 or (not stack[0] and all(map(is_signature, stack[1:])))):
        return None  # a bare key or bare multisignature: signatures alone
    return Template(Kind.P2SH, hash160(last)) if last else None


def spender_of(spent: Input, network: Network = MAINNET) -> str | None:
    """The address that an input spends from, or None (`spent_template`)."""
    found = spent_template(spent)
    return None if found is None else address_of_template(found, network)


def is_signature(data: bytes) -> bool:
    """Whether bytes have the form of a DER signature of ECDSA with its hash type."""
    return 9 <= len(data) <= 73 and data[0] == 0x30 and data[1] + 3 == len(data)


def _by_witness(witness: tuple[bytes, ...]) -> Template | None:
    if len(witness) >= 2 and witness[-1][:1] == bytes((_ANNEX,)):
        witness = witness[:-1]  # BIP 341; a script of version 0 cannot begin with a reserved opcode
    if len(witness) < 2:
        return None
    last = witness[-1]
    if len(witness) == 2 and len(last) == 33 and is_key(last):
        return Template(Kind.P2WPKH, hash160(last), 0)
    if last and last[0] & 0xFE >= _TAPSCRIPT and len(last) % 32 == 1:
        key = output_key(last, witness[-2])
        if key is not None:
            return Template(Kind.P2TR, key, 1)
    return Template(Kind.P2WSH, sha256(last), 0) if last else None
