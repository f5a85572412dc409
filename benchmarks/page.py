"""Write the results of the reference run into docs/benchmarks.md: `python benchmarks/page.py [RESULTS.json]`.

With a file of results that becomes the reference run first. Everything else on the page is written by hand.
"""

from __future__ import annotations

import json
import shutil
import sys
from typing import Any

from settings import HERE
from show import HEADERS, lines

REFERENCE = HERE / "reference.json"
PAGE = HERE.parent / "docs" / "benchmarks.md"
BEGIN = "<!-- made by benchmarks/page.py: begin -->"
END = "<!-- made by benchmarks/page.py: end -->"


def section(found: dict[str, Any]) -> str:
    """The results in Markdown."""
    machine = dict(found["machine"])
    cores, load, architecture, system = (machine.pop(name) for name in ("cores", "load", "architecture", "system"))
    busy = f", {load:g} processes wanting them before the run" if load is not None else ""
    versions = ", ".join(f"{name} {value}" for name, value in machine.items())
    parts = [
        f"{found['date']}, {cores} shared cores ({architecture}, {system}{busy}); {versions}. "
        f"Medians of {found['rounds']} interleaved rounds{' over feeds of a tenth' if found['quick'] else ''}.",
        "",
        _row(HEADERS),
        _row(("---", *["---:"] * (len(HEADERS) - 1))),
        *map(_row, lines(found)),
        "",
    ]
    missed = [name for name, target in found["targets"].items() if target["met"] is False]
    stated = [name for name, target in found["targets"].items() if target["met"] is not None]
    unmeasured = f", {len(found['skipped'])} not measured" if found["skipped"] else ""
    parts += [f"{len(stated) - len(missed)} targets are met, {len(missed)} missed{unmeasured}.", ""]
    parts += [f"- {name}: {note}." for name, notes in found["notes"].items() for note in notes]
    worst = max(found["spread"].items(), key=lambda item: item[1])
    parts += ["", f"The largest spread between rounds, as a share of the median, was {worst[1]:.0%} ({worst[0]})."]
    return "\n".join(parts)


def page(text: str, found: dict[str, Any]) -> str:
    """The page's text with the results in their place."""
    before, rest = text.split(BEGIN, 1)
    return f"{before}{BEGIN}\n\n{section(found)}\n\n{END}{rest.split(END, 1)[1]}"


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Take the results, write the page."""
    if len(sys.argv) > 1:
        shutil.copyfile(sys.argv[1], REFERENCE)
    found = json.loads(REFERENCE.read_text(encoding="utf-8"))
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), found), encoding="utf-8")
    print(f"{PAGE} has the results of {found['date']}")


if __name__ == "__main__":
    main()
