"""Measure every row of the comparison and print one table; docs/benchmarks.md says what is measured and how.

    python benchmarks/run.py [--only ROW] [--quick] [--rounds N] [--data FOLDER] [--into FILE]

Times are of this machine alone; ratios travel.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.console import Console
from rounds import Family, Skipped, measure, results
from settings import HERE, PEERS_PYTHON, Settings
from show import show

RESULTS = HERE / "results"
ROUNDS = 7
FAMILIES = {  # the modules row_*.py, in the order they are measured
    "replay": "replay and one market maker, against hftbacktest and the floor",
    "sets": "64 and 256 parameter sets",
    "python": "a market maker in plain Python",
    "load": "replay from disk, bytes on disk",
    "features": "every feature, against the bare book",
    "models": "one row of a model, compiled and in its library",
    "nautilus": "a market maker, against NautilusTrader",
    "import": "a raw capture to stored events",
    "memory": "peak memory, in memory and streaming",
    "start": "whole processes, warm and cold",
    "threads": "a sweep on two threads",
    "live": "market data and orders, against ccxt",
    "burst_cancel": "200 cancels behind 60 questions, against ccxt",
}
PARTS = ("rates", "ratios", "costs", "targets", "spread", "notes")


def measure_all(settings: Settings, only: str, rounds: int, console: Console) -> dict[str, Any]:
    """Everything found, by part and row, and what was measured; what could not be is in `skipped` with its reason."""
    found: dict[str, Any] = {part: {} for part in (*PARTS, "skipped")} | {"measured": []}
    for name, about in FAMILIES.items():
        if only in FAMILIES and name != only:
            continue
        with console.status(f"{name}: preparing") as status:
            started = time.monotonic()
            try:
                families = importlib.import_module(f"row_{name}").families(settings)
                if only and only not in FAMILIES and not any(_has(family, only) for family in families):
                    continue
                found["measured"].append(about)
                for family in families:
                    made = results(family, measure(family, rounds, status.update))
                    for part in PARTS[:-1]:
                        found[part].update(made[part])
                    if family.notes:
                        found["notes"][family.name] = list(family.notes)
            except Skipped as reason:
                found["skipped"][about] = str(reason)
            except Exception as reason:  # told in the table and by the exit code; the other rows are still wanted
                console.print(f"{name} failed: {reason}", style="red", markup=False)
                told = str(reason).strip().splitlines() or [""]
                found["skipped"][about] = f"failed: {type(reason).__name__}: {told[-1]}"
        console.print(f"{name}: {time.monotonic() - started:.0f} s", highlight=False)
    return found


def _has(family: Family, text: str) -> bool:
    return any(text.lower() in row.name.lower() for row in family.rows)


def machine() -> dict[str, Any]:
    """What a reader needs to place the figures; `load` is how many processes wanted a core over the minute before."""
    packages: dict[str, str] = {}
    for name in ("quotewright", "numba", "numpy", "polars", "pyarrow", "hftbacktest"):
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    if PEERS_PYTHON.exists():
        ask = "from importlib.metadata import version; print(version('nautilus_trader'))"
        told = subprocess.run([PEERS_PYTHON, "-c", ask], capture_output=True, text=True, check=False)
        packages["nautilus_trader"] = told.stdout.strip()
    return {
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "architecture": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        **packages,
    }


def write(found: dict[str, Any], path: Path, whole: bool) -> None:
    """Write the results; those of some rows alone replace these rows in a file that is there."""
    measured = found.pop("measured")
    if not whole and path.exists():
        before = json.loads(path.read_text(encoding="utf-8"))
        for part in PARTS:
            found[part] = before.get(part, {}) | found[part]
        found["skipped"] = {name: reason for name, reason in before["skipped"].items() if name not in measured} | found[
            "skipped"
        ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="quotewright against its peers, on identical events")
    parser.add_argument("--only", default="", metavar="ROW", help=f"text of a row's name, or {', '.join(FAMILIES)}")
    parser.add_argument("--quick", action="store_true", help="3 rounds over feeds of a tenth: to try, not to quote")
    parser.add_argument("--rounds", type=int, default=0, help=f"interleaved rounds (default {ROUNDS}, quick 3)")
    data = os.environ.get("QUOTEWRIGHT_DATA")
    parser.add_argument("--data", type=Path, default=data, help="real recordings (default $QUOTEWRIGHT_DATA)")
    parser.add_argument("--into", type=Path, help="file to write (default results/DATE.json, quick: DATE-quick.json)")
    return parser.parse_args()


def main() -> None:
    """Measure, print, write; ends with 1 if a family failed."""
    given = arguments()
    console = Console(width=None if sys.stdout.isatty() else 120)
    where = machine()
    rounds = given.rounds or (3 if given.quick else ROUNDS)
    with tempfile.TemporaryDirectory(prefix="quotewright-bench-") as folder:
        settings = Settings(Path(folder), quick=given.quick, data=Path(given.data) if given.data else None)
        found = measure_all(settings, given.only, rounds, console)
    if not found["ratios"] and not found["skipped"]:
        sys.exit(f"no row has {given.only!r} in its name")
    now = datetime.now(UTC)
    found = {"machine": where, "date": f"{now:%Y-%m-%d}", "rounds": rounds, "quick": given.quick, **found}
    show(console, found)
    path = given.into or RESULTS / f"{now:%Y-%m-%d}{'-quick' if given.quick else ''}.json"
    write(found, path, whole=not given.only)
    console.print(f"All figures: {path}")
    if any(reason.startswith("failed") for reason in found["skipped"].values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
