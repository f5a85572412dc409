"""`quotewright research models | diff | compare`: what was made, and how it differs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from quotewright.app.output import emit, out, progress_bar

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
RegistryFolder = Annotated[Path, typer.Option("--registry", help="Folder of the registry.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `research`."""
    app.command("compare", epilog="Example: quotewright research compare one.toml other.toml --out out/compared")(
        compare_command
    )
    app.command("models", epilog="Example: quotewright research models --registry out/research/registry")(
        models_command
    )
    app.command("diff", epilog="Example: quotewright research diff 3f2a91 8c01de --registry out/research/registry")(
        diff_command
    )


def compare_command(
    experiments: Annotated[list[Path], typer.Argument(help="TOML files of experiments on one dataset and split.")],
    to: Annotated[Path, typer.Option("--out", help="Folder of results: one of each experiment inside.")],
    data: Annotated[
        Path | None, typer.Option("--data", envvar="QUOTEWRIGHT_DATA", help="Folder of published data files.")
    ] = None,
    registry: Annotated[
        Path | None, typer.Option("--registry", help="Folder of the registry; default OUT/registry.")
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0 for as many as cores.")] = 1,
    scheduler: Annotated[str, typer.Option(help="Address of a Dask scheduler, to work there instead.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Validate several experiments and compare them bar by bar: ranks with intervals, paired differences."""
    from rich.table import Table

    from quotewright.studies.experiment import Experiment
    from quotewright.studies.experiment_compare import compare, headers, rows, write_comparison_page
    from quotewright.studies.parts import Engine

    read = [Experiment.read(path, data) for path in experiments]
    with progress_bar("validating", "fits", as_json) as progress:
        found = compare(read, to, registry=registry, engine=Engine(workers, scheduler), progress=progress)
    page = to / "comparison.html"
    write_comparison_page(found, page)
    if as_json:
        emit({**found, "page": str(page)})
        return
    for stage in found["stages"]:
        table = Table(box=None, pad_edge=False, title=stage, title_justify="left")
        for place, header in enumerate(headers()):
            table.add_column(header, justify="right" if place else "left")
        for row in rows(found, stage):
            table.add_row(*row)
        out.print(table)
    out.print(f"page     {page}")


def models_command(registry: RegistryFolder, as_json: JsonOption = False) -> None:
    """List the models of a registry, oldest first."""
    from rich.table import Table

    from quotewright.domain.errors import InputError
    from quotewright.lineage.registry import Registry

    if not registry.is_dir():
        raise InputError("registry", str(registry), "is not a folder; `research train` makes one")
    with Registry(registry) as opened:
        found = opened.models.all()
        approved = {model.hash: opened.models.is_approved(model.hash) for model in found}
    if as_json:
        emit([{**model.to_dict(), "approved": approved[model.hash]} for model in found])
        return
    table = Table(box=None, pad_edge=False)
    for header in ("model", "name", "seed", "dataset", "features", "approved", "at"):
        table.add_column(header)
    for model in found:
        said = "yes" if approved[model.hash] else "no"
        table.add_row(
            model.hash[:12], model.name, str(model.seed), model.dataset[:12], model.features[:12], said, model.at[:19]
        )
    out.print(table)


def diff_command(
    a: Annotated[str, typer.Argument(help="Hash of a model, or its first 6 digits or more.")],
    b: Annotated[str, typer.Argument(help="Hash of the other.")],
    registry: RegistryFolder,
    as_json: JsonOption = False,
) -> None:
    """What differs between two models: data, features, code, seed, parameters, figures."""
    from rich.table import Table

    from quotewright.domain.errors import InputError
    from quotewright.lineage.registry import Registry

    if not registry.is_dir():
        raise InputError("registry", str(registry), "is not a folder; `research train` makes one")
    with Registry(registry) as opened:
        found = opened.models.diff(a, b)
    if as_json:
        emit([{**each._asdict(), "change": each.change} for each in found])
        return
    table = Table(box=None, pad_edge=False)
    for place, header in enumerate(("what", a[:12], b[:12], "change")):
        table.add_column(header, justify="right" if place == 3 else "left")
    for each in found:
        change = "" if each.change is None else f"{each.change:+.4g}"
        table.add_row(each.name, *(str(value)[:40] for value in (each.a, each.b)), change)
    out.print(table)
    if not found:
        out.print("the same")
