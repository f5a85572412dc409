"""How far a session and the replay of its own feed are apart, and which settings bring them closest.

Live and paper fills are held against those that the replay venue gives the same agents on the same feed. The difference
is what a backtest on such data would get wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from quotewright.accounting.runs import Leg, Run, load_run
from quotewright.domain.errors import InputError
from quotewright.domain.events import ESTIMATED_TIME, EVENT
from quotewright.live.gap_leg import LegGap, delays, leg_gap
from quotewright.live.gap_replay import simulate
from quotewright.live.gap_words import explained
from quotewright.live.recorded import RecordedSession, Table, read_recorded
from quotewright.live.repetition import log_of
from quotewright.sessions.venue_options import VenueOptions
from quotewright.simulation.state import QUEUE_MODELS
from quotewright.storage.session_log import EVENTS

WINDOW = 1_000_000_000
MICROSECOND = 1_000


@dataclass(frozen=True)
class Trial:
    """One setting of the replay venue and how far it is from the session.

    `unmatched` is the share of all lots, of both, that have no counterpart; `apart_ms` the mean over legs of the median
    time between matched fills.
    """

    options: VenueOptions
    chosen: bool
    legs: tuple[LegGap, ...]

    @property
    def lots(self) -> int:
        """All lots filled, of both."""
        return sum(leg.lots_live + leg.lots_replay for leg in self.legs)

    @property
    def unmatched(self) -> float:
        """Share of lots without a counterpart."""
        alone = sum(leg.only_live_lots + leg.only_replay_lots for leg in self.legs)
        return alone / self.lots if self.lots else 0.0

    @property
    def apart_ms(self) -> float:
        """Time between matched fills."""
        known = [leg.apart_ms for leg in self.legs if leg.apart_ms is not None]
        return sum(known) / len(known) if known else 0.0


@dataclass(frozen=True)
class Gap:
    """A session against its replay under its own settings, the settings that were tried, and the closest of them.

    `measured` are latencies in ns as the replay venue means them: it hears of the market when we do.
    """

    run: str
    mode: str
    session: int
    window_ns: int
    legs: tuple[LegGap, ...]
    trials: tuple[Trial, ...]
    measured: dict[str, int] | None
    words: tuple[str, ...]

    @property
    def best(self) -> Trial:
        """The closest; of equals the first, which is the session's own."""
        return min(self.trials, key=lambda trial: (trial.unmatched, trial.apart_ms))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        tried = [
            {
                **trial.options.to_dict(),
                "own": trial.chosen,
                "unmatched": trial.unmatched,
                "apart_ms": trial.apart_ms,
                "profit": [
                    {"agent": leg.agent, "instrument": leg.instrument, **leg.profit["total"]} for leg in trial.legs
                ],
            }
            for trial in self.trials
        ]
        return {
            "run": self.run,
            "mode": self.mode,
            "session": self.session,
            "window_ns": self.window_ns,
            "legs": [{**asdict(leg), "agrees": leg.agrees} for leg in self.legs],
            "tried": tried,
            "measured": self.measured,
            "suggested": self.best.options.to_dict(),
            "words": list(self.words),
        }


def measure_gap(
    folder: Path,
    *,
    window_ns: int = WINDOW,
    told: Callable[[str], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Gap:
    """Compare the session of a run folder with replays of its feed.

    Raises InputError for a folder that is no session's, DataError if its journal or its log is damaged.
    """
    if window_ns < 1:
        raise InputError("window", f"{window_ns}ns", "must be above zero")
    recorded = read_recorded(*log_of(folder))
    run = load_run(folder)
    real = any(leg.live for leg in recorded.legs)
    compared = [leg for leg in recorded.legs if leg.live or not real]
    venues = {
        (leg.agent, leg.instrument): recorded.markets[leg.instrument].instrument.venue if leg.live else "simulated"
        for leg in compared
    }
    measured = measured_latency(recorded, run, list(venues))
    trials: list[Trial] = []
    every = _options(recorded.settings.simulated, measured)
    for number, options in enumerate(every):
        replayed = simulate(recorded, options, told)
        found = [leg_gap(ours, theirs, venues[pair], window_ns) for pair, ours, theirs in _legs(run, replayed, venues)]
        trials.append(Trial(options, number == 0, tuple(found)))
        if progress is not None:
            progress(number + 1, len(every))
    gap = Gap(
        str(folder), recorded.mode, recorded.start.session, window_ns, trials[0].legs, tuple(trials), measured, ()
    )
    words = explained(gap.legs, recorded.settings.simulated, gap.best.options, live=real)
    return replace(gap, words=tuple(words))


def _options(own: VenueOptions, measured: dict[str, int] | None) -> list[VenueOptions]:
    """The session's own first; then each queue model with the latency that was measured."""
    base = own if measured is None else replace(own, latency_file="", **measured)
    found = [own, base, *(replace(base, queue_model=name) for name in QUEUE_MODELS)]
    return list(dict.fromkeys(found))


def _legs(run: Run, replayed: Table, pairs: Sequence[Any] | dict[Any, str]) -> Iterator[tuple[Any, Leg, Leg]]:
    for agent, instrument in run.legs():
        if (agent, instrument) not in pairs:
            continue
        ours = run.leg(agent, instrument)
        mine = replayed[replayed["instrument"] == instrument]
        theirs = Leg(ours.agent, ours.instrument, mine[mine["agent"] == agent], mine[mine["agent"] == -1])
        yield (agent, instrument), ours, theirs


def measured_latency(recorded: RecordedSession, run: Run, pairs: Sequence[tuple[int, int]]) -> dict[str, int] | None:
    """Median latencies of the session's orders (ns); None if none was accepted.

    The way there is from sending to the venue's own time of acceptance plus the market data's way home, so that a wrong
    clock cancels out; the way back is the rest until the answer. Simulated venues hear of the market when we do.
    """
    there: list[Table] = []
    heard: list[Table] = []
    real = {(leg.agent, leg.instrument): leg.live for leg in recorded.legs}
    for pair in pairs:
        if pair not in set(run.legs()):
            continue
        sent, answered = delays(run.leg(*pair).rows)
        there.append(sent + (_feed_delay(recorded, pair[1]) if real[pair] else 0))
        heard.append(answered)
    answers = np.concatenate(heard) if heard else np.zeros(0, np.int64)
    if not len(answers):
        return None
    whole = int(np.median(answers))
    arrivals = np.concatenate(there)
    entry = int(np.median(arrivals)) if len(arrivals) else whole
    entry = min(max(entry, 0), whole)
    return {"entry_latency_ns": _rounded(entry), "response_latency_ns": _rounded(whole - entry)}


def _rounded(nanoseconds: int) -> int:
    """Whole microseconds: finer is noise."""
    return (nanoseconds + MICROSECOND // 2) // MICROSECOND * MICROSECOND


def _feed_delay(recorded: RecordedSession, instrument: int) -> int:
    """Median local − venue time of an instrument's first timed rows, ns."""
    for block in recorded.tables(EVENTS, EVENT):
        timed = (block["instrument"] == instrument) & (block["flags"] & ESTIMATED_TIME == 0) & (block["exch_ts"] > 0)
        if timed.any():
            return int(np.median(block["local_ts"][timed] - block["exch_ts"][timed]))
    return 0
