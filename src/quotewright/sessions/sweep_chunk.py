"""One chunk of a sweep: a block of parameter sets through one dataset in one pass, and its rows of the table."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from quotewright.domain.instrument import Instrument
from quotewright.domain.units import format_fraction
from quotewright.sessions.replay import run
from quotewright.sessions.sweep_plan import Work
from quotewright.sessions.sweep_tally import KEEP, Result, Tally
from quotewright.sessions.wiring import wire
from quotewright.simulation.loop import TO_VENUE
from quotewright.storage.feed import windows
from quotewright.storage.schema import arrow
from quotewright.storage.store import Dataset

PARAM = "param_"  # before a parameter's name in the table, so that none collides with a figure's

_WIRING = threading.Lock()  # a user's strategy is loaded into the one table of modules


def run_chunk(
    dataset: Dataset,
    work: Work,
    *,
    on_events: Callable[[int], None] | None = None,
    told: Callable[[str], None] | None = None,
) -> Any:
    """Replay the agents over the dataset, each in a world of its own; returns one row each as an Arrow table.

    `on_events` hears how many events are done. The rows do not depend on which agents share a chunk.
    """
    with _WIRING:
        wired = wire(
            [dataset],
            work.agents,
            work.venue,
            seed=work.seed,
            mark_interval_ns=work.mark_interval_ns,
            told=told,
            keep=KEEP,
        )
    if told is not None:
        told("the engine")

    def progress(done: int, _: int) -> None:
        if on_events is not None:
            on_events(done)

    tally = Tally(dataset.instrument, len(work.agents))
    run(wired, windows([dataset], work.window_rows), TO_VENUE, tally, dataset.rows, progress)
    return _table(dataset, work, tally.results(wired))


def _table(dataset: Dataset, work: Work, results: Sequence[Result]) -> Any:
    rows = len(results)
    instrument = dataset.instrument
    columns: dict[str, Any] = {
        "set": arrow.array(range(work.first, work.first + rows), arrow.int64()),
        "instrument": arrow.array([dataset.name] * rows, arrow.string()),
        "settle": arrow.array([instrument.settle] * rows, arrow.string()),
    }
    for name, values in zip(work.params, zip(*work.bound, strict=True), strict=True):
        columns[PARAM + name] = arrow.array(values, arrow.float64())
    figures = _figures(instrument, results)
    for name, kind in _KINDS.items():
        columns[name] = arrow.array([each[name] for each in figures], kind)
    return arrow.table(columns)


_KINDS: dict[str, Any] = {
    "pnl": arrow.float64(),
    "pnl_exact": arrow.string(),
    "pnl_quote": arrow.float64(),
    "fees": arrow.float64(),
    "funding": arrow.float64(),
    "fills": arrow.int64(),
    "volume": arrow.float64(),
    "turnover": arrow.float64(),
    "position": arrow.float64(),
    "max_drawdown": arrow.float64(),
    "samples": arrow.int64(),
    "sharpe": arrow.float64(),
    "sharpe_stderr": arrow.float64(),
    "skewness": arrow.float64(),
    "kurtosis": arrow.float64(),
    "decisions": arrow.int64(),
    "orders": arrow.int64(),
    "halted": arrow.bool_(),
}


def _figures(instrument: Instrument, results: Sequence[Result]) -> list[dict[str, Any]]:
    unit, lot = instrument.money_unit, instrument.qty_step.fraction
    atom = lot / instrument.atoms_per_lot
    half_tick = instrument.price_step.fraction / 2
    found: list[dict[str, Any]] = []
    for result in results:
        pnl = float(result.pnl * unit)
        marks = result.marks
        found.append(
            {
                "pnl": pnl,
                "pnl_exact": format_fraction(result.pnl * unit),
                "pnl_quote": pnl * float(half_tick * result.mid2) if instrument.kind == "inverse" else pnl,
                "fees": float(result.fees * unit),
                "funding": float(result.funding * unit),
                "fills": result.fills,
                "volume": float(result.volume * lot),
                "turnover": float(result.turnover * unit),
                "position": float(result.position * atom),
                "max_drawdown": float(marks.max_drawdown * unit),
                "samples": marks.samples,
                "sharpe": marks.sharpe,
                "sharpe_stderr": marks.sharpe_stderr,
                "skewness": marks.skewness,
                "kurtosis": marks.kurtosis,
                "decisions": result.decisions,
                "orders": result.orders,
                "halted": result.halted,
            }
        )
    return found
