"""Other people's clients, each in a process of its own, go through a trader's day at the venue server.

ccxt keeps its addresses: names are resolved to the server, whose certificate the environment trusts.
"""

from __future__ import annotations

import datetime
import ipaddress
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID

from quotewright.domain.catalogue import find_instrument
from quotewright.exchange.http_driver import running
from quotewright.exchange.keys import ApiKey
from quotewright.exchange.quiet_market import QuietSettings
from quotewright.exchange.settings import AccountSettings, ExchangeSettings

SCRIPTS = Path(__file__).with_name("clients")
CLIENTS = ("ccxt", "python_binance", "binance_sdk")
KINDS = ("hmac", "ed25519")
SYMBOL = "BTCUSDT"
NAMES = ("localhost", "*.binance.com", "*.binance.vision")


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate that signs itself for the server's address and the names ccxt knows, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "venue under test")])
    start = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    addresses = [x509.DNSName(name) for name in NAMES] + [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(made.public_bytes(Encoding.PEM))
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return cert_file, key_file


def account(name: str) -> tuple[AccountSettings, dict[str, dict[str, str]]]:
    """An account with a key of each kind, and what its client is told of them."""
    secret, private = secrets.token_hex(32), Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    keys = {kind: secrets.token_hex(16) for kind in KINDS}
    settings = AccountSettings(
        name,
        [ApiKey(keys["hmac"], secret=secret), ApiKey(keys["ed25519"], public_pem=public)],
        {"BTC": "1", "USDT": "100000"},
    )
    told = {"hmac": secret, "ed25519": pem}
    return settings, {kind: {"key": keys[kind], "secret": told[kind]} for kind in KINDS}


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What each client saw, by client and kind of key; all of them at the same time at one server."""
    folder = tmp_path_factory.mktemp("venue")
    cert, key = certificate(folder)
    made = {(client, kind): account(f"{client}-{kind}") for client in CLIENTS for kind in KINDS}
    market = QuietSettings(
        find_instrument("binance-spot", SYMBOL), 1, 6_000_000, qty=200_000, take_qty=100_000, levels=20
    )
    settings = ExchangeSettings([market], [settings for settings, _ in made.values()])
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environment |= {"SSL_CERT_FILE": str(cert), "REQUESTS_CA_BUNDLE": str(cert)}
    with running(settings, cert=cert, key=key) as server:
        running_clients = {
            client: subprocess.Popen(
                [sys.executable, str(SCRIPTS / f"{client}_client.py")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=environment,
            )
            for client in CLIENTS
        }
        try:
            seen: dict[str, Any] = {}
            for client, process in running_clients.items():
                told = {kind: made[client, kind][1][kind] for kind in KINDS}
                process.stdin.write(json.dumps(told | {"host": "127.0.0.1", "port": server.port, "symbol": SYMBOL}))
                process.stdin.close()
                process.stdin = None
            for client, process in running_clients.items():
                printed, complained = process.communicate(timeout=120)
                assert process.returncode == 0, f"{client}\n{complained}"
                seen[client] = json.loads(printed)
            yield seen
        finally:
            for process in running_clients.values():
                process.kill()
                process.wait()


@pytest.fixture(params=[f"{client}-{kind}" for client in CLIENTS for kind in KINDS])
def day(request: pytest.FixtureRequest, observed: dict[str, Any]) -> dict[str, Any]:
    """What one client saw with one kind of key."""
    client, kind = request.param.split("-")
    return observed[client][kind] | {"client": client}


def test_markets_and_data_arrive(day: dict[str, Any]) -> None:
    assert (day["tick"], day["step"]) == (0.01, 0.000001)
    bid, ask, levels = day["book"]
    assert 0 < bid < ask
    assert 10 <= levels <= 20
    assert day["trades"] >= 1
    assert day["streamed_trades"] >= 1
    if day["client"] == "ccxt":
        bid, ask, levels = day["streamed_book"]
        assert 0 < bid < ask
        assert levels >= 5
    else:
        assert 0 < day["updates"][0] <= day["updates"][1]


def test_orders_rest_cross_cancel_and_fill(day: dict[str, Any]) -> None:
    assert day["resting"] in ("NEW", "open")
    assert day["cancelled"] in ("CANCELED", "canceled")
    assert day["open"] == [2, 0]
    status, filled, wanted = day["bought"]
    assert status in ("FILLED", "closed")
    assert filled == wanted > 0
    assert day["fills"] >= 1


def test_balances_change_by_the_fill_less_the_fee(day: dict[str, Any]) -> None:
    filled = day["bought"][1]
    assert day["gained"] == pytest.approx(filled * 0.999, rel=1e-3)
    assert day["paid"] == pytest.approx(filled * day["book"][1], rel=0.01)


def test_the_user_stream_tells_every_order_and_fill(day: dict[str, Any]) -> None:
    reports = day["reports"]
    if day["client"] == "ccxt":  # it tells an order's latest state and may leave out what came before
        assert reports.count("canceled") >= 3
        assert reports.count("closed") >= 1
        assert "open" in reports
        return
    assert reports.count("NEW") == 4
    assert reports.count("CANCELED") == 3
    assert reports.count("TRADE") == day["fills"]
    assert day["streamed_assets"] == ["BTC", "USDT"]


def test_refusals_are_told_in_the_venue_s_codes(day: dict[str, Any]) -> None:
    met = day["errors"] | {"crossing": day["crossing"]}
    told = {
        "crossing": (-2010, "OrderImmediatelyFillable"),
        "symbol": (-1121, "BadSymbol"),
        "balance": (-2010, "InsufficientFunds"),
        "unknown_order": (-2013, "OrderNotFound"),
        "unknown_cancel": (-2011, "OrderNotFound"),
        "signature": (-1022, "AuthenticationError"),
    }
    if day["client"] == "ccxt":  # it keeps the code or the text, whichever told it the kind of error
        assert {name: one["error"] for name, one in met.items()} == {name: kind for name, (_, kind) in told.items()}
    for name, (code, _) in told.items():
        assert met[name]["code"] in ((code, 0) if day["client"] == "ccxt" else (code,)), name
