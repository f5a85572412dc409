"""API keys of the venue's accounts: HMAC-SHA256 and Ed25519, and what a signature must cover."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlencode

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from quotewright.domain.errors import InputError


@dataclass(frozen=True)
class ApiKey:
    """One key of an account: a shared secret (HMAC) or a public key in PEM form (Ed25519)."""

    name: str  # what clients send in X-MBX-APIKEY
    secret: str = field(default="", repr=False)
    public_pem: str = ""
    may_trade: bool = True
    may_withdraw: bool = False

    def __post_init__(self) -> None:
        if bool(self.secret) == bool(self.public_pem):
            raise InputError("key", self.name, "needs either a secret (HMAC) or a public key (Ed25519)")
        object.__setattr__(self, "_public", _load(self) if self.public_pem else None)

    @property
    def ed25519(self) -> bool:
        """Whether it can log on to a WebSocket session."""
        return bool(self.public_pem)

    def signed(self, payload: bytes, signature: str) -> bool:
        """Whether a signature is this key's over the payload."""
        if self.secret:
            expected = hmac.new(self.secret.encode(), payload, hashlib.sha256).hexdigest()
            return hmac.compare_digest(expected.encode(), signature.lower().encode())
        public: Ed25519PublicKey = self.__dict__["_public"]
        try:
            public.verify(base64.b64decode(signature, validate=True), payload)
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True


def rest_payload(query: str, body: str) -> bytes:
    """What a REST request's signature covers: query and body as sent, without the signature itself."""
    return (_without_signature(query) + _without_signature(body)).encode()


def ws_payloads(params: Mapping[str, str]) -> tuple[bytes, ...]:
    """What a WebSocket request's signature may cover: its parameters by name, percent-encoded or as they are."""
    named = [(name, params[name]) for name in sorted(params) if name != "signature"]
    plain, encoded = "&".join(f"{name}={value}" for name, value in named), urlencode(named)
    return (plain.encode(),) if plain == encoded else (encoded.encode(), plain.encode())


def rest_signature(text: str) -> str:
    """A signature as it stands in a query or body."""
    return unquote(text)


def _without_signature(text: str) -> str:
    return "&".join(part for part in text.split("&") if not part.startswith("signature="))


def _load(key: ApiKey) -> Ed25519PublicKey:
    try:
        public = load_pem_public_key(key.public_pem.encode())
    except ValueError as error:
        raise InputError("public_pem", key.name, f"is not a public key in PEM form: {error}") from None
    if not isinstance(public, Ed25519PublicKey):
        raise InputError("public_pem", key.name, "must be an Ed25519 key")
    return public
