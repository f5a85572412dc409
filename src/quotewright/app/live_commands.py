"""Sessions against venues: paper, shadow, live; and words to a running one."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from quotewright.app.output import emit, err, out, telling
from quotewright.domain.errors import InputError, PauseError

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
SessionFile = Annotated[Path, typer.Argument(help="Session file: [session], [[venue]], [[agent]] (TOML).")]
OutOption = Annotated[Path | None, typer.Option("--out", help="Folder of the session; another start goes on in it.")]
SecondsOption = Annotated[float, typer.Option("--seconds", min=0, help="Stop by itself after this long; 0: never.")]
UrlOption = Annotated[str, typer.Option("--url", help="Use this address for every venue of the file.")]
KeysOption = Annotated[Path | None, typer.Option("--keys", help="Key file for every venue of the file.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command(epilog="Example: quotewright paper examples/16_session.toml --seconds 60")(paper)
    app.command(epilog="Example: quotewright shadow examples/16_session.toml --seconds 60")(shadow)
    app.command(epilog="Example: quotewright live examples/16_session.toml --keys venue-keys.toml")(live)
    app.command(epilog='Example: quotewright tell out/paper \'{"do": "pause"}\'')(tell)


def paper(
    session: SessionFile,
    to: OutOption = None,
    seconds: SecondsOption = 0,
    url: UrlOption = "",
    as_json: JsonOption = False,
) -> None:
    """Run agents on a live feed against the simulated venue: no key, no orders, everything else as live."""
    _run(session, "paper", to, seconds, url, None, as_json)


def shadow(
    session: SessionFile,
    to: OutOption = None,
    seconds: SecondsOption = 0,
    url: UrlOption = "",
    keys: KeysOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run agents beside those that trade: the account's own fees and feed, orders simulated."""
    _run(session, "shadow", to, seconds, url, keys, as_json)


def live(
    session: SessionFile,
    to: OutOption = None,
    seconds: SecondsOption = 0,
    url: UrlOption = "",
    keys: KeysOption = None,
    as_json: JsonOption = False,
) -> None:
    """Trade. Ctrl-C stops as the file says (cancel or flatten) and ends when the venue confirms."""
    _run(session, "live", to, seconds, url, keys, as_json)


def _run(path: Path, mode: str, to: Path | None, seconds: float, url: str, keys: Path | None, as_json: bool) -> None:
    from dataclasses import replace

    from quotewright.live.runner import Runner
    from quotewright.live.settings import read_session

    settings = read_session(path)
    venues = tuple(
        replace(venue, url=url or venue.url, keys=str(keys) if keys is not None else venue.keys)
        for venue in settings.venues
    )
    folder = to or Path("out") / mode
    runner = Runner(
        replace(settings, venues=venues),
        mode,  # pyright: ignore[reportArgumentType]
        folder,
        seconds=seconds,
        told=telling(as_json),
        said=lambda text: None if as_json else err.print(f"[dim]{text}[/]"),
    )
    outcome = asyncio_run(watched(runner, as_json))
    finish(folder, outcome, as_json)


async def watched(runner: Any, as_json: bool) -> Any:
    """The session, with the view on a terminal."""
    if as_json or not err.is_terminal:
        return await runner.run()
    from rich.live import Live

    from quotewright.live.terminal import view

    with Live(console=err, refresh_per_second=4, get_renderable=lambda: view(runner), transient=True):
        return await runner.run()


def asyncio_run(main: Any) -> Any:
    """Run on the fastest event loop there is here."""
    if sys.platform == "win32":
        return asyncio.run(main)
    import uvloop

    return uvloop.run(main)


def close_books(folder: Path, outcome: Any) -> Path:
    """The session's run folder, with its report."""
    from quotewright.live.closing import close_run
    from quotewright.reports.html import write_report

    run_folder = folder / f"run-{outcome.session}"
    close_run(folder / "log", run_folder)
    write_report(run_folder, run_folder / "report.html")
    return run_folder


def finish(folder: Path, outcome: Any, as_json: bool) -> None:
    """Close the books of a session and show them; exits with what the stop came to."""
    from quotewright.accounting.runs import load_run
    from quotewright.accounting.summary import summary

    if outcome.events == 0:
        raise PauseError("the session ended before the market's first update: there is nothing to report")
    run_folder = close_books(folder, outcome)
    page = run_folder / "report.html"
    run = load_run(run_folder)
    if as_json:
        emit(
            {
                "mode": outcome.mode,
                "session": outcome.session,
                "seconds": outcome.seconds,
                "stop": outcome.stop,
                "confirmed": outcome.confirmed,
                "left": outcome.left,
                "run": str(run_folder),
                "report": str(page),
                "summary": summary(run),
            }
        )
    else:
        from quotewright.reports.terminal import table

        out.print(table(run))
        state = "[green]confirmed[/]" if outcome.confirmed else "[red]not confirmed[/]"
        out.print(f"stop     {outcome.stop or 'none'}: {state}")
        for each in outcome.left:
            out.print(f"left     {each['agent']} holds {each['position']} of {each['instrument']}")
        out.print(f"report   {page}")
        out.print(f"journal  {run_folder / 'journal.parquet'}")
    if outcome.exit_code:
        raise typer.Exit(outcome.exit_code)


def tell(
    session: Annotated[Path, typer.Argument(help="Folder of the running session.")],
    word: Annotated[str, typer.Argument(help="A command as JSON, or one of: pause, resume, cancel, flatten.")],
    as_json: JsonOption = False,
) -> None:
    """Tell a running session something: a stop, a parameter, an order, an agent; see the how-to on live sessions."""
    from quotewright.live.control_folder import ask

    if word.lstrip().startswith("{"):
        try:
            given = json.loads(word)
        except ValueError as error:
            raise InputError("word", word, f"is not readable as JSON: {error}") from None
    else:
        given = {"do": word}
    answer = ask(session, given)
    if not answer.get("ok"):
        raise InputError("word", word, str(answer.get("error")))
    if as_json:
        emit(answer)
    else:
        out.print(", ".join(f"{key}: {value}" for key, value in answer.items() if key != "ok"))
