"""Named splits of time into train, backtest and forward, without a row that reaches from one into the next.

M. López de Prado (2018), Advances in Financial Machine Learning, section 7.4: rows whose label reaches into the next
part are purged, and the first rows of a part, which still resemble the part before, are embargoed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.domain.units import parse_duration
from quotewright.importers.ohlcv import parse_time

Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

PARTS = ("train", "backtest", "forward")


class Interval(NamedTuple):
    """Times from `start` to before `end`, ns since 1970, UTC."""

    start: int
    end: int

    @classmethod
    def parse(cls, start: str, end: str) -> Interval:
        """From ISO 8601 times or dates (midnight UTC); raises ParseError."""
        return cls(parse_time(start), parse_time(end))


class Parts(NamedTuple):
    """Which rows belong to each part; `purged` and `embargoed` rows lie in a part's time but in none of the masks."""

    train: Mask
    backtest: Mask
    forward: Mask
    purged: Mask
    embargoed: Mask


@dataclass(frozen=True)
class Split:
    """Train, then backtest (to choose by), then forward (looked at once); `embargo` in ns opens backtest and forward.

    Raises InputError for empty, overlapping or disordered parts, and for an embargo that leaves nothing of a part.
    """

    name: str
    train: Interval
    backtest: Interval
    forward: Interval
    embargo: int = 0

    def __post_init__(self) -> None:
        if not self.name:
            raise InputError("name", self.name, "a split needs a name: results are kept by it")
        if self.embargo < 0:
            raise InputError("embargo", self.embargo, "must be 0 or more ns")
        before = None
        for part in PARTS:
            span: Interval = getattr(self, part)
            if span.start >= span.end:
                raise InputError(part, tuple(span), "must start before it ends")
            if before is not None:
                if span.start < before:
                    raise InputError(part, tuple(span), "overlaps the part before it; parts follow in time")
                if before + self.embargo >= span.end:
                    raise InputError("embargo", self.embargo, f"leaves nothing of {part}")
            before = span.end

    def parts(self, decisions: Integers, label_ends: Integers) -> Parts:
        """The part of each row by its decision time, purged by the end of its label (both int64 ns, one length).

        A row belongs to a part if start ≤ decision and label end ≤ end, and its decision is not within `embargo` after
        the end of the part before. Rows in gaps between parts belong to none. Raises InputError if a label ends before
        its decision.
        """
        if len(decisions) != len(label_ends) or decisions.dtype != np.int64 or label_ends.dtype != np.int64:
            raise InputError("label_ends", (len(decisions), len(label_ends)), "give int64 ns, one for each decision")
        if (label_ends < decisions).any():
            raise InputError("label_ends", int((label_ends - decisions).min()), "a label ends before its decision")
        masks: dict[str, Mask] = {}
        purged, embargoed = np.zeros(len(decisions), bool), np.zeros(len(decisions), bool)
        free = None
        for part in PARTS:
            span: Interval = getattr(self, part)
            inside = (decisions >= span.start) & (decisions < span.end)
            early = inside & (decisions < free) if free is not None else np.zeros(len(decisions), bool)
            late = inside & (label_ends > span.end)
            embargoed |= early
            purged |= late & ~early
            masks[part] = inside & ~early & ~late
            free = span.end + self.embargo
        return Parts(**masks, purged=purged, embargoed=embargoed)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for an experiment file or a registry; `from_dict` reads them back."""
        return {"name": self.name, **{part: list(getattr(self, part)) for part in PARTS}, "embargo": self.embargo}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Split:
        """From `to_dict`, or as written by hand: ISO 8601 times, and a duration such as "1d" for the embargo."""
        try:
            train, backtest, forward = (_interval(fields[part]) for part in PARTS)
            name = str(fields["name"])
        except KeyError as error:
            raise InputError("split", sorted(fields), f"has no {error.args[0]}") from None
        embargo = fields.get("embargo", 0)
        wait = parse_duration(embargo, "embargo") if isinstance(embargo, str) else int(embargo)
        return cls(name, train, backtest, forward, wait)

    @classmethod
    def by_share(cls, name: str, span: Interval, train: float, backtest: float, *, embargo: int = 0) -> Split:
        """Cut a span by shares of its time; the forward part is what train and backtest leave, which must be some."""
        if not (train > 0 and backtest > 0 and train + backtest < 1):
            raise InputError("train, backtest", (train, backtest), "must be above 0 and leave a share to forward")
        length = span.end - span.start
        first, second = span.start + int(length * train), span.start + int(length * (train + backtest))
        return cls(name, Interval(span.start, first), Interval(first, second), Interval(second, span.end), embargo)


def _interval(value: Any) -> Interval:
    try:
        start, end = value
    except (TypeError, ValueError):
        raise InputError("interval", value, "give its start and its end") from None
    return Interval(*(bound if isinstance(bound, int) else parse_time(str(bound)) for bound in (start, end)))


PAPER_41 = Split(
    "paper-41",
    train=Interval.parse("2013-01-01", "2023-02-01"),
    backtest=Interval.parse("2023-02-01", "2023-08-01"),
    forward=Interval.parse("2023-08-01", "2023-11-01"),
)
"""The split of the 41-model study: train to January 2023, backtest February to July, forward August to October 2023.

Jabbar & Jalil (2024), arXiv 2407.18334.
"""

SPLITS = {split.name: split for split in (PAPER_41,)}


def find_split(name: str) -> Split:
    """A predefined split by its name; raises InputError."""
    if name not in SPLITS:
        raise InputError("split", name, f"is not one of {', '.join(SPLITS)}; describe your own in the experiment file")
    return SPLITS[name]
