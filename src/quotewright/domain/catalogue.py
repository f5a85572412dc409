"""The instruments quotewright knows by name; `instruments.toml` says where each figure comes from."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

from quotewright.domain.errors import InputError
from quotewright.domain.instrument import Instrument


@cache
def known_instruments() -> tuple[Instrument, ...]:
    """Every known version of every known instrument; versions of one name in order of time."""
    text = files("quotewright.domain").joinpath("instruments.toml").read_text(encoding="utf-8")
    return tuple(Instrument(**entry) for entry in tomllib.loads(text)["instrument"])


def find_instrument(venue: str, symbol: str, at: int | None = None) -> Instrument:
    """The version valid at `at` (ns since the epoch), or the newest; raises InputError if there is none."""
    versions = [known for known in known_instruments() if (known.venue, known.symbol) == (venue, symbol)]
    if not versions:
        names = ", ".join(sorted({known.name for known in known_instruments()}))
        raise InputError("instrument", f"{venue}:{symbol}", f"is not in the catalogue; known are {names}")
    if at is None:
        return versions[-1]
    for version in versions:
        if version.valid_from <= at and (at < version.valid_to or version.valid_to == 0):
            return version
    raise InputError("instrument", f"{venue}:{symbol}", f"has no version valid at {at} ns")
