"""Accounts of a venue from a TOML file, and the key files that its clients read.

    [[account]]
    name = "desk"
    balances = {USDT = "1000000", BTC = "10"}
    maker_rate = "0.001"                # these two may be left out
    taker_rate = "0.001"

    [[account.key]]                     # none: one is made, and written to the keys file
    api_key = "desk-hmac"               # the public name
    secret_file = "desk.secret"         # HMAC: a file with the secret; or
    public_key_file = "desk.pub.pem"    # Ed25519: a PEM file
    trade = true
    withdraw = false

Secrets stand in files of their own, beside this one.
"""

from __future__ import annotations

import os
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from quotewright.domain.errors import InputError
from quotewright.exchange.keys import ApiKey
from quotewright.exchange.settings import AccountSettings

_ACCOUNT = ("name", "balances", "maker_rate", "taker_rate", "key")
_KEY = ("api_key", "secret_file", "public_key_file", "trade", "withdraw")


def read_accounts(path: Path) -> list[AccountSettings]:
    """The `[[account]]` tables of a file; raises InputError naming the account, the field and the fix."""
    tables = _toml(path, "accounts").get("account")
    if not isinstance(tables, list) or not tables:
        raise InputError("accounts", str(path), "has no [[account]] table")
    return [_account(table, number, path.parent) for number, table in enumerate(cast(list[object], tables), 1)]


def with_keys(accounts: list[AccountSettings], keys_file: Path) -> tuple[list[AccountSettings], dict[str, Path]]:
    """Accounts, each with a key, and the files that hold the keys made for those that had none, by account.

    The first such account's is `keys_file`, another's has its name added. A file that is there is used as it is.
    """
    made: dict[str, Path] = {}
    whole: list[AccountSettings] = []
    for account in accounts:
        if account.keys:
            whole.append(account)
            continue
        path = keys_file.with_stem(f"{keys_file.stem}-{account.name}") if made else keys_file
        made[account.name] = path
        whole.append(replace(account, keys=[_read_key(path) if path.exists() else _make_key(path, account.name)]))
    return whole, made


def _account(table: object, number: int, folder: Path) -> AccountSettings:
    where = f"account {number}"
    given = _table(table, where, _ACCOUNT)
    name, balances = given.get("name"), given.get("balances")
    if not isinstance(name, str) or not name.isidentifier():
        raise InputError(f"{where}: name", name, "must be a plain name such as desk")
    if not isinstance(balances, Mapping) or not balances:
        raise InputError(f"{where}: balances", cast(object, balances), 'must be a table such as {USDT = "1000000"}')
    held = cast(Mapping[object, object], balances)
    texts = {str(asset): _text(amount, where, f"balances.{asset}") for asset, amount in held.items()}
    keys = given.get("key", [])
    if not isinstance(keys, list):
        raise InputError(f"{where}: key", keys, "must be [[account.key]] tables")
    return AccountSettings(
        name,
        [_key(key, where, folder) for key in cast(list[object], keys)],
        texts,
        _text(given.get("maker_rate", "0.001"), where, "maker_rate"),
        _text(given.get("taker_rate", "0.001"), where, "taker_rate"),
    )


def _key(table: object, where: str, folder: Path) -> ApiKey:
    given = _table(table, f"{where}: key", _KEY)
    flags = {name: given.get(name, default) for name, default in (("trade", True), ("withdraw", False))}
    for name, flag in flags.items():
        if not isinstance(flag, bool):
            raise InputError(f"{where}: key.{name}", flag, "must be true or false")
    contents = {
        field: _content(folder / _text(given[name], where, f"key.{name}"), f"{where}: key.{name}")
        for name, field in (("secret_file", "secret"), ("public_key_file", "public_pem"))
        if name in given
    }
    name = _text(given.get("api_key", ""), where, "key.api_key")
    return ApiKey(name, **contents, may_trade=flags["trade"] is True, may_withdraw=flags["withdraw"] is True)


def _content(path: Path, field: str) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(field, str(path), f"cannot be read: {type(error).__name__}") from None


def _read_key(path: Path) -> ApiKey:
    """The key in a file that an earlier start wrote."""
    content = _toml(path, "keys-file")
    name, secret = content.get("api_key"), content.get("secret")
    if not isinstance(name, str) or not isinstance(secret, str):
        raise InputError("keys-file", str(path), "is there, but holds no api_key and secret; name another file")
    if path.stat().st_mode & 0o077:
        raise InputError("keys-file", str(path), f"can be read by others: chmod 600 {path}")
    return ApiKey(name, secret=secret)


def _make_key(path: Path, account: str) -> ApiKey:
    """A new key, written to a file that only its owner can read."""
    key = ApiKey(secrets.token_hex(16), secret=secrets.token_hex(32))
    text = f"# Account {account} of a venue served by quotewright; worthless anywhere else.\n"
    text += f'api_key = "{key.name}"\nsecret = "{key.secret}"\n'
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise InputError("keys-file", str(path), f"cannot be written: {error.strerror}") from error
    with os.fdopen(file, "w", encoding="ascii") as out:
        out.write(text)
    return key


def _toml(path: Path, field: str) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(field, str(path), f"cannot be read as TOML: {type(error).__name__}") from None


def _table(table: object, where: str, known: tuple[str, ...]) -> dict[str, object]:
    if not isinstance(table, Mapping):
        raise InputError(where, table, "must be a table")
    given = {str(name): value for name, value in cast(Mapping[object, object], table).items()}
    for name in given:
        if name not in known:
            raise InputError(f"{where}: {name}", "…", f"is not a setting; they are {', '.join(known)}")
    return given


def _text(value: object, where: str, field: str) -> str:
    if not isinstance(value, str) or not value:
        raise InputError(f"{where}: {field}", value, "must be a text; numbers too are written in quotation marks")
    return value
