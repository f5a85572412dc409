"""`quotewright venue serve`: a venue of one's own, that other people's clients can connect to."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quotewright.app.output import err, out, telling
from quotewright.domain.errors import InputError

if TYPE_CHECKING:
    from quotewright.exchange.http_driver import MakeFaults, Serving
    from quotewright.exchange.markets import MarketSettings
    from quotewright.exchange.settings import AccountSettings, ExchangeSettings

app = typer.Typer(help="A venue that speaks Binance Spot, for trying things out.", no_args_is_help=True)


@app.callback()
def _group() -> None:  # pyright: ignore[reportUnusedFunction]
    """A venue that speaks Binance Spot, for trying things out."""


@app.command(epilog="Example: quotewright venue serve --symbol BTCUSDT --preset turbulent --port 8650")
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port; 0: a free one.")] = 8650,
    symbol: Annotated[
        list[str] | None, typer.Option(help="Synthetic symbol in USDT; may be repeated. Default: BTCUSDT and ETHUSDT.")
    ] = None,
    preset: Annotated[
        str, typer.Option(help="Synthetic market: calm, transitional, turbulent; quiet: plain.")
    ] = "calm",
    seed: Annotated[int, typer.Option(min=0, help="Seed of the synthetic markets.")] = 0,
    replay: Annotated[
        tuple[Path, str] | None,
        typer.Option(metavar="STORE VENUE:SYMBOL", help="Serve a recording, over and over, with orders met in it."),
    ] = None,
    faults: Annotated[Path | None, typer.Option(help="Schedule of faults (TOML).")] = None,
    fault_port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Control port for faults, on 127.0.0.1 only.")
    ] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate (PEM): everything is TLS.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its private key (PEM).")] = None,
    accounts: Annotated[
        Path | None, typer.Option(help="Accounts (TOML); default: one, with a key made for it.")
    ] = None,
    keys_file: Annotated[Path, typer.Option(help="Where made keys are kept, for clients to read.")] = Path(
        "venue-keys.toml"
    ),
    seconds: Annotated[float, typer.Option(min=0, help="Stop by itself after this long; 0: never.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON with the addresses.")] = False,
) -> None:
    """Serve REST, streams and WebSocket API of Binance Spot until Ctrl-C."""
    from quotewright.exchange.accounts_file import with_keys
    from quotewright.exchange.http_driver import new_loop, serve
    from quotewright.exchange.settings import ExchangeSettings

    markets = _markets(symbol or [], preset, seed, replay)
    given, made = with_keys(_accounts(accounts, markets), keys_file)
    settings = ExchangeSettings(markets, given)
    make_faults = _faults(faults, fault_port)
    if replay is None and preset != "quiet":
        telling(as_json)("the synthetic market")

    async def main() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        if seconds:
            asyncio.get_running_loop().call_later(seconds, stop.set)
        counters: list[asyncio.Task[None]] = []

        def started(serving: Serving) -> None:
            _tell(serving, settings, made, as_json)
            if not as_json and sys.stderr.isatty():
                counters.append(asyncio.get_running_loop().create_task(_count(serving)))

        try:
            await serve(
                settings,
                host,
                port,
                make_faults=make_faults,
                fault_port=fault_port,
                cert=tls_cert,
                key=tls_key,
                started=started,
                stop=stop,
            )
        finally:
            for task in counters:
                task.cancel()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main())


def _markets(symbols: list[str], preset: str, seed: int, replay: tuple[Path, str] | None) -> list[MarketSettings]:
    from quotewright.exchange.quiet_market import QuietSettings
    from quotewright.exchange.replay_market import ReplaySettings
    from quotewright.exchange.synthetic_market import SyntheticSettings

    found: list[MarketSettings] = [ReplaySettings(*replay)] if replay else []
    for number, symbol in enumerate(symbols or ([] if replay else ["BTCUSDT", "ETHUSDT"])):
        base = symbol.upper().removesuffix("USDT")
        if not symbol.upper().endswith("USDT") or not base.isalnum():
            raise InputError("symbol", symbol, "must be an asset in USDT, such as BTCUSDT")
        if preset == "quiet":
            found.append(QuietSettings(SyntheticSettings(base=base).instrument, seed + number, price=120_000))
        else:
            found.append(SyntheticSettings(preset, seed + number, base))
    for market in found:
        _ = market.instrument  # so that what is wrong is told before anything starts
    return found


def _accounts(path: Path | None, markets: list[MarketSettings]) -> list[AccountSettings]:
    """Those of the file, or one that can trade everything at the fees of the first market."""
    from quotewright.exchange.accounts_file import read_accounts
    from quotewright.exchange.settings import AccountSettings

    if path is not None:
        return read_accounts(path)
    balances: dict[str, str] = {}
    for market in markets:
        balances |= {market.instrument.base: "100", market.instrument.quote: "1000000"}
    first = markets[0].instrument
    return [AccountSettings("main", [], balances, first.maker_rate, first.taker_rate)]


def _faults(path: Path | None, fault_port: int | None) -> MakeFaults | None:
    if path is None and fault_port is None:
        return None
    from random import Random

    from quotewright.exchange.fault_schedule import FaultSchedule, read_schedule
    from quotewright.exchange.faults import FaultPlane

    schedule = read_schedule(path) if path else FaultSchedule()
    return lambda start: FaultPlane(Random(schedule.seed), schedule, start)


def _tell(serving: Serving, settings: ExchangeSettings, made: dict[str, Path], as_json: bool) -> None:
    markets = [market.describe() for market in settings.markets]
    if as_json:
        addresses: dict[str, Any] = {
            "rest": serving.rest,
            "streams": serving.streams,
            "ws_api": serving.ws_api,
            "faults": f"http://127.0.0.1:{serving.fault_port}" if serving.fault_port else None,
            "markets": markets,
            "accounts": [account.name for account in settings.accounts],
            "keys": {name: str(path) for name, path in made.items()},
        }
        sys.stdout.write(json.dumps(addresses) + "\n")
        sys.stdout.flush()
        return
    out.print(f"[bold]venue[/]     {serving.rest}")
    for market in markets:
        words = "  ".join(f"{name} {value}" for name, value in market.items() if name != "symbol")
        out.print(f"market    [bold]{market['symbol']}[/]  {words}")
    for account in settings.accounts:
        held = ", ".join(f"{amount} {asset}" for asset, amount in account.balances.items())
        key = f"; key in {made[account.name]}" if account.name in made else ""
        out.print(f"account   {account.name}: {held}{key}")
    out.print(f"streams   {serving.streams}/ws/NAME, {serving.streams}/stream?streams=")
    out.print(f"ws api    {serving.ws_api}")
    if serving.fault_port:
        out.print(f"faults    http://127.0.0.1:{serving.fault_port}/faults")
    symbol = markets[0]["symbol"]
    out.print(f"try       curl '{serving.rest}/api/v3/depth?symbol={symbol}&limit=5'")
    out.print("Ctrl-C ends it.")


async def _count(serving: Serving) -> None:
    """A line of counters once a second."""
    server, served, pushed = serving.server, 0, 0
    with err.status("") as status:
        while True:
            await asyncio.sleep(1)
            traded = sum(symbol.last_trade for symbol in server.venue.symbols.values())
            resting = sum(len(symbol.orders) for symbol in server.venue.symbols.values())
            status.update(
                f"{server.connections} connections  {server.served - served}/s requests  "
                f"{server.pushed - pushed}/s messages  {resting} orders resting  {traded:,} trades"
            )
            served, pushed = server.served, server.pushed
