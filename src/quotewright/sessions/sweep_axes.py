"""Parameter sets from the words of a command line: every combination of a grid, or draws from ranges."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from quotewright.domain.errors import InputError
from quotewright.domain.strategy import Param, Strategy

MOST_SETS = 1_000_000

ParamSet = dict[str, float]


@dataclass(frozen=True)
class Range:
    """A closed range to draw from, evenly or, with `log`, evenly by logarithm (then 0 < low)."""

    low: float
    high: float
    log: bool = False

    def at(self, share: float) -> float:
        """The value at a share in [0, 1) of the way from low to high."""
        if self.log:
            return min(max(self.low * (self.high / self.low) ** share, self.low), self.high)
        return min(self.low + (self.high - self.low) * share, self.high)


def parse_grid(words: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """`name=a,b,c` or `name=from:to:n[:log]` as the values of each parameter; raises InputError naming the word."""
    axes: dict[str, tuple[float, ...]] = {}
    for word in words:
        name, text = _split("grid", word, axes, "gamma=0.05,0.1,0.2 or gamma=0.01:1:7:log")
        parts = text.split(":")
        if len(parts) == 1:
            values = tuple(_number(f"grid {name}", part) for part in text.split(","))
        elif len(parts) in (3, 4):
            values = _spaced(name, parts)
        else:
            raise InputError(f"grid {name}", text, "write values with commas, or from:to:n, or from:to:n:log")
        if len(set(values)) < len(values):
            raise InputError(f"grid {name}", text, "has a value twice")
        axes[name] = values
    return axes


def parse_ranges(words: Sequence[str]) -> dict[str, Range]:
    """`name=low:high[:log]` as the range of each parameter; raises InputError naming the word."""
    ranges: dict[str, Range] = {}
    for word in words:
        name, text = _split("range", word, ranges, "gamma=0.01:1 or gamma=0.01:1:log")
        parts = text.split(":")
        if len(parts) not in (2, 3):
            raise InputError(f"range {name}", text, "write low:high or low:high:log")
        low, high = (_number(f"range {name}", part) for part in parts[:2])
        log = _is_log(f"range {name}", parts[2:], low)
        if not low < high:
            raise InputError(f"range {name}", text, "must go from a lower to a higher value")
        ranges[name] = Range(low, high, log)
    return ranges


def grid_sets(axes: Mapping[str, Sequence[float]]) -> list[ParamSet]:
    """Every combination, the last axis fastest; raises InputError for more than MOST_SETS."""
    count = math.prod(len(values) for values in axes.values())
    if count > MOST_SETS:
        raise InputError("grid", f"{count:,} sets", f"is more than {MOST_SETS:,}; draw some of them with --random")
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def random_sets(strategy: Strategy, ranges: Mapping[str, Range], count: int, seed: int) -> list[ParamSet]:
    """`count` independent draws; a whole parameter draws whole numbers, each as likely as the others.

    The same seed gives the same draws, and fewer draws are the first of more. Raises InputError for parameters
    that the strategy does not have, and for ranges outside the parameters' own.
    """
    if not ranges:
        raise InputError("random", count, "needs what to draw from: --range name=low:high")
    if count > MOST_SETS:
        raise InputError("random", f"{count:,} sets", f"is more than {MOST_SETS:,}")
    strategy.bind({name: _first(strategy, name, found) for name, found in ranges.items()})
    strategy.bind({name: _last(strategy, name, found) for name, found in ranges.items()})
    draw = random.Random(seed).random
    params = {param.name: param for param in strategy.params}
    return [{name: _drawn(params[name], found, draw()) for name, found in ranges.items()} for _ in range(count)]


def _drawn(param: Param, found: Range, share: float) -> float:
    if not param.whole:
        return found.at(share)
    low, high = math.ceil(found.low), math.floor(found.high)
    if found.log:
        return float(min(max(int(Range(low, high + 1, log=True).at(share)), low), high))
    return float(low + int(share * (high - low + 1)))


def _first(strategy: Strategy, name: str, found: Range) -> float:
    return float(math.ceil(found.low)) if _is_whole(strategy, name) else found.low


def _last(strategy: Strategy, name: str, found: Range) -> float:
    if not _is_whole(strategy, name):
        return found.high
    if math.floor(found.high) < math.ceil(found.low):
        raise InputError(f"range {name}", f"{found.low:g}:{found.high:g}", "holds no whole number")
    return float(math.floor(found.high))


def _is_whole(strategy: Strategy, name: str) -> bool:
    return any(param.name == name and param.whole for param in strategy.params)


def _spaced(name: str, parts: Sequence[str]) -> tuple[float, ...]:
    """`n` values from the first to the last, both included; even steps are exact in decimals."""
    text, where = ":".join(parts), f"grid {name}"
    low, high = (_number(where, part) for part in parts[:2])
    if not parts[2].isdecimal() or not 2 <= int(parts[2]) <= MOST_SETS:
        raise InputError(where, text, f"n must be a whole number from 2 to {MOST_SETS:,}")
    steps = int(parts[2]) - 1
    log = _is_log(where, parts[3:], low)
    if not low < high:
        raise InputError(where, text, "must go from a lower to a higher value")
    if log:
        inner = [low * (high / low) ** (step / steps) for step in range(1, steps)]
        return (low, *inner, high)
    first, last = Fraction(parts[0]), Fraction(parts[1])
    return tuple(float(first + (last - first) * step / steps) for step in range(steps + 1))


def _is_log(where: str, rest: Sequence[str], low: float) -> bool:
    if not rest:
        return False
    if rest[0] != "log":
        raise InputError(where, rest[0], "must be log, or left out")
    if low <= 0:
        raise InputError(where, low, "must be above zero for log")
    return True


def _split(option: str, word: str, known: Mapping[str, object], example: str) -> tuple[str, str]:
    name, equals, text = word.partition("=")
    if not equals or not name or not text:
        raise InputError(option, word, f"write it as {example}")
    if name in known:
        raise InputError(option, name, "is given twice")
    return name, text


def _number(where: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(where, text, "is not a number")
    return value
