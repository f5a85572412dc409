"""The instruments quotewright knows by name; the two TOML files say where each figure comes from."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from quotewright.domain.errors import InputError
from quotewright.domain.instrument import Instrument


@cache
def known_instruments() -> tuple[Instrument, ...]:
    """Every known version of every known instrument; versions of one name in order of time."""
    single = [Instrument(**entry) for entry in _table("instruments.toml")["instrument"]]
    recorded: list[Instrument] = []
    for venue in _table("recorded_instruments.toml")["venue"]:
        shared = {name: value for name, value in venue.items() if name != "instruments"}
        recorded += [Instrument(**{**shared, **entry}) for entry in venue["instruments"]]
    return (*single, *recorded)


def _table(name: str) -> dict[str, Any]:
    return tomllib.loads(files("quotewright.domain").joinpath(name).read_text(encoding="utf-8"))


def find_instrument(venue: str, symbol: str, at: int | None = None) -> Instrument:
    """The version valid at `at` (ns since the epoch), or the newest; raises InputError if there is none."""
    versions = [known for known in known_instruments() if (known.venue, known.symbol) == (venue, symbol)]
    if not versions:
        of_venue = {known.name for known in known_instruments() if known.venue == venue}
        names = ", ".join(sorted(of_venue or {f"instruments of {known.venue}" for known in known_instruments()}))
        raise InputError("instrument", f"{venue}:{symbol}", f"is not in the catalogue; known are {names}")
    if at is None:
        return versions[-1]
    for version in versions:
        if version.valid_from <= at and (at < version.valid_to or version.valid_to == 0):
            return version
    raise InputError("instrument", f"{venue}:{symbol}", f"has no version valid at {at} ns")
