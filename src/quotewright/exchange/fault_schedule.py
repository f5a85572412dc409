"""Which faults a venue shows, when and to whom: rules, their TOML file, and schedules drawn at random.

A rule is a kind, a target, a window of time since the venue's start, a probability and a magnitude. The page
docs/reference/venue-server.md lists the kinds; `KINDS` here is the same list.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal, cast

from quotewright.domain.errors import InputError
from quotewright.exchange.requests import METHODS

SECOND = 10**9
NEVER = 2**63 - 1
STREAMS = ("depth", "trade", "aggTrade", "bookTicker", "partialDepth", "ticker", "miniTicker", "user")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_FILTERS = ("request", "stream", "symbol", "account", "connection")
_TEXTS = (*_FILTERS, "field", "name")
_KEYS = ("kind", *_TEXTS, "from", "to", "every", "times", "probability", "magnitude", "shape")


@dataclass(frozen=True, slots=True)
class FaultKind:
    """What a kind may be aimed by, and what its magnitude means.

    `timed` kinds happen at `from`, and then `every` so often until `to`; all others to what passes by in the window.
    """

    filters: tuple[str, ...]
    default: int = 0
    low: int = 0
    high: int = 0
    unit: str = ""
    timed: bool = False


_REQUEST = ("request", "symbol", "account")
_STREAM = ("stream", "symbol")
_EITHER = ("request", "stream", "symbol", "account")
_MS = 600_000
KINDS: Mapping[str, FaultKind] = {
    "drop": FaultKind(_EITHER),
    "delay": FaultKind(_EITHER, 250, 1, _MS, "ms"),
    "duplicate": FaultKind(_STREAM, 1, 1, 100, "copies"),
    "reorder": FaultKind(_STREAM, 50, 1, _MS, "ms"),
    "error_before": FaultKind(_REQUEST, 503, 500, 599, "HTTP status"),
    "error_after": FaultKind(_REQUEST, 502, 500, 599, "HTTP status"),
    "lost_ack": FaultKind(_REQUEST),
    "unknown_status": FaultKind(_REQUEST, 1007, 1006, 1007, "error code without its sign"),
    "limit": FaultKind(_REQUEST, 2, 1, 3600, "s"),
    "ban": FaultKind(_REQUEST, 120, 1, 259_200, "s"),
    "renamed_field": FaultKind(_EITHER),
    "missing_field": FaultKind(_EITHER),
    "frozen_stream": FaultKind(_STREAM),
    "gap": FaultKind(("symbol",), 1, 1, 1000, "updates", timed=True),
    "disconnect": FaultKind(("connection",), timed=True),
    "shutdown_notice": FaultKind(("connection",), 10, 0, 3600, "s", timed=True),
    "end_user_stream": FaultKind((), timed=True),
    "refuse_connect": FaultKind(("connection",)),
    "clock_skew": FaultKind((), 1500, -3_600_000, 3_600_000, "ms"),
    "slow_engine": FaultKind((), 500, 1, _MS, "ms"),
    "balance_lag": FaultKind((), 1000, 1, 60_000, "ms"),
}


@dataclass(frozen=True, slots=True)
class FaultRule:
    """One line of a schedule; filters are patterns in which `*` stands for anything, empty meaning all.

    `start`, `end` and `every` are nanoseconds, the first two since the venue's start; `times` 0 means without limit.
    """

    kind: str
    request: str = ""
    stream: str = ""
    symbol: str = ""
    account: str = ""
    connection: Literal["", "market", "api"] = ""
    start: int = 0
    end: int = NEVER
    every: int = 0
    times: int = 0
    probability: float = 1.0
    magnitude: int = 0
    shape: str = "step"
    field: str = ""
    name: str = ""

    def aims_at(self, what: str) -> bool:
        """Whether it strikes at a "request" or a "stream"; one that names neither strikes at all its kind can."""
        named = "request" if self.request or self.account else "stream" if self.stream else what
        return named == what and what in KINDS[self.kind].filters

    def hits_request(self, request: str, symbol: str, account: str) -> bool:
        """Whether its filters let this request through to it."""
        return _fits(self.request, request) and _fits(self.symbol, symbol) and _fits(self.account, account)

    def hits_stream(self, stream: str, symbol: str) -> bool:
        """Whether its filters let this stream's frames through to it."""
        return _fits(self.stream, stream) and _fits(self.symbol, symbol)

    def to_dict(self) -> dict[str, Any]:
        """The rule as a file or the control port states it; `rule_from_dict` reads it back."""
        said: dict[str, Any] = {"kind": self.kind}
        said |= {key: value for key in _TEXTS if (value := getattr(self, key))}
        said["from"] = self.start / SECOND
        if self.end != NEVER:
            said["to"] = self.end / SECOND
        if self.every:
            said["every"] = self.every / SECOND
        if self.times:
            said["times"] = self.times
        if self.shape != "step":
            said["shape"] = self.shape
        if KINDS[self.kind].unit:
            said["magnitude"] = self.magnitude
        return said | {"probability": self.probability}


def _fits(pattern: str, value: str) -> bool:
    return not pattern or pattern == value or ("*" in pattern and fnmatchcase(value, pattern))


@dataclass(frozen=True, slots=True)
class FaultSchedule:
    """The rules of a file, and the seed of their draws."""

    seed: int = 0
    rules: tuple[FaultRule, ...] = ()


def read_schedule(path: Path) -> FaultSchedule:
    """A schedule file: an optional `seed` and `[[fault]]` tables; raises InputError naming field, value and fix."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError("faults", str(path), f"cannot be read as TOML: {error}") from error
    for key in content:
        if key not in ("seed", "fault"):
            raise InputError(f"faults: {key}", content[key], "is not a setting; they are seed and [[fault]] tables")
    seed = content.get("seed", 0)
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise InputError("faults: seed", seed, "must be a whole number")
    return FaultSchedule(seed, rules_from_list(content.get("fault", [])))


def rules_from_list(given: object) -> tuple[FaultRule, ...]:
    """Rules from plain values; raises InputError."""
    if not isinstance(given, list):
        raise InputError("faults: fault", given, "must be a list of [[fault]] tables")
    return tuple(rule_from_dict(rule, number) for number, rule in enumerate(cast(list[object], given), 1))


def rule_from_dict(given: object, number: int = 1) -> FaultRule:
    """One rule from plain values; raises InputError naming the fault, the field and what to do."""
    where = f"fault {number}"
    if not isinstance(given, Mapping):
        raise InputError(where, given, 'must be a table such as {kind = "drop", stream = "depth"}')
    table = cast(Mapping[str, object], given)
    for key in table:
        if key not in _KEYS:
            raise InputError(f"{where}: {key}", table[key], f"is not a setting; they are {', '.join(_KEYS)}")
    kind = table.get("kind", "")
    if not isinstance(kind, str) or kind not in KINDS:
        raise InputError(f"{where}: kind", kind, f"must be one of {', '.join(KINDS)}")
    texts = {key: _text(where, key, table.get(key, "")) for key in _TEXTS}
    _check_texts(where, kind, texts)
    start = _seconds(where, "from", table.get("from", 0))
    end = _seconds(where, "to", table["to"]) if "to" in table else NEVER
    if end <= start:
        raise InputError(f"{where}: to", table["to"], f"must be later than from, {start / SECOND:g} s")
    shape = _text(where, "shape", table.get("shape", "step"))
    if shape not in ("step", "drift") or (shape == "drift" and kind != "clock_skew"):
        raise InputError(f"{where}: shape", shape, "must be step, or for clock_skew drift")
    if shape == "drift" and end == NEVER:
        raise InputError(f"{where}: to", "", "is missing: a drift needs the time at which it reaches its magnitude")
    probability = _number(where, "probability", table.get("probability", 1.0))
    if not 0 <= probability <= 1:
        raise InputError(f"{where}: probability", probability, "must lie in [0, 1]")
    every = _seconds(where, "every", table.get("every", 0))
    if every and not KINDS[kind].timed:
        timed = ", ".join(name for name, means in KINDS.items() if means.timed)
        raise InputError(f"{where}: every", table["every"], f"leave it out: only {timed} repeat")
    return FaultRule(
        kind=kind,
        start=start,
        end=end,
        every=every,
        times=_whole(where, "times", table.get("times", 0), 0, 10**9),
        probability=probability,
        magnitude=_magnitude(where, kind, table),
        shape=shape,
        request=texts["request"],
        stream=texts["stream"],
        symbol=texts["symbol"],
        account=texts["account"],
        connection=cast(Literal["", "market", "api"], texts["connection"]),
        field=texts["field"],
        name=texts["name"],
    )


def _check_texts(where: str, kind: str, texts: Mapping[str, str]) -> None:
    allowed = KINDS[kind].filters
    for key in _FILTERS:
        if texts[key] and key not in allowed:
            names = f"; it is aimed by {', '.join(allowed)}" if allowed else ""
            raise InputError(f"{where}: {key}", texts[key], f"leave it out: {kind} takes no {key}{names}")
    if texts["stream"] and (texts["request"] or texts["account"]):
        raise InputError(f"{where}: stream", texts["stream"], "leave it out: a rule strikes at requests or at streams")
    if texts["stream"] and not any(_fits(texts["stream"], stream) for stream in STREAMS):
        raise InputError(f"{where}: stream", texts["stream"], f"must fit one of {', '.join(STREAMS)}")
    if texts["request"] and not any(_fits(texts["request"], request) for request in METHODS):
        fix = "is no request of this venue; they are named as order.place, order.cancel, account.status, depth"
        raise InputError(f"{where}: request", texts["request"], fix)
    if texts["connection"] not in ("", "market", "api"):
        raise InputError(f"{where}: connection", texts["connection"], "must be market or api; leave it out for both")
    changes = kind in ("renamed_field", "missing_field")
    if changes != bool(texts["field"]):
        fix = "name the JSON field that changes" if changes else f"leave it out: {kind} changes no field"
        raise InputError(f"{where}: field", texts["field"], fix)
    if texts["name"] and kind != "renamed_field":
        raise InputError(f"{where}: name", texts["name"], f"leave it out: {kind} renames no field")
    for key in ("field", "name"):
        if texts[key] and not _NAME.match(texts[key]):
            raise InputError(f"{where}: {key}", texts[key], "must be the name of a JSON field, such as orderId")


def _magnitude(where: str, kind: str, table: Mapping[str, object]) -> int:
    means = KINDS[kind]
    if "magnitude" not in table:
        return means.default
    if not means.unit:
        raise InputError(f"{where}: magnitude", table["magnitude"], f"leave it out: {kind} has none")
    return _whole(where, "magnitude", table["magnitude"], means.low, means.high, f" ({means.unit})")


def _text(where: str, key: str, value: object) -> str:
    if not isinstance(value, str):
        raise InputError(f"{where}: {key}", value, "must be a string; * stands for anything")
    return value


def _number(where: str, key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"{where}: {key}", value, "must be a number")
    return float(value)


def _seconds(where: str, key: str, value: object) -> int:
    seconds = _number(where, key, value)
    if not 0 <= seconds <= 10**9:
        raise InputError(f"{where}: {key}", value, "must be seconds, 0 or more")
    return round(seconds * SECOND)


def _whole(where: str, key: str, value: object, low: int, high: int, unit: str = "") -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InputError(f"{where}: {key}", value, f"must be a whole number from {low} to {high}{unit}")
    return value
