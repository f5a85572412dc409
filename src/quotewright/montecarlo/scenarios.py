"""The library of scenarios: what happens to a market, second by second, from a start that is given.

A scenario is data: stages of a distorted market (`distortion`), slower or dead lines, a new fee table. Times are
seconds from the beginning of a recording, moves basis points of its reference price.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from quotewright.domain.errors import InputError
from quotewright.domain.units import parse_rate

STEP = 0.1  # seconds between the stages of a slope
MOST_MOVE = 9_000.0  # bp


class Stage(NamedTuple):
    """From `at` on: prices moved by `move_bp`, a share `keep` of the book left, or nothing to be seen (`dark`)."""

    at: float
    move_bp: float = 0.0
    keep: float = 1.0
    dark: bool = False


class Slow(NamedTuple):
    """Between two times: messages, answers and the feed take `times` as long; infinite: they wait for the end."""

    start: float
    end: float
    times: float


class Fees(NamedTuple):
    """From `at` on these rates, as decimal fractions of the notional; a rebate is negative."""

    at: float
    maker: str
    taker: str


@dataclass(frozen=True)
class Scenario:
    """One scenario; `instruments` (VENUE:SYMBOL) empty means every market of the session.

    `slow` concerns the session's lines to all venues: order latency belongs to a session.
    """

    name: str
    doc: str
    stages: tuple[Stage, ...] = ()
    slow: Slow | None = None
    fees: Fees | None = None
    instruments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        times = [stage.at for stage in self.stages]
        if times != sorted(set(times)) or (times and times[0] < 0):
            raise InputError("stages", times, "must follow one another from 0 on")
        for stage in self.stages:
            if not 0 < stage.keep <= 1:
                raise InputError("keep", stage.keep, "must lie in (0, 1]; for nothing at all use dark")
            if not abs(stage.move_bp) <= MOST_MOVE:
                raise InputError("move_bp", stage.move_bp, f"must lie within ±{MOST_MOVE:g}")
        if self.slow is not None and not (0 <= self.slow.start < self.slow.end and self.slow.times >= 1):
            raise InputError("slow", self.slow, "must end after it starts, and take at least as long as usual")
        if self.fees is not None:
            parse_rate(self.fees.maker, "maker")
            parse_rate(self.fees.taker, "taker")

    @property
    def start(self) -> float:
        """When it first differs from the market as it was, seconds."""
        starts = [stage.at for stage in self.stages[:1]]
        starts += [self.slow.start] if self.slow is not None else []
        starts += [self.fees.at] if self.fees is not None else []
        return min(starts, default=0.0)


def flash_crash(
    start: float,
    *,
    fall_bp: float = 80.0,
    fall: float = 5.0,
    hold: float = 5.0,
    back: float = 20.0,
    recovered: float = 0.8,
    keep: float = 0.3,
) -> Scenario:
    """The price falls by `fall_bp` in `fall` seconds, stays for `hold`, and a share comes back in `back` seconds.

    A share `keep` of the book is left throughout: what the joint report on 6 May 2010 (CFTC & SEC, 2010) describes.
    """
    bottom, end = start + fall + hold, start + fall + hold + back
    stages = (
        *_slope(start, start + fall, 0.0, -fall_bp, keep),
        *_slope(bottom, end, -fall_bp, -fall_bp * (1 - recovered), keep)[0 if hold > 0 else 1 :],
        Stage(end + STEP, -fall_bp * (1 - recovered)),
    )
    return Scenario("flash crash", f"−{fall_bp:g} bp in {fall:g} s, {keep:.0%} of the book, partly back", stages)


def de_peg(
    start: float, *, fall_bp: float = 150.0, fall: float = 30.0, keep: float = 0.5, instruments: tuple[str, ...] = ()
) -> Scenario:
    """A price that was held to another leaves it by `fall_bp` over `fall` seconds and does not come back."""
    stages = _slope(start, start + fall, 0.0, -fall_bp, keep)
    return Scenario("de-peg", f"−{fall_bp:g} bp in {fall:g} s, for good", stages, instruments=instruments)


def venue_outage(
    start: float, *, length: float = 20.0, move_bp: float = 0.0, lines: bool = True, instruments: tuple[str, ...] = ()
) -> Scenario:
    """The venue shows nothing and, with `lines`, takes no message either until it is back, at prices `move_bp` away.

    What rests stays there and cannot be cancelled meanwhile. For one venue of several, `lines` must be False.
    """
    if lines and instruments:
        raise InputError("lines", lines, "must be False for some of a session's markets: it has one order latency")
    stages = (Stage(start, dark=True), Stage(start + length, move_bp))
    slow = Slow(start, start + length, float("inf")) if lines else None
    return Scenario("venue outage", f"nothing seen nor taken for {length:g} s", stages, slow, None, instruments)


def liquidity_drought(start: float, *, length: float = 60.0, keep: float = 0.15) -> Scenario:
    """Only a share `keep` of the book stays for `length` seconds, while takers go on."""
    stages = (Stage(start, keep=keep), Stage(start + length))
    return Scenario("liquidity drought", f"{keep:.0%} of the book for {length:g} s", stages)


def fee_change(start: float, *, maker: str = "0.00002", taker: str = "0.0005") -> Scenario:
    """Another fee table from `start` on."""
    return Scenario("fee change", f"makers pay {maker}, takers {taker}", fees=Fees(start, maker, taker))


def latency_spike(start: float, *, length: float = 30.0, times: float = 40.0) -> Scenario:
    """Orders, answers and the feed take `times` as long for `length` seconds."""
    return Scenario("latency spike", f"{times:g} × for {length:g} s", slow=Slow(start, start + length, times))


def library(seconds: float) -> tuple[Scenario, ...]:
    """All six at their defaults, from a third of a recording of `seconds` on; at least 120, so that they fit."""
    if seconds < 120:
        raise InputError("seconds", seconds, "must be at least 120 for the scenarios to fit")
    start = seconds / 3
    every = (flash_crash, de_peg, venue_outage, liquidity_drought, fee_change, latency_spike)
    return tuple(make(start) for make in every)


def _slope(start: float, end: float, first: float, last: float, keep: float) -> tuple[Stage, ...]:
    """From one move to another in steps; the first step is taken at `start`. At once where no time is given."""
    if start == end:
        return (Stage(end, last, keep),)
    steps = max(round((end - start) / STEP), 1)
    return tuple(
        Stage(start + (end - start) * i / steps, first + (last - first) * i / steps, keep) for i in range(steps + 1)
    )
