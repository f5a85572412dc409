"""`quotewright sweep`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from quotewright.app.output import emit, err, out, progress_bar, telling
from quotewright.domain.errors import InputError

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]

ENGINES = ("local", "dask")
TOP = 10


def register(app: typer.Typer) -> None:
    """Add the command to the root."""
    app.command(
        "sweep",
        epilog="Example: quotewright sweep binance-usdm:BTCUSDT --store data --strategy glft "
        "--grid gamma=0.01:1:8:log --grid k=2,4,8 --out out/sweep",
    )(sweep_command)


def sweep_command(
    instruments: Annotated[list[str], typer.Argument(help="VENUE:SYMBOL, one or more; each is a pass of its own.")],
    store: Annotated[Path, typer.Option("--store", help="Folder of the store.")],
    to: Annotated[Path, typer.Option("--out", help="Folder for parts, table and report; give it again to resume.")],
    strategy: Annotated[str | None, typer.Option("--strategy", help="Name, or path of a Python file.")] = None,
    param: Annotated[list[str] | None, typer.Option("--param", help="name=value for every set; repeatable.")] = None,
    agent: Annotated[
        Path | None, typer.Option("--agent", help=r"TOML file with one [\[agent]] instead: limits, timing and params.")
    ] = None,
    grid: Annotated[
        list[str] | None, typer.Option("--grid", help="name=a,b,c or name=from:to:n[:log]; every combination.")
    ] = None,
    random: Annotated[int | None, typer.Option("--random", min=1, help="Draw so many sets from --range.")] = None,
    ranges: Annotated[list[str] | None, typer.Option("--range", help="name=low:high[:log]; repeatable.")] = None,
    sets: Annotated[Path | None, typer.Option("--sets", help="Sets in a file: .csv, .jsonl, .toml, .parquet.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of --random and of sampled latencies.")] = 0,
    workers: Annotated[int, typer.Option(min=0, help="Threads; 0 for as many as cores.")] = 0,
    engine: Annotated[str, typer.Option(help="local, or dask for the workers of a cluster.")] = "local",
    scheduler: Annotated[str | None, typer.Option(help="Address of the Dask scheduler.")] = None,
    chunk: Annotated[int, typer.Option(help="Sets that share one pass at most, 1 to 4096.")] = 64,
    queue_model: Annotated[
        str, typer.Option("--queue-model", help="risk-averse, proportional, power or log.")
    ] = "risk-averse",
    power: Annotated[float, typer.Option(help="Exponent of the power queue model.")] = 2.0,
    entry_latency: Annotated[str, typer.Option("--entry-latency", help="Order to venue, such as 5ms.")] = "5ms",
    response_latency: Annotated[str, typer.Option("--response-latency", help="Answer back, such as 5ms.")] = "5ms",
    latency_file: Annotated[
        Path | None, typer.Option("--latency-file", help="CSV of measured latencies (entry_ns,response_ns).")
    ] = None,
    mark_interval: Annotated[str, typer.Option("--mark-interval", help="How often positions are marked.")] = "1s",
    no_report: Annotated[bool, typer.Option("--no-report", help="Skip the HTML report.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run many parameter sets of one strategy over recordings; writes a table and a report, and can be resumed."""
    from quotewright.domain.units import parse_duration
    from quotewright.sessions.sweep import sweep
    from quotewright.sessions.sweep_plan import SweepSpec, make_plan
    from quotewright.sessions.venue_options import VenueOptions
    from quotewright.storage.store import Store

    shared = _agent(strategy, param or [], agent)
    venue = VenueOptions(
        queue_model,
        power,
        parse_duration(entry_latency, "entry-latency"),
        parse_duration(response_latency, "response-latency"),
        str(latency_file or ""),
    )
    spec = SweepSpec(
        agent=shared,
        sets=_sets(shared, grid or [], random, ranges or [], sets, seed),
        venue=venue,
        seed=seed,
        mark_interval_ns=parse_duration(mark_interval, "mark-interval"),
        chunk=chunk,
    )
    opened = Store(store)
    datasets = [opened.dataset(name) for name in instruments]
    plan = make_plan(datasets, spec)
    worker = _engine(engine, scheduler, datasets, store, workers)
    with progress_bar("sweeping", "sets × events", as_json) as progress:
        swept = sweep(plan, to, worker, progress=progress, told=telling(as_json))
    if swept.resumed and not as_json:
        err.print(f"[dim]{swept.resumed} of {len(plan.chunks)} chunks were done before[/]")
    _show(swept, datasets, to, as_json, report=not no_report)


def _agent(strategy: str | None, param: list[str], file: Path | None) -> Any:
    """What all sets share."""
    from quotewright.sessions.agents import AgentSpec, parse_params, read_agents

    if file is None:
        if strategy is None:
            raise InputError("strategy", "", "give one with --strategy, or an agent's file with --agent")
        return AgentSpec(Path(strategy).stem, strategy, parse_params(param))
    if strategy or param:
        raise InputError("agent", str(file), "cannot be combined with --strategy and --param")
    found = read_agents(file)
    if len(found) != 1:
        raise InputError("agent", str(file), f"has {len(found)} agents; a sweep is of one")
    return found[0]


def _sets(
    shared: Any, grid: list[str], random: int | None, ranges: list[str], file: Path | None, seed: int
) -> list[dict[str, float]]:
    """The parameter sets, from whichever of the three was given."""
    from quotewright.sessions.sweep_axes import grid_sets, parse_grid, parse_ranges, random_sets
    from quotewright.sessions.sweep_sets import read_sets
    from quotewright.strategies.catalogue import find

    given = [name for name, has in (("--grid", grid), ("--random", random is not None), ("--sets", file)) if has]
    if not given:
        fix = "say which to try: --grid gamma=0.05,0.1,0.2, or --random 100 --range gamma=0.01:1, or --sets FILE"
        raise InputError("grid", "nothing", fix)
    if len(given) > 1:
        raise InputError("grid", " and ".join(given), "give only one of them")
    if ranges and random is None:
        raise InputError("range", ranges[0], "needs --random: how many sets to draw")
    if file is not None:
        found = read_sets(file)
    elif random is not None:
        found = random_sets(find(shared.strategy), parse_ranges(ranges), random, seed)
    else:
        found = grid_sets(parse_grid(grid))
    for name in shared.params:
        if any(name in each for each in found):
            raise InputError("param", name, "is both fixed and varied")
    return found


def _engine(name: str, scheduler: str | None, datasets: list[Any], store: Path, workers: int) -> Any:
    from quotewright.sessions.sweep_dask import DaskCluster
    from quotewright.sessions.sweep_local import Threads

    if name not in ENGINES:
        raise InputError("engine", name, f"must be one of {', '.join(ENGINES)}")
    if name == "local":
        if scheduler is not None:
            raise InputError("scheduler", scheduler, "needs --engine dask")
        return Threads(datasets, workers)
    if scheduler is None:
        raise InputError("scheduler", "", "give the address of the Dask scheduler, such as tcp://10.0.0.5:8786")
    return DaskCluster(datasets, store, scheduler)


def _show(swept: Any, datasets: list[Any], to: Path, as_json: bool, *, report: bool) -> None:
    from quotewright.reports.sweep_view import SweepView, best, read_table
    from quotewright.sessions.assumptions import assumptions_of

    plan = swept.plan
    frame = read_table(swept.table)
    view = SweepView(
        strategy=plan.facts["strategy"],
        frame=frame,
        varied=plan.varied,
        trials=_trials(frame),
        facts=plan.facts,
        assumptions=assumptions_of(datasets, plan.spec.venue),
        command=["quotewright", *sys.argv[1:]],
    )
    page = to / "report.html"
    if report:
        from quotewright.reports.sweep_page import write_sweep_report

        write_sweep_report(view, page)
    if as_json:
        emit(
            {
                "plan": plan.hash,
                "table": str(swept.table),
                "report": str(page) if report else None,
                "sets": len(plan.bound),
                "rows": len(frame),
                "chunks": len(plan.chunks),
                "resumed": swept.resumed,
                "varied": plan.varied,
                "trials": [{**vars(trials), "warning": trials.sentence} for trials in view.trials],
                "top": best(frame, TOP),
                "assumptions": list(view.assumptions),
            }
        )
        return
    from quotewright.reports.sweep_terminal import sweep_table

    few = TOP if len(view.instruments) <= 2 else TOP // 2
    for instrument in view.instruments:
        out.print(sweep_table(view, instrument, few))
    for trials in view.trials:
        out.print(f"[yellow]trials[/]   {trials.sentence}")
    if report:
        out.print(f"report   {page}")
    out.print(f"table    {swept.table}")


def _trials(frame: Any) -> list[Any]:
    """Each instrument's best set, judged by how many were tried."""
    from quotewright.reports.sweep_view import Trials
    from quotewright.validation.deflated_sharpe import judge

    found: list[Trials] = []
    for (instrument,), rows in frame.group_by("instrument", maintain_order=True):
        stderrs = rows["sharpe_stderr"].to_list()
        verdict = judge(rows["sharpe"].to_list(), stderrs)
        if verdict is not None:
            found.append(
                Trials(
                    instrument=instrument,
                    trials=verdict.trials,
                    best_set=rows["set"][verdict.best],
                    sharpe=verdict.sharpe,
                    stderr=stderrs[verdict.best],
                    expected_maximum=verdict.expected_maximum,
                    deflated=verdict.deflated,
                )
            )
    return found
