"""`quotewright live-gap`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quotewright.app.output import emit, out, progress_bar, telling

if TYPE_CHECKING:
    from quotewright.live.gap import Gap
    from quotewright.live.gap_leg import LegGap

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]


def register(app: typer.Typer) -> None:
    """Add the command to the root."""
    app.command("live-gap", epilog="Example: quotewright live-gap out/session/run-1")(live_gap)


def live_gap(
    run: Annotated[Path, typer.Argument(help="Run folder of a paper, shadow or live session.")],
    window: Annotated[str, typer.Option("--window", help="How far apart fills may be and still be the same.")] = "1s",
    as_json: JsonOption = False,
) -> None:
    """Compare a session with the replay of its own feed, fill by fill, and say which settings bring them closest."""
    from quotewright.domain.units import parse_duration
    from quotewright.live.gap import measure_gap

    window_ns = parse_duration(window, "window")
    with progress_bar("replaying the session", "replays", as_json) as progress:
        gap = measure_gap(run, window_ns=window_ns, told=telling(as_json), progress=progress)
    if as_json:
        emit(gap.to_dict())
        return
    out.print(f"{gap.mode} session {gap.session} against the replay of its own feed; fills match within {window}\n")
    for leg in gap.legs:
        _show_leg(leg)
    _show_trials(gap)
    for sentence in gap.words:
        out.print(f"· {sentence}", markup=False)


def _show_leg(leg: LegGap) -> None:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    title = f"{escape(leg.agent)} on {escape(leg.instrument)}, at {escape(leg.venue)}"
    table = Table("", "session", "replay", "difference", title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for column in table.columns[1:]:
        column.justify = "right"
    table.add_row("fills", f"{leg.fills_live:,}", f"{leg.fills_replay:,}", f"{leg.fills_live - leg.fills_replay:+,}")
    table.add_row("lots", f"{leg.lots_live:,}", f"{leg.lots_replay:,}", f"{leg.lots_live - leg.lots_replay:+,}")
    table.add_row("lots without a counterpart", f"{leg.only_live_lots:,}", f"{leg.only_replay_lots:,}", "")
    table.add_row("slippage, ticks", "", "", _number(leg.slippage_ticks))
    table.add_row("between matched fills, ms", "", "", _number(leg.apart_ms))
    for label, pair in (("time to fill, ms", leg.waited_ms), ("queue ahead at entry, lots", leg.ahead_lots)):
        table.add_row(f"{label} (median)", *_pair(pair["session"], pair["replay"]))
    for label, pair in (("to the venue, ms", leg.to_venue_ms), ("to the answer, ms", leg.answered_ms)):
        table.add_row(f"{label} (median)", *_pair(pair["session"].p50, pair["replay"].p50))
    for name, amounts in leg.profit.items():
        table.add_row(f"{name}, {leg.settle}", amounts["session"], amounts["replay"], amounts["difference"])
    for name, amount in leg.by_fills.items():
        table.add_row(f"  of the total: {name}", "", "", amount)
    out.print(table)


def _show_trials(gap: Gap) -> None:
    from rich import box
    from rich.table import Table

    heads = ("queue model", "entry", "response", "lots unmatched", "ms apart", "")
    table = Table(*heads, title="Settings tried", title_justify="left", box=box.SIMPLE_HEAD)
    best = gap.best
    for trial in gap.trials:
        options = trial.options
        mark = " ".join(word for word, true in (("own", trial.chosen), ("closest", trial is best)) if true)
        entry, response = (f"{value / 1e6:g}ms" for value in (options.entry_latency_ns, options.response_latency_ns))
        apart = _number(trial.apart_ms)
        table.add_row(options.queue_model, entry, response, f"{trial.unmatched:.2%}", apart, mark)
    out.print(table)


def _pair(session: float | None, replay: float | None) -> tuple[str, str, str]:
    difference = "" if session is None or replay is None else _number(session - replay)
    return _number(session), _number(replay), difference


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.3f}"
