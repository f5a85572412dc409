"""`quotewright doctor`: what is wrong with an installation, a store, or the venues of a session."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from quotewright.app.output import emit, out

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(epilog="Example: quotewright doctor --venue examples/16_session.toml")(doctor)


def doctor(
    store: Annotated[Path | None, typer.Option("--store", help="Also check this store.")] = None,
    venue: Annotated[Path | None, typer.Option("--venue", help="Also check the venues of this session file.")] = None,
    keys: Annotated[Path | None, typer.Option("--keys", help="Key file for them, instead of the file's own.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Check the installation, and if given a store and a session's venues: clock, key, balances, symbols, budget."""
    from quotewright.app.checks import run_checks

    checks: list[Any] = [*run_checks(store), *(_venues(venue, keys) if venue is not None else ())]
    if as_json:
        emit(checks)
    else:
        for check in checks:
            mark = "[green]ok[/]  " if check["ok"] else "[red]bad[/] "
            out.print(f"{mark}{check['name']}: {check['detail']}")
    if not all(check["ok"] for check in checks):
        raise typer.Exit(3)


def _venues(path: Path, keys: Path | None) -> list[Any]:
    from quotewright.domain.catalogue import known_instruments
    from quotewright.live.checks import check_venue
    from quotewright.live.opening import read_key
    from quotewright.live.settings import read_session

    found: list[Any] = []
    for each in read_session(path).venues:
        file = keys or (Path(each.keys) if each.keys and Path(each.keys).is_file() else None)
        found += check_venue(each, read_key(file) if file is not None else None, known_instruments())
    return found
