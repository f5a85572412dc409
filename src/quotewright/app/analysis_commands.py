"""`quotewright calibrate | report | compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from quotewright.app.output import emit, out, progress_bar

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    app.command("calibrate", epilog="Example: quotewright calibrate binance-usdm:BTCUSDT --store data --plot fit.html")(
        calibrate_command
    )
    app.command("report", epilog="Example: quotewright report out/glft")(report_command)
    app.command("compare", epilog="Example: quotewright compare out/glft out/ladder --out comparison.html")(
        compare_command
    )


def calibrate_command(
    instrument: Annotated[str, typer.Argument(help="VENUE:SYMBOL.")],
    store: Annotated[Path, typer.Option("--store", help="Folder of the store.")],
    plot: Annotated[Path | None, typer.Option("--plot", help="Also write the fit as an HTML page.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Estimate sigma, A and k of a recording, with confidence intervals, for the quoting models."""
    from quotewright.research.calibrating import calibrate_dataset
    from quotewright.research.calibration_view import calibration_table, write_fit
    from quotewright.storage.store import Store

    dataset = Store(store).dataset(instrument)
    with progress_bar(f"reading {dataset.name}", "rows", as_json) as progress:
        calibration = calibrate_dataset(dataset, progress)
    if plot is not None:
        write_fit(calibration, dataset.name, plot)
    if as_json:
        emit({"instrument": dataset.name, "dataset": dataset.hash, **calibration.to_dict()})
        return
    out.print(calibration_table(calibration, dataset.name))
    for strategy in ("avellaneda_stoikov", "glft"):
        params = " ".join(f"--param {key}={value:.6g}" for key, value in calibration.suggest(strategy).items())
        out.print(f"{strategy}: {params}")
    if plot is not None:
        out.print(f"fit      {plot}")


def report_command(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    to: Annotated[Path | None, typer.Option("--out", help="HTML file; default report.html in the run folder.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Write the HTML report of a run again from its journal, and print its table."""
    from quotewright.accounting.runs import load_run
    from quotewright.accounting.summary import summary
    from quotewright.reports.html import write_report
    from quotewright.reports.terminal import table

    loaded = load_run(run)
    page = write_report(run, to or run / "report.html")
    if as_json:
        emit(summary(loaded))
        return
    out.print(table(loaded))
    out.print(f"report   {page}")


def compare_command(
    runs: Annotated[list[Path], typer.Argument(help="Run folders.")],
    to: Annotated[Path | None, typer.Option("--out", help="Also write an HTML comparison.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Put several runs side by side."""
    from quotewright.accounting.runs import load_run
    from quotewright.accounting.summary import summary
    from quotewright.reports.compare import compare_table, write_comparison

    loaded = [load_run(run) for run in runs]
    if to is not None:
        write_comparison(runs, to)
    if as_json:
        emit([summary(run) for run in loaded])
        return
    out.print(compare_table(loaded))
    if to is not None:
        out.print(f"comparison {to}")
