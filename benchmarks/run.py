"""Compare quotewright with hftbacktest on identical events: CPU time a pass, in interleaved rounds, medians.

    python benchmarks/run.py [--events N] [--rounds N] [--rows-per-update N] [--half-spread TICKS] [--latency-ms MS]

docs/benchmarks.md says what is measured and what each side does less. Times are of this machine alone; ratios travel.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from feed import Feed, make_feed, to_hftbacktest
from flat_floor import Floor
from ours import Ours
from outcome import Outcome
from rich.console import Console
from rich.table import Table

MILLISECOND = 1_000_000
RESULTS = Path(__file__).resolve().parent / "results"
HAS_PEER = importlib.util.find_spec("hftbacktest") is not None

OURS = "quotewright"
HASHMAP = "hftbacktest HashMap"
ROIVEC = "hftbacktest ROIVector"
FLOOR = "floor"
READ = "flat book"
REPLAY = "replay"
MAKER = "market maker"

Maker = dict[str, float]
Makers = dict[tuple[str, str], Callable[[], Any]]  # (work, side): makes one pass ready to run


def passes(feed: Feed, maker: Maker, latency_ns: int) -> Makers:
    """Every pass of one round, in the order in which they are run."""
    found: Makers = {(READ, FLOOR): lambda: Floor(feed)}
    peers: dict[str, Callable[[Maker | None], Any]] = {}
    if HAS_PEER:
        from peer import Peer

        events = to_hftbacktest(feed.events)
        peers[HASHMAP] = lambda params: Peer(feed, events, "HashMap", params, latency_ns)
        peers[ROIVEC] = lambda params: Peer(feed, events, "ROIVector", params, latency_ns)
    for work, params in ((REPLAY, None), (MAKER, maker)):
        found[work, OURS] = lambda params=params: Ours(feed, params, latency_ns)
        for side, make in peers.items():
            found[work, side] = lambda make=make, params=params: make(params)
    return found


def measure(
    found: Makers, rounds: int, told: Callable[[str], None]
) -> tuple[dict[Any, list[float]], dict[Any, Outcome]]:
    """CPU seconds of each pass by round, after one round that is thrown away, and where each pass ended."""
    seconds: dict[Any, list[float]] = {name: [] for name in found}
    outcomes: dict[Any, Outcome] = {}
    for number in range(rounds + 1):
        told("compiling and warming up" if number == 0 else f"round {number} of {rounds}")
        for name, make in found.items():
            ready = make()
            start = time.process_time()
            ready.run()
            spent = time.process_time() - start
            outcomes[name] = ready.outcome()
            if number > 0:
                seconds[name].append(spent)
    return seconds, outcomes


def check(feed: Feed, outcomes: dict[Any, Outcome]) -> None:
    """Every pass must end on the generator's best prices, or the sides did not do the same work."""
    for (work, side), outcome in outcomes.items():
        if (outcome.bid, outcome.ask) != (feed.bid, feed.ask):
            sys.exit(f"{work}, {side}: ends at {outcome.bid}/{outcome.ask}, the feed at {feed.bid}/{feed.ask}")


def results(feed: Feed, seconds: dict[Any, list[float]], outcomes: dict[Any, Outcome]) -> dict[str, Any]:
    """Rates in rows a second, and ratios of CPU time (above 1: quotewright takes longer), by row name."""
    medians = {name: statistics.median(spent) for name, spent in seconds.items()}
    rates: dict[str, dict[str, int]] = {}
    ratios: dict[str, dict[str, float]] = {}
    for (work, side), spent in medians.items():
        rates.setdefault(work, {})[side] = round(len(feed.events) / spent)
    for work in (REPLAY, MAKER):
        mine = medians[work, OURS]
        others = {side: spent for (at, side), spent in medians.items() if at == work and side != OURS}
        others[FLOOR] = medians[READ, FLOOR]
        ratios[work] = {side: round(mine / spent, 3) for side, spent in others.items()}
    made = {side: outcome._asdict() for (work, side), outcome in outcomes.items() if work == MAKER}
    spread = {
        f"{work}: {side}": round((max(spent) - min(spent)) / medians[work, side], 3)
        for (work, side), spent in seconds.items()
    }
    return {"rates": rates, "ratios": ratios, "maker": made, "spread": spread}


def machine() -> dict[str, Any]:
    """What a reader needs to place the figures."""
    packages = ["quotewright", "numba", "numpy", *(["hftbacktest"] if HAS_PEER else [])]
    return {
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }


def show(console: Console, found: dict[str, Any], rows: int) -> None:
    """The tables for people."""
    table = Table(title=f"{rows:,} events: CPU time, medians", title_justify="left")
    for column in ("work", "side", "rows/s", "ns/row", "ours ÷ its"):
        table.add_column(column, justify="left" if column in ("work", "side") else "right")
    for work, sides in found["rates"].items():
        for side, rate in sides.items():
            ratio = found["ratios"].get(work, {}).get(side)
            told = f"{ratio:.2f}" if ratio else ""
            if side == OURS:
                told = f"{found['ratios'][work][FLOOR]:.1f} × floor"
            table.add_row(work, side, f"{rate:,}", f"{1e9 / rate:.1f}", told)
        table.add_section()
    console.print(table)
    table = Table(title="What the maker did", title_justify="left")
    for column in ("side", "orders sent", "fills", "position, lots"):
        table.add_column(column, justify="left" if column == "side" else "right")
    for side, outcome in found["maker"].items():
        table.add_row(side, f"{outcome['orders']:,}", f"{outcome['fills']:,}", f"{outcome['position']:,}")
    console.print(table)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="quotewright against hftbacktest on identical events")
    parser.add_argument("--events", type=int, default=2_000_000, help="rows of the feed (default 2,000,000)")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds, after one to warm up (default 5)")
    parser.add_argument("--rows-per-update", type=int, default=4, help="mean rows of a depth update (default 4)")
    parser.add_argument(
        "--half-spread", type=int, default=1, help="the maker's distance from the mid, ticks (default 1)"
    )
    parser.add_argument("--latency-ms", type=int, default=5, help="order latency either way (default 5)")
    parser.add_argument("--seed", type=int, default=1, help="of the feed (default 1)")
    return parser.parse_args()


def main() -> None:
    """Measure, check, print, and write results/DATE.json."""
    given = arguments()
    console = Console()
    if not HAS_PEER:
        console.print("hftbacktest is not installed (the extra `bench`): quotewright and the floor alone")
    with console.status("making the feed") as status:
        feed = make_feed(given.events, given.seed, given.rows_per_update)
        maker: Maker = {"lots": 1, "most_lots": 50, "half_spread": given.half_spread}
        seconds, outcomes = measure(passes(feed, maker, given.latency_ms * MILLISECOND), given.rounds, status.update)
    check(feed, outcomes)
    found = {"machine": machine(), "settings": vars(given), **results(feed, seconds, outcomes)}
    show(console, found, len(feed.events))
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{datetime.now(UTC):%Y-%m-%d}.json"
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    console.print(f"All figures: {path}")


if __name__ == "__main__":
    main()
