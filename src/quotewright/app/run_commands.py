"""`quotewright demo | replay | strategies`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from quotewright.app.output import emit, out, progress_bar, telling
from quotewright.domain.errors import InputError

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]

DEMO_SECONDS = 900
DEMO_SEED = 7
DEMO_AGENTS: dict[str, dict[str, float]] = {  # in the scale of the embedded market, whose spread is about 0.2 bp
    "symmetric": {"half_spread": 0.15},
    "avellaneda_stoikov": {"sigma": 0.25, "k": 6, "gamma": 0.3},
    "glft": {"sigma": 0.25, "k": 6, "A": 4, "gamma": 0.3},
    "ladder": {"half_spread": 0.15, "step": 0.1, "skew": 0.5},
}


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    app.command("demo", epilog="Example: quotewright demo --preset turbulent")(demo)
    app.command(
        "replay",
        epilog="Example: quotewright replay --store data --instrument binance-usdm:BTCUSDT --strategy glft "
        "--param gamma=0.05 --out out/glft",
    )(replay_command)
    app.command("strategies", epilog="Example: quotewright strategies glft")(strategies)


def demo(
    preset: Annotated[str, typer.Option(help="Market: calm, transitional or turbulent.")] = "transitional",
    seconds: Annotated[int, typer.Option(min=10, max=86_400, help="Length of the market.")] = DEMO_SECONDS,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the market.")] = DEMO_SEED,
    to: Annotated[Path, typer.Option("--out", help="Folder for store, run and report.")] = Path("out/demo"),
    session: Annotated[float, typer.Option(min=0, help="Seconds of live trading on a venue of its own; 0: none.")] = 10,
    as_json: JsonOption = False,
) -> None:
    """Make a market, replay four market makers through it order by order, then trade live on a venue of its own."""
    from quotewright.sessions.agents import AgentSpec
    from quotewright.sessions.replay import ReplaySpec
    from quotewright.sessions.synthetic import make_market
    from quotewright.storage.store import Store

    store = to / "store"
    telling(as_json)("the synthetic market")
    with progress_bar(f"making {seconds} s of a {preset} market", "s", as_json) as progress:
        name = make_market(store, preset, seed, seconds, progress)
    dataset = Store(store).dataset(name)
    agents = [AgentSpec(strategy, strategy, params) for strategy, params in DEMO_AGENTS.items()]
    spec = ReplaySpec(agents, seed=seed)
    command = ["quotewright", "demo", "--preset", preset, "--seconds", str(seconds), "--seed", str(seed)]
    _run([dataset], spec, to / "run", command, as_json)
    if session:
        _demo_session(to / "live", preset, seed, session, as_json)
    if not as_json:
        me = _own_name()
        out.print(
            "\nWhat to try next:\n"
            f"  {me} demo --preset turbulent --out out/turbulent     the same makers where flow is informed\n"
            f"  {me} replay --store {store} --instrument {name} --strategy glft --param k=6 --out out/mine\n"
            f"  {me} compare {to / 'run'} out/mine\n"
            f"  {me} data import --help                              your own recordings\n"
            f"  {me} venue serve, and in another terminal {me} paper examples/16_session.toml\n"
        )


def _demo_session(to: Path, preset: str, seed: int, seconds: float, as_json: bool) -> None:
    """The live part, told on the terminal; under --json the one document is the replay's."""
    from quotewright.accounting.runs import load_run
    from quotewright.app.demo_session import run_session
    from quotewright.reports.terminal import table

    folder, outcome = run_session(to, preset, seed, seconds, as_json)
    if not as_json:
        out.print(f"\n[bold]live[/], over sockets, {outcome.events:,} events; symmetric is its simulated shadow")
        out.print(table(load_run(folder)))
        out.print(f"stop     {outcome.stop}: {'confirmed by the venue' if outcome.confirmed else 'not confirmed'}")
        out.print(f"report   {folder / 'report.html'}")


def _own_name() -> str:
    """How this program was called, so that what is printed can be pasted."""
    called = Path(sys.argv[0])
    if called.is_absolute() and called.is_relative_to(Path.cwd()):
        called = called.relative_to(Path.cwd())
    return str(called) if called.name == "quotewright" else "quotewright"


def replay_command(
    to: Annotated[Path, typer.Option("--out", help="Folder for journal, record and report.")],
    store: Annotated[Path | None, typer.Option("--store", help="Folder of the store.")] = None,
    instrument: Annotated[list[str] | None, typer.Option("--instrument", help="VENUE:SYMBOL; may be repeated.")] = None,
    strategy: Annotated[str | None, typer.Option("--strategy", help="Name, or path of a Python file.")] = None,
    param: Annotated[list[str] | None, typer.Option("--param", help="name=value; may be repeated.")] = None,
    agents: Annotated[Path | None, typer.Option("--agents", help=r"TOML file with [\[agent]] tables.")] = None,
    journal: Annotated[
        Path | None,
        typer.Option("--journal", help="Run folder to repeat: a replay's with --store, a session's from its own log."),
    ] = None,
    queue_model: Annotated[
        str, typer.Option("--queue-model", help="risk-averse, proportional, power or log.")
    ] = "risk-averse",
    power: Annotated[float, typer.Option(help="Exponent of the power queue model.")] = 2.0,
    entry_latency: Annotated[str, typer.Option("--entry-latency", help="Order to venue, such as 5ms.")] = "5ms",
    response_latency: Annotated[str, typer.Option("--response-latency", help="Answer back, such as 5ms.")] = "5ms",
    latency_file: Annotated[
        Path | None, typer.Option("--latency-file", help="CSV of measured latencies (entry_ns,response_ns).")
    ] = None,
    features: Annotated[
        Path | None, typer.Option("--features", help="Settings of features, as `features fit` writes them.")
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", help="VENUE:SYMBOL=FOLDER/HASH.json: a compiled model for the slot `model`."),
    ] = None,
    view: Annotated[
        list[str] | None, typer.Option("--view", help="VENUE:SYMBOL=FILE.csv: a slow view for the slot `view`.")
    ] = None,
    mark_interval: Annotated[str, typer.Option("--mark-interval", help="How often positions are marked.")] = "1s",
    seed: Annotated[int, typer.Option(min=0, help="Seed of sampled latencies.")] = 0,
    no_report: Annotated[bool, typer.Option("--no-report", help="Skip the HTML report.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Replay agents over recordings; writes the journal and a report, and prints the result."""
    from dataclasses import replace

    from quotewright.domain.units import parse_duration
    from quotewright.sessions.agents import AgentSpec, parse_params, read_agents
    from quotewright.sessions.feature_file import read_features
    from quotewright.sessions.replay import ReplaySpec
    from quotewright.sessions.venue_options import VenueOptions
    from quotewright.storage.store import Store

    if journal is not None and store is None:
        _repeat_session(journal, to, as_json)
        return
    if store is None:
        raise InputError("store", "", "give the folder of the store with --store")
    opened = Store(store)
    if journal is not None:
        _repeat(journal, opened, to, as_json)
        return
    if not instrument:
        raise InputError("instrument", "", "give at least one with --instrument VENUE:SYMBOL")
    if agents is not None and (strategy or param):
        raise InputError("agents", str(agents), "cannot be combined with --strategy and --param")
    if agents is not None:
        specs = read_agents(agents)
    elif strategy is not None:
        specs = [AgentSpec(Path(strategy).stem, strategy, parse_params(param or []))]
    else:
        raise InputError("strategy", "", "give one with --strategy, or several in a file with --agents")
    for name in set(instrument):
        if instrument.count(name) > 1:
            raise InputError("instrument", name, "is given twice")
    venue = VenueOptions(
        queue_model,
        power,
        parse_duration(entry_latency, "entry-latency"),
        parse_duration(response_latency, "response-latency"),
        str(latency_file or ""),
    )
    spec = ReplaySpec(
        specs,
        venue,
        seed,
        parse_duration(mark_interval, "mark-interval"),
        models=_by_instrument("model", model or []),
        views=_by_instrument("view", view or []),
    )
    if features is not None:
        learned = read_features(features, instrument)
        spec = replace(spec, features=learned.settings, learned_until_ns=learned.until_ns)
    datasets = [opened.dataset(name) for name in instrument]
    _run(datasets, spec, to, ["quotewright", *sys.argv[1:]], as_json, report=not no_report)


def _by_instrument(option: str, given: list[str]) -> dict[str, Path]:
    """VENUE:SYMBOL=FILE, several, as a table."""
    found: dict[str, Path] = {}
    for each in given:
        name, equals, file = each.partition("=")
        if not equals or not file or name in found:
            raise InputError(option, each, "give VENUE:SYMBOL=FILE, once an instrument")
        found[name] = Path(file)
    return found


def _run(datasets: list[Any], spec: Any, to: Path, command: list[str], as_json: bool, *, report: bool = True) -> None:
    from quotewright.accounting.runs import load_run
    from quotewright.accounting.summary import summary
    from quotewright.sessions.replay import replay

    with progress_bar("replaying", "events", as_json) as progress:
        replay(datasets, spec, to, command=command, progress=progress, told=telling(as_json))
    page = to / "report.html"
    if report:
        from quotewright.reports.html import write_report

        write_report(to, page)
    run = load_run(to)
    if as_json:
        emit(summary(run))
        return
    from quotewright.reports.terminal import table

    out.print(table(run))
    if report:
        out.print(f"report   {page}")
    out.print(f"journal  {to / 'journal.parquet'}")


def _repeat(journal: Path, store: Any, to: Path, as_json: bool) -> None:
    from quotewright.sessions.repeat import repeat_from_journal

    with progress_bar("repeating", "events", as_json) as progress:
        result = repeat_from_journal(journal, store, to, progress=progress, told=telling(as_json))
    _tell_same(result, as_json)


def _repeat_session(journal: Path, to: Path, as_json: bool) -> None:
    from quotewright.live.repetition import is_session, repeat_session

    if not is_session(journal):
        raise InputError("store", "", "give the folder of the store with --store: this is not the run of a session")
    with progress_bar("repeating", "events", as_json) as progress:
        result = repeat_session(journal, to, progress=progress, told=telling(as_json))
    _tell_same(result, as_json)


def _tell_same(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        emit(result)
    else:
        out.print(f"[green]same commands[/]: {result['commands']:,} commands and {result['records']:,} records agree")


def strategies(
    name: Annotated[str | None, typer.Argument(help="A strategy, to show its parameters.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the strategies, or one strategy's parameters with units and ranges."""
    from rich.table import Table

    from quotewright.strategies.catalogue import CATALOGUE, find

    if name is None:
        if as_json:
            emit({key: {"doc": s.doc, "source": s.source} for key, s in CATALOGUE.items()})
            return
        table = Table("strategy", "what it does", "source", box=None)
        for key, s in CATALOGUE.items():
            table.add_row(key, s.doc, s.source)
        out.print(table)
        return
    strategy = find(name)
    if as_json:
        emit(strategy.schema())
        return
    out.print(f"[bold]{strategy.name}[/]  {strategy.doc}\n{strategy.source}")
    table = Table("parameter", "default", "range", "unit", "meaning", box=None)
    for p in strategy.params:
        table.add_row(p.name, f"{p.default:g}", f"{p.low:g} … {p.high:g}", p.unit, p.doc)
    out.print(table)
