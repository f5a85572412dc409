"""Opening a venue through ccxt: its instruments, where its market is, and the adapter."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from random import Random

import msgspec

from quotewright.domain.errors import InputError
from quotewright.domain.events import EventArray
from quotewright.gateway.port import Fact
from quotewright.live.settings import VenueSettings
from quotewright.sessions.wiring import Market
from quotewright.venues.ccxt_learn import learn_ccxt
from quotewright.venues.ccxt_settings import CcxtKey, CcxtSettings
from quotewright.venues.ccxt_venue import CcxtVenue


async def open_ccxt(
    venue: VenueSettings,
    trades: bool,
    sink: Callable[[Fact, int], None],
    rows: Callable[[EventArray, int], None],
    clock: Callable[[], int],
) -> tuple[CcxtVenue, list[Market]]:
    """The adapter, with a key if it `trades`, and its markets. Raises InputError for a symbol that the venue does not
    have, PauseError if it is away, MissingExtraError without ccxt.
    """
    name = venue.adapter.removeprefix("ccxt:")
    base = "" if venue.url == "ccxt" else venue.url
    settings = CcxtSettings(exchange=name, base_url=base, ca_file=venue.ca_file)
    if venue.dead_man is not None:
        settings = msgspec.structs.replace(settings, dead_man=venue.dead_man)
    key = read_ccxt_key(Path(venue.keys)) if trades else None
    learned = await learn_ccxt(settings, venue.name, venue.instruments, key)
    markets = [Market(each.instrument.name, each.instrument, False, each.mid2) for each in learned]
    instruments = [market.instrument for market in markets]
    return CcxtVenue(instruments, sink, rows, settings, key, clock, Random(0)), markets


def read_ccxt_key(path: Path) -> CcxtKey:
    """A key file: `api_key`, `secret`, and where the venue wants them `password` and `uid`. Others must not read it."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        mode = path.stat().st_mode
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError("keys", str(path), f"cannot be read as TOML: {type(error).__name__}") from None
    if mode & 0o077:
        raise InputError("keys", str(path), f"can be read by others: chmod 600 {path}")
    for name in ("api_key", "secret"):
        if not isinstance(content.get(name), str):
            raise InputError("keys", str(path), f"has no {name}")
    return CcxtKey(content["api_key"], content["secret"], str(content.get("password", "")), str(content.get("uid", "")))
