"""The live view in the terminal: one line a leg, the latest notes, latencies."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from quotewright.live.runner import Runner
from quotewright.live.status import session_status

_NOTES = 4


def view(runner: Runner) -> RenderableType:
    """What stands there now."""
    session, operator = runner.session, runner.operator
    if session is None or operator is None:
        return Text("opening")
    status = session_status(session, runner.markets, operator.legs)
    table = Table(box=None, pad_edge=False)
    for name in ("agent", "instrument"):
        table.add_column(name, no_wrap=True)
    for name in ("our bid", "bid", "ask", "our ask", "position", "fills", "PnL"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    for leg in status["legs"]:
        table.add_row(
            leg["agent"],
            leg["instrument"],
            _best(leg["our_bids"]),
            f"[dim]{leg['bid']}[/]",
            f"[dim]{leg['ask']}[/]",
            _best(leg["our_asks"]),
            leg["position"],
            f"{leg['fills']:,}",
            _signed(leg["pnl"], leg["settle"]),
            _state(leg),
        )
    lines: list[RenderableType] = [_head(runner, status), table, *_latencies(runner)]
    lines += [Text(f"{note.severity:>5}  {note.name}: {note.text}", style="dim") for note in runner.notes[-_NOTES:]]
    return Group(*lines)


def _head(runner: Runner, status: dict[str, Any]) -> Text:
    trouble = [f"{each['venue']}: {', '.join(each['holds'] + each['alarms'])}" for each in status["venues"]]
    trouble = [each for each in trouble if not each.endswith(": ")]
    text = Text(f"{runner.mode}  {status['events']:,} events  {status['records']:,} records")
    if status["stop"]:
        text.append(f"  stopping: {status['stop']}", style="yellow")
    if trouble:
        text.append(f"  {'; '.join(trouble)}", style="yellow")
    return text


def _latencies(runner: Runner) -> list[RenderableType]:
    """A line a venue: how long our part of the way to an order takes, and the venue's answer."""
    lines: list[RenderableType] = []
    for venue, stages in runner.latencies.to_dict().items():
        told = [
            f"{name} {times['p50'] / 1e6:,.3f} ms, 99 % within {times['p99'] / 1e6:,.3f} ms"
            for name, times in stages.items()
            if name in ("respond", "acknowledge")
        ]
        if told:
            lines.append(Text(f"{venue}: {'; '.join(told)}", style="dim"))
    return lines


def _best(prices: list[str]) -> str:
    return f"[bold]{prices[0]}[/]" + (f" +{len(prices) - 1}" if len(prices) > 1 else "") if prices else "-"


def _signed(amount: str, asset: str) -> str:
    return f"[{'red' if amount.startswith('-') else 'green'}]{float(amount):+,.2f}[/] {asset}"


def _state(leg: dict[str, Any]) -> str:
    if leg["halted"]:
        return "[red]halted[/]"
    said = [f"[yellow]held by {', '.join(leg['held_by'])}[/]"] if leg["held_by"] else []
    said += [f"[yellow]{leg['unknown_orders']} in doubt[/]"] if leg["unknown_orders"] else []
    said += ["[yellow]waits for message budget[/]"] if leg["waits_for_budget"] else []
    return "; ".join(said) or ("live" if leg["at_venue"] else "simulated")
