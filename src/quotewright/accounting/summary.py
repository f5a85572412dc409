"""The result of a run as plain values: what `replay --json` prints."""

from __future__ import annotations

from typing import Any

from quotewright.accounting.attribution import attribute_leg
from quotewright.accounting.markouts import Markout, horizon_name, markouts
from quotewright.accounting.order_flow import order_flow
from quotewright.accounting.runs import Leg, Run

REPORT_FILE = "report.html"


def summary(run: Run) -> dict[str, Any]:
    """Headline figures of every leg; money as exact decimal strings of the settle asset.

    `report` is the path of the run's HTML report, None if none was written. Raises DataError where the
    journal contradicts itself.
    """
    report = run.folder / REPORT_FILE
    return {
        "dataset": run.facts["dataset"],
        "events": run.facts["events"],
        "journal": str(run.journal),
        "report": str(report) if report.is_file() else None,
        "assumptions": run.facts["assumptions"],
        "agents": [
            {"name": agent.name, "instruments": [leg_summary(run.leg(a, i)) for i in agent.instruments]}
            for a, agent in enumerate(run.agents)
        ],
    }


def leg_summary(leg: Leg) -> dict[str, Any]:
    """Headline figures of one leg."""
    result = attribute_leg(leg)
    orders = order_flow(leg)
    return {
        "instrument": leg.instrument.name,
        "settle": leg.instrument.settle,
        "fills": orders.fills,
        "position": leg.instrument.position(result.position),
        "pnl": result.decimals(),
        "fill_ratio": orders.fill_ratio,
        "markouts": {horizon_name(m.horizon_ns): _markout(m) for m in markouts(leg) if m.horizon_ns},
    }


def _markout(markout: Markout) -> dict[str, Any]:
    return {
        "fills": markout.fills,
        "bp": markout.bp,
        "stderr_bp": markout.stderr_bp,
        "per_unit": markout.per_unit,
    }
