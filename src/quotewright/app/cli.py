"""The command line: `quotewright COMMAND`. Every command has --help with an example, and --json."""

from __future__ import annotations

import sys

import typer

from quotewright import __version__
from quotewright.app import (
    analysis_commands,
    data_commands,
    doctor_command,
    explain_command,
    feature_commands,
    gap_command,
    live_commands,
    record_command,
    research_commands,
    run_commands,
    simtest_command,
    sweep_command,
    venue_command,
)
from quotewright.app.output import EXIT_CODES, err, fail
from quotewright.domain.errors import QuotewrightError

app = typer.Typer(
    name="quotewright",
    help="Market making and execution for crypto: one compiled strategy, from tick replay to live trading.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
app.add_typer(data_commands.app, name="data")
app.add_typer(venue_command.app, name="venue")
run_commands.register(app)
doctor_command.register(app)
sweep_command.register(app)
analysis_commands.register(app)
explain_command.register(app)
live_commands.register(app)
gap_command.register(app)
simtest_command.register(app)
record_command.register(app)
app.add_typer(feature_commands.app, name="features")
app.add_typer(research_commands.app, name="research")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"quotewright {__version__}")
        raise typer.Exit


@app.callback()
def _root(  # pyright: ignore[reportUnusedFunction]
    version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Show the version."),
) -> None:
    """Market making and execution for crypto: one compiled strategy, from tick replay to live trading."""


def main() -> None:
    """Entry point: runs the command and turns errors into messages and exit codes."""
    as_json = "--json" in sys.argv
    try:
        app()
    except QuotewrightError as error:
        sys.exit(fail(error, as_json))
    except KeyboardInterrupt:
        err.print("[yellow]interrupted[/]; nothing half-done was kept")
        sys.exit(130)


if __name__ == "__main__":
    main()
