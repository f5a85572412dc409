"""`quotewright research features | explain | audit | montecarlo`: looks at data and models, each with a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from quotewright.app.output import emit, err, out, progress_bar
from quotewright.domain.errors import InputError

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
ExperimentFile = Annotated[Path, typer.Argument(help="TOML file of the experiment.")]
DataOption = Annotated[
    Path | None, typer.Option("--data", envvar="QUOTEWRIGHT_DATA", help="Folder of published data files.")
]
OutOption = Annotated[Path, typer.Option("--out", help="Folder of results.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `research`."""
    app.command("features", epilog="Example: quotewright research features experiment.toml --out out/research")(
        features_command
    )
    app.command("explain", epilog="Example: quotewright research explain experiment.toml --out out/research")(
        explain_command
    )
    app.command("audit", epilog="Example: quotewright research audit mine.py:features --data bars.csv")(audit_command)
    app.command("montecarlo", epilog="Example: quotewright research montecarlo bars.csv --out out/research")(
        montecarlo_command
    )


def features_command(
    experiment: ExperimentFile,
    to: OutOption,
    data: DataOption = None,
    no_importance: Annotated[bool, typer.Option("--no-importance", help="Fit no model: quicker.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Judge the features: stationarity, information, redundancy, clusters, importance, drift, decay; one page."""
    from rich.table import Table

    from quotewright.studies.experiment import Experiment
    from quotewright.studies.experiment_features import features_document, features_of, write_features_page

    read = Experiment.read(experiment, data)
    with progress_bar(f"judging features of {read.name}", "steps", as_json) as progress:
        progress(0, 2)
        read.table()
        progress(1, 2)
        report = features_of(read, importance=not no_importance)
        document = features_document(read, report)
        progress(2, 2)
    page = to / "features.html"
    write_features_page(document, page)
    if as_json:
        emit({**document, "page": str(page)})
        return
    table = Table(box=None, pad_edge=False)
    told = document["table"]
    shown = [told["headers"].index(header) for header in ("feature", "nats", "p", "IC", "mRMR", "PSI", "verdict")]
    for place in shown:
        last = place == shown[-1]
        table.add_column(
            told["headers"][place], justify="right" if place > 0 and not last else "left", no_wrap=not last
        )
    for row in told["rows"]:
        table.add_row(*(row[place] for place in shown))
    out.print(table)
    for name, reason in report.left_out.items():
        out.print(f"[yellow]left out[/] {name} {reason}")
    for each in document["suspicions"]:
        out.print(f"[red]suspicious[/] {each['feature']}: {each['reason']} {each['figure']:.2f}; look for a leak")
    out.print(f"page     {page}")


def explain_command(
    experiment: ExperimentFile,
    to: OutOption,
    data: DataOption = None,
    rows: Annotated[int, typer.Option(min=1, help="Rows whose Shapley values are taken.")] = 200,
    seconds: Annotated[float, typer.Option(help="Time for them, about.")] = 30.0,
    as_json: JsonOption = False,
) -> None:
    """Explain its model on the backtest: Shapley values, importance, effects, and what would break it; one page."""
    from quotewright.causality.breaks import report_lines
    from quotewright.studies.experiment import Experiment
    from quotewright.studies.experiment_explain import explain, write_explanation_page

    read = Experiment.read(experiment, data)
    with progress_bar(f"explaining {read.name}", "steps", as_json) as progress:
        found = explain(read, rows=rows, seconds=seconds, told=progress)
    page = to / "explain.html"
    write_explanation_page(found, page)
    if as_json:
        emit({**found.to_dict(), "page": str(page)})
        return
    out.print(f"{found.model}, on {found.rows:,} rows of the backtest; what each feature adds on average:")
    for name, size in found.shapley.importance[:10]:
        out.print(f"  {name:24} {size:.4g}")
    out.print("what would break it:")
    for line in report_lines(found.breaks) or [found.why_no_breaks]:
        out.print(f"  {line}", markup=False)
    out.print(f"page     {page}")


def audit_command(
    target: Annotated[str, typer.Argument(help="TOML file of an experiment, or FILE:FUNCTION of your own.")],
    data: Annotated[
        Path | None,
        typer.Option("--data", envvar="QUOTEWRIGHT_DATA", help="Folder of published data, or the function's CSV."),
    ] = None,
    time: Annotated[str, typer.Option(help="Column of times, in the table and in what the function returns.")] = "time",
    delay: Annotated[str, typer.Option(help="From a row's time until it is known: 1d for bars named by day.")] = "0s",
    number: Annotated[int, typer.Option(min=1, help="Moments drawn, besides those where leaks would show.")] = 24,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the moments.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Look for the future in features, labels and decisions: cut it off, change it, compare. Exit code 3: found."""
    from quotewright.domain.units import parse_duration
    from quotewright.studies.experiment_audit import audit_experiment, audit_function

    wait = parse_duration(delay, "delay")
    if not as_json and err.is_terminal:
        err.print(f"[dim]auditing {target}[/]")
    if target.endswith(".toml"):
        from quotewright.studies.experiment import Experiment

        found = audit_experiment(Experiment.read(target, data), number=number, seed=seed)
    else:
        if data is None or not data.is_file():
            raise InputError("data", str(data or ""), "give the CSV or Parquet table that the function is given")
        found = audit_function(target, data, time=time, delay=wait, number=number, seed=seed)
    if as_json:
        emit(found.to_dict())
    else:
        told = found.audit
        out.print(f"{len(told.columns)} columns, {told.compared:,} values compared at {len(told.moments)} moments")
        for leak in told.leaks:
            out.print(f"leak        {leak.sentence}", markup=False)
        for each in found.suspicions:
            out.print(f"suspicious  {each.feature}: {each.reason} {each.figure:.2f} at lead {each.lead}", markup=False)
        if found.overlaps:
            out.print(f"overlaps    {found.overlaps} training rows share time with a test")
        if found.doubled:
            out.print(f"doubled     {found.doubled} later rows equal a training row in every feature")
        out.print("nothing found: that proves no leak at these moments" if found.clean else "[red]not clean[/]")
    if not found.clean:
        raise typer.Exit(3)


def montecarlo_command(
    target: Annotated[Path, typer.Argument(help="CSV or Parquet table with a column close, or an experiment's TOML.")],
    to: OutOption,
    data: DataOption = None,
    law: Annotated[list[str] | None, typer.Option("--law", help="Only this law; repeatable. All if not given.")] = None,
    draws: Annotated[int, typer.Option(help="Bootstraps of the data, at least 20.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Seed of every draw.")] = 1,
    stress: Annotated[str, typer.Option(help="Also put this strategy under stress on the synthetic market.")] = "",
    param: Annotated[list[str] | None, typer.Option("--param", help="name=value of that strategy.")] = None,
    preset: Annotated[str, typer.Option(help="Its market: calm, transitional or turbulent.")] = "calm",
    seconds: Annotated[int, typer.Option(help="Length of each market.")] = 120,
    markets: Annotated[int, typer.Option(min=1, help="How many markets.")] = 2,
    as_json: JsonOption = False,
) -> None:
    """Fit laws of returns and judge their tails by later returns; with --stress, a strategy in six bad days."""
    from quotewright.studies.experiment import Experiment
    from quotewright.studies.experiment_montecarlo import KINDS, closes_of, read_closes, tails, write_tails_page

    if target.suffix == ".toml":
        read = Experiment.read(target, data)
        name, closes = read.name, closes_of(read)
    else:
        name, closes = target.stem, read_closes(target)
    with progress_bar("fitting laws", "laws", as_json) as progress:
        found = tails(name, closes, laws=law or tuple(KINDS), draws=draws, seed=seed, progress=progress)
    stressed = _stressed(stress, param or [], preset, seconds, markets, as_json) if stress else None
    page = to / "montecarlo.html"
    write_tails_page(found, page, stressed)
    if as_json:
        emit({**found.to_dict(), "stress": None if stressed is None else stressed.to_dict(), "page": str(page)})
        return
    out.print(found.markdown(), markup=False)
    if stressed is not None:
        from quotewright.montecarlo.stress import stress_markdown

        out.print(stress_markdown(stressed), markup=False)
    out.print(f"page     {page}")


def _stressed(strategy: str, param: list[str], preset: str, seconds: int, markets: int, quiet: bool) -> Any:
    from quotewright.montecarlo.scenarios import library
    from quotewright.montecarlo.stress import stress, synthetic_sessions
    from quotewright.sessions.agents import AgentSpec, parse_params

    scenarios = library(seconds)
    agent = AgentSpec(Path(strategy).stem, strategy, parse_params(param))
    total = markets * (1 + len(scenarios))
    with progress_bar("stress", "sessions", quiet) as progress:
        return stress(
            [agent],
            scenarios,
            synthetic_sessions(preset, range(1, markets + 1), seconds),
            told=lambda _what, done, _of: progress(done, total),
        )
