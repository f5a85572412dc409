"""Strategies under stress: every scenario against the same markets without it, as paired differences."""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from quotewright.domain.errors import InputError
from quotewright.montecarlo.intervals import Interval, mean_with_interval
from quotewright.montecarlo.scenarios import Scenario
from quotewright.montecarlo.stressed_run import METRICS, Outcome, run_stressed
from quotewright.sessions.agents import AgentSpec
from quotewright.sessions.synthetic import make_market
from quotewright.sessions.venue_options import VenueOptions
from quotewright.storage.store import Dataset, Store

if TYPE_CHECKING:
    from quotewright.features.settings import FeatureSettings

SHOWN = ("pnl", "drawdown", "lowest", "highest", "halted", "unseen", "quotes", "fills")

Told = Callable[[str, int, int], None]  # what, runs done, runs in all (0: not known)
Legs = tuple[str, str]  # agent, VENUE:SYMBOL


@dataclass(frozen=True)
class StressReport:
    """Outcomes by market: `usual[market][leg]`, `stressed[scenario][market][leg]`; legs in one order throughout."""

    legs: tuple[Legs, ...]
    usual: tuple[tuple[Outcome, ...], ...]
    stressed: Mapping[str, tuple[tuple[Outcome, ...], ...]]

    def usually(self, leg: int, metric: str) -> Interval:
        """The mean without any scenario, with Student's 95 % interval over markets."""
        return mean_with_interval(np.array([float(getattr(market[leg], metric)) for market in self.usual]))

    def difference(self, scenario: str, leg: int, metric: str) -> Interval:
        """The mean of with − without over the same markets, with Student's 95 % interval; none for one market."""
        return mean_with_interval(np.array(self.differences(scenario, leg, metric)))

    def differences(self, scenario: str, leg: int, metric: str) -> list[float]:
        """With − without, market by market."""
        pairs = zip(self.stressed[scenario], self.usual, strict=True)
        return [float(getattr(under[leg], metric) - getattr(without[leg], metric)) for under, without in pairs]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "markets": len(self.usual),
            "legs": [
                {
                    "agent": agent,
                    "instrument": instrument,
                    "usual": {metric: self.usually(leg, metric).to_dict() for metric in METRICS},
                    "scenarios": {
                        name: {metric: self.difference(name, leg, metric).to_dict() for metric in METRICS}
                        for name in self.stressed
                    },
                }
                for leg, (agent, instrument) in enumerate(self.legs)
            ],
        }


def stress(
    agents: Sequence[AgentSpec],
    scenarios: Sequence[Scenario],
    sessions: Iterable[Sequence[Dataset]],
    *,
    venue: VenueOptions | None = None,
    features: Mapping[str, FeatureSettings] | None = None,
    told: Told | None = None,
) -> StressReport:
    """Run the agents over every session (the datasets of one market, or of several at once) without and with each.

    Sessions are taken one after another, and what is written for them is thrown away. Raises InputError for no agents,
    scenarios of one name, no sessions, or sessions of different instruments.
    """
    names = [scenario.name for scenario in scenarios]
    if not agents or not names or len(set(names)) < len(names):
        raise InputError("scenarios", names, "and agents: give at least one each, every scenario a name of its own")
    options = venue or VenueOptions()
    usual: list[tuple[Outcome, ...]] = []
    stressed: dict[str, list[tuple[Outcome, ...]]] = {name: [] for name in names}
    legs: tuple[Legs, ...] = ()
    for number, datasets in enumerate(sessions):
        for done, scenario in enumerate([None, *scenarios]):
            if told is not None:
                told(scenario.name if scenario else "as it was", number * (1 + len(names)) + done, 0)
            with tempfile.TemporaryDirectory() as folder:
                found = run_stressed(
                    datasets, agents, scenario, Path(folder), venue=options, seed=number, features=features
                )
            (usual if scenario is None else stressed[scenario.name]).append(tuple(found))
            named = tuple((one.agent, one.instrument) for one in found)
            if legs and named != legs:
                raise InputError("sessions", named, f"must all be of the same instruments: {legs}")
            legs = named
    if not usual:
        raise InputError("sessions", 0, "give at least one")
    return StressReport(legs, tuple(usual), {name: tuple(rows) for name, rows in stressed.items()})


def synthetic_sessions(preset: str, seeds: Iterable[int], seconds: int) -> Iterator[list[Dataset]]:
    """The synthetic market of a preset, one session a seed, kept only until the next is asked for."""
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            name = make_market(Path(folder), preset, seed, seconds)
            yield [Store(Path(folder)).dataset(name)]


def stress_markdown(report: StressReport) -> str:
    """A table for each leg: without any scenario, and what each one changes."""
    lines: list[str] = []
    for leg, (agent, instrument) in enumerate(report.legs):
        lines += [
            f"{agent} on {instrument}, {len(report.usual)} markets; differences with 95 % intervals",
            "",
            f"| scenario | {' | '.join(SHOWN)} |",
            f"| --- |{' --- |' * len(SHOWN)}",
            f"| none | {' | '.join(_cell(report.usually(leg, metric)) for metric in SHOWN)} |",
        ]
        for name in report.stressed:
            cells = [_cell(report.difference(name, leg, metric), sign=True) for metric in SHOWN]
            lines.append(f"| {name} | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def stress_figure(report: StressReport, metric: str = "pnl") -> Any:
    """A plotly Figure: what each scenario changes of a metric, market by market, and the mean with its interval."""
    if metric not in METRICS:
        raise InputError("metric", metric, f"must be one of {', '.join(METRICS)}")
    graphs: Any = importlib.import_module("plotly.graph_objects")
    traces: list[dict[str, Any]] = []
    names = list(report.stressed)
    for leg, (agent, instrument) in enumerate(report.legs):
        means = [report.difference(name, leg, metric) for name in names]
        bars = {"type": "data", "array": [m.high - m.value if len(report.usual) > 1 else 0.0 for m in means]}
        title = f"{agent} on {instrument}"
        traces.append({"type": "bar", "name": title, "x": names, "y": [m.value for m in means], "error_y": bars})
        points = [(name, value) for name in names for value in report.differences(name, leg, metric)]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": f"{title}, each market",
                "x": [name for name, _ in points],
                "y": [value for _, value in points],
            }
        )
    layout = {"yaxis": {"title": {"text": f"{metric}: with − without"}}, "template": "plotly_white"}
    return graphs.Figure(data=traces, layout=layout)


def _cell(found: Interval, *, sign: bool = False) -> str:
    form = "+.4g" if sign else ".4g"
    if found.value == found.low == found.high == 0 or np.isnan(found.low):
        return f"{found.value:{form}}" if found.value else "0"
    return f"{found.value:{form}} ({found.low:{form}} … {found.high:{form}})"
