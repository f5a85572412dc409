"""From ticks to a quote: features, label, compiled model, and the composed quoter with the signal and without it.

A recording is cut in three by time. On the first part the features' settings, the quoter's σ, k and A, and the model
are fitted; on the second its weight and the risk aversion are chosen; the third is looked at once. Everything is
replayed by the engine that trades, and the model is read there by the kernel that was exported.
"""

# pyright: basic
# Journal records and tapes have no types that a checker could follow.

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.accounting.valuation import Valuation, exact
from quotewright.domain.errors import InputError
from quotewright.domain.instrument import Instrument
from quotewright.domain.journal import KEEP_RESULTS, Record
from quotewright.features.matrix import Features, features_of
from quotewright.features.settings import FeatureSettings
from quotewright.features.slots import MODEL, MODEL_INPUTS, model_hash
from quotewright.inference.artefact import save
from quotewright.models.exporting import compile_model
from quotewright.models.fitting import Spans, fit
from quotewright.models.weights import average_uniqueness
from quotewright.research.calibration import calibrate
from quotewright.research.feature_fit import fit_features
from quotewright.research.touch import read_tape
from quotewright.sessions.agents import AgentSpec
from quotewright.sessions.outside import Outside, read_model
from quotewright.sessions.replay import run
from quotewright.sessions.venue_options import VenueOptions
from quotewright.sessions.wiring import wire
from quotewright.simulation.loop import TO_VENUE
from quotewright.storage.feed import windows
from quotewright.storage.store import Dataset
from quotewright.tuning.replay import before
from quotewright.validation.bootstrap import stationary_rows
from quotewright.validation.labels import returns_after

SECOND = 1_000_000_000
WARM_UP = 10 * SECOND
EVERY = SECOND // 10  # between rows that are learned from: neighbours say the same
WORST = 0.005  # share of labels at each end that are pulled in
FEWEST_ROWS = 200
DRAWS = 2_000
FEWEST_FILLS = 10  # in the part that parameters are chosen on: not to trade is no answer to whether a signal helps

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SignalSpec:
    """The study's settings; `horizon` in s, parts as shares of time, weights as multiples of what is foretold."""

    horizon: float = 1.0
    train: float = 0.5
    choose: float = 0.25
    model: str = "LightGBM:regressor"
    params: Mapping[str, Any] = field(
        default_factory=lambda: {"n_estimators": 100, "num_leaves": 8, "min_child_samples": 200, "learning_rate": 0.05}
    )
    weights: tuple[float, ...] = (0.0, 0.5, 1.0, 2.0)
    gammas: tuple[float, ...] = (0.01, 0.1, 1.0, 5.0)
    order_notional: float = 1000.0
    max_inventory: float = 10.0
    seed: int = 1
    venue: VenueOptions = field(default_factory=VenueOptions)

    def __post_init__(self) -> None:
        if not (self.train > 0 and self.choose > 0 and self.train + self.choose < 1):
            raise InputError("train, choose", (self.train, self.choose), "are shares that leave a forward part")
        if not 0.01 <= self.horizon <= 60:
            raise InputError("horizon", self.horizon, "must lie in 0.01 to 60 s")
        if 0.0 not in self.weights or len(self.weights) < 2 or not self.gammas:
            raise InputError("weights, gammas", (self.weights, self.gammas), "give 0 and another weight, and a gamma")


class Mean(NamedTuple):
    """A mean with its 95 % interval over blocks drawn again."""

    value: float
    low: float
    high: float


class Course(NamedTuple):
    """One agent's marks, local times (ns) and equity in the settle asset, and the times of its fills."""

    times: npt.NDArray[np.int64]
    equity: Floats
    fills: npt.NDArray[np.int64]


def study_signal(
    dataset: Dataset, spec: SignalSpec | None = None, told: Callable[[str], None] | None = None
) -> dict[str, Any]:
    """The study of one recording as a document for JSON; `told` hears what is done.

    Raises InputError for a recording that is too short, or has no book or prints.
    """
    spec = spec or SignalSpec()
    tell = told or (lambda _: None)
    l3 = bool(dataset.manifest["l3"])
    tell("learning features")
    settings, until = fit_features(dataset, train=spec.train)[:2]
    seen = features_of((window.local for window in windows([dataset])), settings, l3=l3)
    first, last = int(seen.times[0]), int(seen.times[-1])
    chosen_until = int(first + (spec.train + spec.choose) * (last - first))
    rows = _rows(seen, spec)
    train = rows.ends <= until
    forward = rows.times > chosen_until
    if min(train.sum(), forward.sum()) < FEWEST_ROWS:
        given = f"{train.sum()} rows to learn from, {forward.sum()} to look at"
        raise InputError("recording", given, f"is too short: at least {FEWEST_ROWS} of each are needed")
    tell(f"fitting {spec.model} to {int(train.sum()):,} rows")
    labels = _pulled_in(rows.labels, rows.labels[train])
    spans = Spans(rows.times[train], rows.ends[train])
    fitted = fit(
        spec.model,
        rows.x[train],
        labels[train],
        spec.seed,
        weights=average_uniqueness(spans),
        params=dict(spec.params),
        features=MODEL_INPUTS,
        spans=spans,
    )
    compiled = compile_model(fitted)
    with tempfile.TemporaryDirectory() as folder:
        digest = save(compiled, Path(folder), model_hash(), {"dataset": dataset.hash, "seed": spec.seed})
        outside = Outside(models={dataset.name: read_model(Path(folder) / f"{digest}.json")})
    tell("replaying every weight and risk aversion in one pass")
    quoter = _calibrated(dataset, until, l3)
    sets = [(weight, gamma) for weight, gamma in itertools.product(spec.weights, spec.gammas)]
    agents = [_agent(spec, quoter, number, *each) for number, each in enumerate(sets)]
    courses = _replay(dataset, agents, spec, settings, outside)
    scores = {each: _score(course, until, chosen_until) for each, course in zip(sets, courses, strict=True)}
    gamma = max(spec.gammas, key=lambda each: scores[0.0, each])
    weight = max((each for each in spec.weights if each != 0.0), key=lambda each: scores[each, gamma])
    best = {"with": courses[sets.index((weight, gamma))], "without": courses[sets.index((0.0, gamma))]}
    return {
        "instrument": dataset.name,
        "dataset": dataset.hash,
        "model": digest,
        "horizon_s": spec.horizon,
        "seconds": {
            "train": (until - first) / SECOND,
            "choose": (chosen_until - until) / SECOND,
            "forward": (last - chosen_until) / SECOND,
        },
        "rows": {"train": int(train.sum()), "forward": int(forward.sum())},
        "forecast": _forecast(compiled.predict(rows.x[forward]), rows.labels[forward], spec),
        "quoter": quoter,
        "chosen": {"weight": weight, "gamma": gamma},
        "forward": {
            name: {"profit": _profit(course, chosen_until), "fills": int((course.fills > chosen_until).sum())}
            for name, course in best.items()
        },
        "difference": _difference(best["with"], best["without"], chosen_until)._asdict(),
        "settle": dataset.instrument.settle,
        "warnings": list(fitted.warnings),
        "spec": {**asdict(spec), "venue": spec.venue.to_dict(), "params": dict(spec.params)},
    }


class Rows(NamedTuple):
    """What is learned from: decision and label times, features, and the mid's move over the horizon in bp."""

    times: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    x: Floats
    labels: Floats


def _rows(seen: Features, spec: SignalSpec) -> Rows:
    known = seen.mid2 > 0
    times, mids = seen.times[known], seen.mid2[known] * 0.5
    labels = returns_after(times, mids, round(spec.horizon * SECOND))
    values = seen.values[known][:, :MODEL]
    grid = np.arange(times[0] + WARM_UP, times[-1], EVERY)
    place = np.unique(np.searchsorted(times, grid, "right") - 1)
    place = place[labels.known[place]]
    return Rows(times[place], labels.ends[place], values[place], 1e4 * labels.values[place])


def _pulled_in(labels: Floats, train: Floats) -> Floats:
    low, high = np.quantile(train, [WORST, 1 - WORST])
    return np.clip(labels, low, high)


def _calibrated(dataset: Dataset, until: int, l3: bool) -> dict[str, float]:
    """σ, k and A of the training part."""
    tape = read_tape((window.exch for window in before(windows([dataset]), until)), l3=l3, told=lambda _: None)
    found = calibrate(*tape, tick=float(dataset.instrument.price_step.fraction))
    return {"sigma": found.sigma.value, "k": found.k.value, "A": found.A.value}


def _agent(spec: SignalSpec, quoter: Mapping[str, float], number: int, weight: float, gamma: float) -> AgentSpec:
    params = {
        "order_notional": spec.order_notional,
        "max_inventory": spec.max_inventory,
        **quoter,
        "gamma": gamma,
        "signal_model": weight,
        "signal_most": 100.0,
        "heed_stress": 0.0,
    }
    return AgentSpec(f"{number}", "composed", params)


def _replay(
    dataset: Dataset, agents: Sequence[AgentSpec], spec: SignalSpec, settings: FeatureSettings, outside: Outside
) -> list[Course]:
    """Each agent in a world of its own, in one pass over the whole recording."""
    wired = wire(
        [dataset],
        agents,
        spec.venue,
        seed=spec.seed,
        mark_interval_ns=SECOND,
        keep=KEEP_RESULTS | 1 << Record.FILL,
        features={dataset.name: settings},
        outside=outside,
    )
    tally = _Marks(dataset.instrument, len(agents))
    run(wired, windows([dataset]), TO_VENUE, tally)
    return tally.courses()


class _Marks:
    """Takes a journal; afterwards what each agent did."""

    def __init__(self, instrument: Instrument, agents: int) -> None:
        self._instrument = instrument
        self._agents = agents
        self._marks: list[npt.NDArray[Any]] = []
        self._fills: list[npt.NDArray[Any]] = []

    def append(self, rows: npt.NDArray[Any], /) -> None:
        """Take the next block of journal records."""
        marks = (rows["kind"] == Record.MARK) | (rows["kind"] == Record.RUN_END)
        self._marks.append(rows[marks][["ts", "agent", "mid2", "cash", "position"]].copy())
        self._fills.append(rows[rows["kind"] == Record.FILL][["ts", "agent"]].copy())

    def courses(self) -> list[Course]:
        """By agent."""
        marks, fills = np.concatenate(self._marks), np.concatenate(self._fills)
        valuation, unit = Valuation(self._instrument), self._instrument.money_unit
        found: list[Course] = []
        for agent in range(self._agents):
            mine = marks[(marks["agent"] == agent) & (marks["mid2"] > 0)]
            worth = [int(row["cash"]) + valuation.worth(exact(row["position"]), exact(row["mid2"])) for row in mine]
            equity = np.array([float(int(each) * unit) for each in worth])
            filled = fills["ts"][fills["agent"] == agent]
            found.append(Course(mine["ts"].astype(np.int64), equity, filled.astype(np.int64)))
        return found


def _increments(course: Course, since: int, until: int) -> Floats:
    """Profit from mark to mark of a part."""
    inside = (course.times > since) & (course.times <= until)
    return np.diff(course.equity[inside])


def _score(course: Course, since: int, until: int) -> float:
    """Profit over the deviation of its increments, by the second; below all others if it was hardly ever filled."""
    fills = int(((course.fills > since) & (course.fills <= until)).sum())
    if fills < FEWEST_FILLS:
        return fills - 1e6
    made = _increments(course, since, until)
    deviation = float(made.std()) if len(made) > 1 else 0.0
    return float(made.mean()) / deviation if deviation > 0 else 0.0


def _profit(course: Course, since: int) -> float:
    return float(_increments(course, since, 1 << 62).sum())


def _difference(one: Course, other: Course, since: int) -> Mean:
    """Profit of one less the other over the forward part, seconds drawn again in blocks."""
    apart = _increments(one, since, 1 << 62) - _increments(other, since, 1 << 62)
    drawn = apart[stationary_rows(len(apart), DRAWS, seed=1, block=10)].sum(axis=1)
    found = np.array([apart.sum(), *np.quantile(drawn, [0.025, 0.975])])
    found[np.abs(found) < 1e-12 * np.abs(apart).max()] = 0.0  # what rounding left of sums that cancel is on no side
    return Mean(*found.tolist())


def _forecast(said: Floats, came: Floats, spec: SignalSpec) -> dict[str, Any]:
    """How well the model foretells the forward part: correlation and share of the moves explained, with intervals."""
    block = max(2.0, 10 * SECOND / EVERY)
    draws = stationary_rows(len(came), DRAWS // 4, seed=1, block=min(block, len(came) / 2))

    def figures(rows: Any) -> tuple[float, float]:
        a, b = said[rows], came[rows]
        if np.ptp(a) == 0 or np.ptp(b) == 0:
            return 0.0, 0.0
        return float(np.corrcoef(a, b)[0, 1]), 1 - float(((b - a) ** 2).sum() / (b**2).sum())

    drawn = np.array([figures(rows) for rows in draws])
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    whole = figures(slice(None))
    names = ("correlation", "r_squared")
    return {name: Mean(whole[k], float(low[k]), float(high[k]))._asdict() for k, name in enumerate(names)}
