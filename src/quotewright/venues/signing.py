"""Signing a request: what a venue's key adds to it, fast, and never in anything printed."""

from __future__ import annotations

import base64
import hmac
from typing import Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from quotewright.domain.errors import InputError


class Key(Protocol):
    """An API key: its public name, and how it signs."""

    @property
    def name(self) -> str:
        """The API key as the venue knows it; not secret, but not to be shown either."""
        ...

    @property
    def sessions(self) -> bool:
        """Whether the venue lets it log a connection on, so that requests on it need no signature."""
        ...

    def sign(self, payload: bytes) -> bytes:
        """The signature of a payload, as ASCII text."""
        ...


class HmacKey:
    """A key with a shared secret: HMAC-SHA-256, in hexadecimal."""

    sessions = False

    def __init__(self, name: str, secret: str) -> None:
        self.name = _plain_name(name)
        if not secret or not secret.isascii():
            raise InputError("secret", "…", "must be the text that the venue gave with the key")
        self._begun = hmac.new(secret.encode(), digestmod="sha256")

    def sign(self, payload: bytes) -> bytes:
        """The signature of a payload, 64 hexadecimal digits."""
        signature = self._begun.copy()
        signature.update(payload)
        return signature.hexdigest().encode()


class Ed25519Key:
    """A key pair whose public half the venue knows; signatures are in base 64."""

    sessions = True

    def __init__(self, name: str, private_key: Ed25519PrivateKey) -> None:
        self.name = _plain_name(name)
        self._sign = private_key.sign

    @classmethod
    def from_pem(cls, name: str, text: bytes, password: bytes | None = None) -> Ed25519Key:
        """From the text of a PEM file; raises InputError if that is no Ed25519 private key."""
        try:
            private_key = load_pem_private_key(text, password)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise InputError("private key", "…", f"cannot be read as PEM: {type(error).__name__}") from None
        if not isinstance(private_key, Ed25519PrivateKey):
            raise InputError("private key", type(private_key).__name__, "must be an Ed25519 key")
        return cls(name, private_key)

    def sign(self, payload: bytes) -> bytes:
        """The signature of a payload, 88 characters of base 64."""
        return base64.b64encode(self._sign(payload))


def _plain_name(name: str) -> str:
    """A key's name goes into JSON and headers as it is."""
    if not name or not name.isascii() or not name.isprintable() or any(c in '"\\ %&' for c in name):
        raise InputError("api key", "…", "must be printable ASCII without spaces and quotes")
    return name
