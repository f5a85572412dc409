"""`quotewright research …`: from an experiment file to a validated, explained, registered model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from quotewright.app import research_datasets, research_looks, research_registry
from quotewright.app.output import emit, err, out, progress_bar

app = typer.Typer(help="From data to a model that may touch money.", no_args_is_help=True)

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
ExperimentFile = Annotated[Path, typer.Argument(help="TOML file of the experiment.")]
DataOption = Annotated[
    Path | None, typer.Option("--data", envvar="QUOTEWRIGHT_DATA", help="Folder of published data files.")
]
OutOption = Annotated[Path, typer.Option("--out", help="Folder of results.")]
RegistryOption = Annotated[
    Path | None, typer.Option("--registry", help="Folder of the registry; default OUT/registry.")
]
WorkersOption = Annotated[int, typer.Option(min=0, help="Processes; 0 for as many as cores.")]
SchedulerOption = Annotated[str, typer.Option(help="Address of a Dask scheduler, to work there instead.")]


@app.command("train", epilog="Example: quotewright research train experiment.toml --out out/research")
def train_command(
    experiment: ExperimentFile,
    to: OutOption,
    data: DataOption = None,
    registry: RegistryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fit on the training part, compile where possible, register; prints hashes and the latency of a row."""
    from quotewright.studies.experiment import Experiment
    from quotewright.studies.experiment_train import train

    read = Experiment.read(experiment, data)
    saying(f"reading the data of {read.name}", as_json)
    read.table()
    with progress_bar("training", "fits", as_json) as progress:
        found = train(read, registry or to / "registry", progress=progress)
    if as_json:
        emit(
            {
                "experiment": read.name,
                "registry": str(registry or to / "registry"),
                "models": [m.to_dict() for m in found],
            }
        )
        return
    for one in found:
        form = "compiled" if one.compiled else "not compiled: runs beside the core"
        known = ", trained before" if one.resumed else ""
        out.print(f"model    {one.model}")
        out.print(f"         {one.name}, seed {one.seed}, {one.rows:,} rows, {form}{known}")
        out.print(f"latency  {one.p50_us:.3g} µs a row (99 %: {one.p99_us:.3g} µs)")
        for warning in one.warnings:
            out.print(f"[yellow]note[/]     {warning}", markup=True)


@app.command("validate", epilog="Example: quotewright research validate experiment.toml --out out/research")
def validate_command(
    experiment: ExperimentFile,
    to: OutOption,
    data: DataOption = None,
    registry: RegistryOption = None,
    workers: WorkersOption = 1,
    scheduler: SchedulerOption = "",
    as_json: JsonOption = False,
) -> None:
    """Judge it out of sample: walk-forward and combinatorial, backtest, forward; deflated by all trials ever made."""
    from quotewright.studies.experiment import Experiment
    from quotewright.studies.experiment_page import write_validation_page
    from quotewright.studies.experiment_validate import validate
    from quotewright.studies.parts import Engine

    read = Experiment.read(experiment, data)
    saying(f"reading the data of {read.name}", as_json)
    read.table()
    with progress_bar("validating", "fits", as_json) as progress:
        found = validate(read, to, registry=registry, engine=Engine(workers, scheduler), progress=progress)
    page = to / "validation.html"
    write_validation_page(found, page)
    if as_json:
        emit({**found, "page": str(page)})
        return
    show_validation(found)
    out.print(f"page     {page}")


@app.command("tune", epilog="Example: quotewright research tune experiment.toml --trials 50 --out out/research")
def tune_command(
    experiment: ExperimentFile,
    to: OutOption,
    trials: Annotated[int, typer.Option("--trials", help="Trials in all; those made before count.")],
    data: DataOption = None,
    registry: RegistryOption = None,
    scheduler: SchedulerOption = "",
    as_json: JsonOption = False,
) -> None:
    """Search the model's parameters within the training part; killed, the same command goes on."""
    from quotewright.studies.experiment import Experiment
    from quotewright.studies.experiment_tune import tune_experiment

    read = Experiment.read(experiment, data)
    saying(f"reading the data of {read.name}", as_json)
    read.table()
    with progress_bar("tuning", "trials", as_json) as progress:
        found = tune_experiment(
            read, registry or to / "registry", trials=trials, scheduler=scheduler, progress=progress
        )
    table = found.write(to)
    if as_json:
        emit({**found.to_dict(), "resumed": found.resumed, "table": str(table)})
        return
    if found.resumed:
        err.print(f"[dim]{found.resumed} of {trials} trials were made before[/]")
    for one in found.front[:10]:
        told = ", ".join(f"{name} {value:.4g}" for name, value in one.metrics().items() if value is not None)
        params = " ".join(f"{name}={value}" for name, value in one.params.items())
        out.print(f"trial {one.number:4d}  {params}  {told}")
    out.print(f"table    {table}")


@app.command("study", epilog="Example: quotewright research study btc-daily-41 --data data --seeds 5 --out out/study")
def study_command(
    name: Annotated[str, typer.Argument(help="Name of the study.")],
    data: Annotated[Path, typer.Option("--data", envvar="QUOTEWRIGHT_DATA", help="Folder of published data files.")],
    to: OutOption,
    seeds: Annotated[int, typer.Option(help="Seeds of whatever is drawn at random.")] = 5,
    registry: RegistryOption = None,
    workers: WorkersOption = 0,
    scheduler: SchedulerOption = "",
    as_json: JsonOption = False,
) -> None:
    """Run a whole named study: study.json and study.html in OUT. Killed, the same command goes on."""
    from quotewright.studies.catalogue import PAGE_FILE, STUDY_FILE, Asked, run_study, study_named
    from quotewright.studies.parts import Engine

    saying(f"{name}: {study_named(name).about}", as_json)
    with progress_bar(name, "parts", as_json) as progress:
        asked = Asked(data, to, seeds, registry, Engine(workers, scheduler), progress)
        found = run_study(name, asked)
    if as_json:
        emit(found)
        return
    for line in _study_lines(found):
        out.print(line)
    out.print(f"study    {to / STUDY_FILE}")
    out.print(f"page     {to / PAGE_FILE}")


def show_validation(document: dict[str, Any]) -> None:
    """The figures as a table, the findings as sentences."""
    from rich.table import Table

    from quotewright.studies.experiment_page import TITLES, figure_rows, findings

    table = Table(box=None, pad_edge=False)
    for place, header in enumerate(("after costs", *TITLES.values())):
        table.add_column(header, justify="right" if place else "left")
    for row in figure_rows(document):
        table.add_row(*row)
    out.print(table)
    for line in findings(document):
        out.print(f"• {line}")


def saying(what: str, quiet: bool) -> None:
    """Say on a terminal what is being done before there is a bar."""
    if not quiet and err.is_terminal:
        err.print(f"[dim]{what}[/]")


def _study_lines(study: dict[str, Any]) -> list[str]:
    """What a study found, in sentences: what its document says of it."""
    if "models" in study:
        from quotewright.studies.daily_page import findings

        return [f"• {line}" for line in findings(study)]
    return [
        f"• {weighed.replace('_', ' ')}: {name.replace('_', ' ')} {figure['mean']:.3f}"
        for weighed, figures in study.get("figures", {}).items()
        for name, figure in figures.items()
    ]


research_datasets.register(app)
research_looks.register(app)
research_registry.register(app)
