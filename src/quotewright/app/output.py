"""What every command shares: where text goes, how progress is shown, how errors end."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape

from quotewright.domain.errors import QuotewrightError

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, highlight=False)

Progress = Callable[[int, int], None]

EXIT_CODES = """Exit codes: 0 done; 1 a bug in quotewright; 2 wrong input or usage; 3 damaged or missing data;
4 an optional package is missing; 5 paused; 6 halted; 130 interrupted."""


def emit(value: Any) -> None:
    """Print one JSON document on standard output."""
    sys.stdout.write(json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def fail(error: QuotewrightError, as_json: bool) -> int:
    """Tell an error on standard error (and as JSON on standard output); returns its exit code."""
    if as_json:
        detail = {name: str(value) for name, value in vars(error).items() if not name.startswith("_")}
        emit({"error": {"type": type(error).__name__, "message": str(error), **detail}})
    err.print(f"[bold red]error[/] {escape(str(error))}", soft_wrap=True)
    return error.exit_code


@contextmanager
def progress_bar(label: str, unit: str, quiet: bool) -> Generator[Progress]:
    """A bar on standard error with rate and time left; silent when `quiet` or not on a terminal."""
    from rich.progress import BarColumn, ProgressColumn, Task, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar
    from rich.table import Column
    from rich.text import Text

    class Done(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text("" if task.total is None else f"{short(task.completed)} / {short(task.total)} {unit}")

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text("" if not task.speed else f"{short(task.speed)}/s")

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        Done(Column(no_wrap=True)),
        Rate(Column(no_wrap=True)),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=err, transient=True, disable=quiet or not err.is_terminal) as bar:
        task = bar.add_task(label, total=None)

        def progress(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield progress


def short(count: float) -> str:
    """A count as people read it in passing: 950, 12.3 k, 4.56 M."""
    for scale, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= 10 * scale or (letter != "k" and count >= scale):
            return f"{count / scale:,.3g} {letter}" if count < 1e12 else f"{count / scale:,.0f} {letter}"
    return f"{count:,.0f}"


def telling(quiet: bool) -> Callable[[str], None]:
    """Says on standard error what is being compiled, so that nobody waits in silence."""

    def tell(what: str) -> None:
        if not quiet:
            err.print(f"[dim]preparing {what} (compiled once, then cached)[/]")

    return tell
