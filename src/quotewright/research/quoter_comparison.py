"""The composed quoter against `symmetric`, `avellaneda_stoikov` and `glft` on the frozen synthetic markets.

Training seeds and test seeds are apart. On the training markets σ, k, A, the features' settings and the signals'
weights are fitted, then each strategy has the same number of parameter sets tried, half drawn from its ranges and half
around the best of these, and keeps the set with the highest mean measure (`quoter_trials`). The four winners meet once
on every test market, in one pass, and are compared by the paired differences of the measure.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from quotewright.domain.errors import InputError
from quotewright.research.quoter_fits import QuoterFit, fit_quoter, held_out_r_squared
from quotewright.research.quoter_trials import Trial, market_of, run_trials, trials_on
from quotewright.research.scoring import Interval, student
from quotewright.sessions.agents import AgentSpec
from quotewright.sessions.sweep_axes import ParamSet, Range, random_sets
from quotewright.sessions.sweep_plan import deciding_code
from quotewright.sessions.venue_options import VenueOptions
from quotewright.simulation.presets import PRESET_HASHES, load_preset
from quotewright.storage.writer import replace_file
from quotewright.strategies.catalogue import find

STRATEGIES = ("symmetric", "avellaneda_stoikov", "glft", "composed")
SIGNAL_SCALE = Range(0.0, 2.0)  # of the fitted weights
NEAR = 1 / 3  # share of a range that the second half of the sets is drawn from
DRAWS = 10_000
FORETOLD = 8  # test markets that the signals' R² is taken on

Told = Callable[[str, int, int], None]  # what, done, in all


@dataclass(frozen=True)
class ComparisonSpec:
    """How much is tried on what: seeds are `train` from 1 on, and `test` from 2001 on; `sets` a strategy, even."""

    presets: tuple[str, ...] = ("calm", "transitional", "turbulent")
    train: int = 8
    test: int = 30
    seconds: int = 600
    sets: int = 128
    least_fills: int = 12  # on average a training market: a quoter that hardly trades proves nothing
    order_notional: float = 600.0
    venue: VenueOptions = field(default_factory=VenueOptions)

    def __post_init__(self) -> None:
        if self.train < 1 or self.test < 2 or self.sets < 2 or self.sets % 2 or self.seconds < 120:
            given = (self.train, self.test, self.sets, self.seconds)
            raise InputError("train, test, sets, seconds", given, "give at least 1, 2, 2 (even) and 120")

    @property
    def train_seeds(self) -> range:
        """Seeds of the markets that parameters are chosen on."""
        return range(1, self.train + 1)

    @property
    def test_seeds(self) -> range:
        """Seeds of the markets that nothing is chosen on."""
        return range(2001, 2001 + self.test)


class Against(NamedTuple):
    """`composed` less another strategy over the test markets: the measure, with two 95 % intervals of the mean."""

    strategy: str
    students: Interval
    bootstrap: Interval
    better: int  # markets


class Compared(NamedTuple):
    """One preset: the chosen sets, their training score, their trials on the test markets, the differences."""

    preset: str
    chosen: dict[str, ParamSet]
    trained: dict[str, float]
    trials: dict[str, list[Trial]]
    against: tuple[Against, ...]
    r_squared: tuple[float, float]  # of the signals for the mid's next half second: training markets, test markets


def compare_quoters(spec: ComparisonSpec, out: Path, told: Told | None = None) -> list[Compared]:
    """Do what is missing of the comparison; each preset is kept in `out` as it is done, and not done again.

    Raises DataError before anything is tried if a preset is not the frozen one, InputError for one that is not known.
    """
    for preset in spec.presets:
        load_preset(preset)
    out.mkdir(parents=True, exist_ok=True)
    found: list[Compared] = []
    for preset in spec.presets:
        facts = {**asdict(spec), "presets": PRESET_HASHES[preset], "code": deciding_code(), "own": _own_code()}
        key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
        kept = out / f"{preset}.json"
        if not kept.is_file() or json.loads(kept.read_text(encoding="utf-8"))["key"] != key:
            found_on = _compare_on(spec, preset, told)
            replace_file(kept, json.dumps({"key": key, "facts": facts, **found_on}, indent=1).encode())
        found.append(_read(preset, json.loads(kept.read_text(encoding="utf-8"))))
    return found


def _own_code() -> str:
    digest = hashlib.sha256()
    for name in ("quoter_comparison", "quoter_fits", "quoter_trials", "calibration"):
        digest.update(Path(__file__).with_name(f"{name}.py").read_bytes())
    return digest.hexdigest()


def _compare_on(spec: ComparisonSpec, preset: str, told: Told | None) -> dict[str, Any]:
    def tell(what: str, done: int, total: int) -> None:
        if told is not None:
            told(f"{preset}: {what}", done, total)

    with tempfile.TemporaryDirectory() as folder:
        datasets = [market_of(Path(folder), preset, seed, spec.seconds) for seed in spec.train_seeds]
        tell("fitting", 0, 1)
        fit = fit_quoter(datasets)
        half = spec.sets // 2
        scores: dict[str, list[tuple[float, ParamSet]]] = {name: [] for name in STRATEGIES}
        for turn in range(2):
            sets = {name: _draw(name, fit, half, turn, scores[name]) for name in STRATEGIES}
            agents = [_agent(spec, name, number, given) for name in sets for number, given in enumerate(sets[name])]
            passes: list[list[Trial]] = []
            for dataset in datasets:
                tell(f"{len(agents)} sets, turn {turn + 1} of 2", len(passes), len(datasets))
                passes.append(run_trials(agents, dataset, spec.venue, fit.settings))
            for at, name in enumerate(STRATEGIES):
                for number, given in enumerate(sets[name]):
                    scores[name].append((_score([p[at * half + number] for p in passes], spec.least_fills), given))
    best = {name: max(scores[name], key=lambda one: one[0]) for name in STRATEGIES}
    agents = [_agent(spec, name, 0, best[name][1]) for name in STRATEGIES]
    trials: dict[str, list[Trial]] = {name: [] for name in STRATEGIES}
    for done, seed in enumerate(spec.test_seeds):
        tell("test markets", done, spec.test)
        for name, trial in zip(
            STRATEGIES, trials_on(agents, preset, seed, spec.seconds, spec.venue, fit.settings), strict=True
        ):
            trials[name].append(trial)
    return {
        "chosen": {name: best[name][1] for name in STRATEGIES},
        "trained": {name: best[name][0] for name in STRATEGIES},
        "trials": trials,
        "r_squared": (fit.r_squared, _foretold(spec, preset, fit)),
    }


def _foretold(spec: ComparisonSpec, preset: str, fit: QuoterFit) -> float:
    """What the signals explain on the first test markets, after everything is chosen."""
    with tempfile.TemporaryDirectory() as folder:
        seeds = spec.test_seeds[:FORETOLD]
        return held_out_r_squared(fit, [market_of(Path(folder), preset, seed, spec.seconds) for seed in seeds])


def _agent(spec: ComparisonSpec, name: str, number: int, given: Mapping[str, float]) -> AgentSpec:
    return AgentSpec(f"{name}-{number}", name, {"order_notional": spec.order_notional, **given})


def _score(trials: Sequence[Trial], least_fills: int) -> float:
    """The mean measure; below all others for one that hardly trades, the busier the better."""
    fills = float(np.mean([trial.fills for trial in trials]))
    return float(np.mean([trial.measure for trial in trials])) if fills >= least_fills else fills - 1e6


def _ranges(name: str, fit: QuoterFit) -> dict[str, Range]:
    """What is searched for a strategy; everything that is shared has the same range for all."""
    k = fit.k
    shared = {"max_inventory": Range(1.0, 20.0, log=True)}
    if name == "symmetric":
        return {**shared, "half_spread": Range(0.2 / k, 20 / k, log=True)}
    shared["gamma"] = Range(1e-5 * k, min(30 * k, 100.0), log=True)
    shared["k"] = Range(k / 20, 3 * k, log=True)
    if name == "avellaneda_stoikov":
        return {**shared, "horizon": Range(1.0, 120.0, log=True)}
    shared["A"] = Range(fit.A / 10, 10 * fit.A, log=True)
    if name == "composed":
        shared["measured"] = Range(0.0, 1.0)
        shared["toxicity"] = Range(0.0, 4 / k)
        shared["heed_stress"] = Range(0.0, 1.0)
    return shared


def _draw(name: str, fit: QuoterFit, count: int, turn: int, before: Sequence[tuple[float, ParamSet]]) -> list[ParamSet]:
    """Sets from the whole ranges, or from those near the best of before."""
    ranges = _ranges(name, fit)
    scale = SIGNAL_SCALE
    best = max(before, key=lambda one: one[0])[1] if before else {}
    if best:
        ranges = {key: _near(found, best[key]) for key, found in ranges.items()}
        scale = _near(scale, _scale_of(best, fit)) if name == "composed" else scale
    drawn = random_sets(find(name), ranges, count, seed=turn)
    fixed = {"sigma": fit.sigma} if name != "symmetric" else {}
    if name != "composed":
        return [{**fixed, **given} for given in drawn]
    share = random.Random(100 + turn).random
    return [{**fixed, **given, **_signals(fit, scale.at(share()))} for given in drawn]


def _signals(fit: QuoterFit, scale: float) -> ParamSet:
    return {name: scale * weight for name, weight in {**fit.fair, **fit.signals}.items()}


def _scale_of(given: Mapping[str, float], fit: QuoterFit) -> float:
    name = max(fit.signals, key=lambda one: abs(fit.signals[one]))
    return given[name] / fit.signals[name]


def _near(whole: Range, best: float) -> Range:
    """A part of a range around a value in it."""
    low, high, at = (math.log(v) if whole.log else v for v in (whole.low, whole.high, best))
    half = NEAR * (high - low) / 2
    edges = (max(low, at - half), min(high, at + half))
    low, high = (math.exp(v) if whole.log else v for v in edges)
    return Range(max(low, whole.low), min(high, whole.high), whole.log)


def _middle(values: Any) -> tuple[float, float]:
    """Where the middle 95 % begin and end."""
    ordered = sorted(values.tolist())
    last = len(ordered) - 1
    return ordered[round(0.025 * last)], ordered[round(0.975 * last)]


def _read(preset: str, record: dict[str, Any]) -> Compared:
    trials = {name: [Trial(*one) for one in rows] for name, rows in record["trials"].items()}
    ours = np.array([trial.measure for trial in trials["composed"]])
    against: list[Against] = []
    for name in STRATEGIES[:-1]:
        less = ours - np.array([trial.measure for trial in trials[name]])
        mean, error = float(less.mean()), float(less.std(ddof=1)) / math.sqrt(len(less))
        half = student(len(less) - 1) * error
        drawn: Any = less[np.random.default_rng(0).integers(0, len(less), (DRAWS, len(less)))].mean(axis=1)
        low, high = _middle(drawn)
        against.append(
            Against(
                name,
                Interval(mean, mean - half, mean + half),
                Interval(mean, low, high),
                int((less > 0).sum()),
            )
        )
    return Compared(preset, record["chosen"], record["trained"], trials, tuple(against), tuple(record["r_squared"]))


def markdown_table(found: Sequence[Compared]) -> str:
    """The comparison as Markdown tables: the strategies, the paired differences, and what the signals foretell."""
    lines = [
        "| market | strategy | measure on training markets | on test markets | profit | inventory risk | fills |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for one in found:
        for name in STRATEGIES:
            means = np.mean(np.array(one.trials[name], np.float64), axis=0)
            lines.append(
                f"| {one.preset} | `{name}` | {one.trained[name]:.2f} | {means[0]:.2f} "
                f"| {means[1]:.3f} | {means[2]:.4f} | {means[3]:.0f} |"
            )
    lines += [
        "",
        "| market | `composed` less | difference | Student's 95 % | bootstrap 95 % | better on |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for one in found:
        for row in one.against:
            a, b = row.students, row.bootstrap
            lines.append(
                f"| {one.preset} | `{row.strategy}` | {a.value:.2f} | {a.low:.2f} … {a.high:.2f} "
                f"| {b.low:.2f} … {b.high:.2f} | {row.better} of {len(one.trials['composed'])} |"
            )
    lines += ["", "| market | R² of the signals, training markets | test markets |", "| --- | --- | --- |"]
    lines += [f"| {one.preset} | {one.r_squared[0]:.3f} | {one.r_squared[1]:.3f} |" for one in found]
    return "\n".join(lines)
