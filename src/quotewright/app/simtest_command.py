"""`quotewright simtest`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from quotewright.app.output import emit, err, out, progress_bar


def register(app: typer.Typer) -> None:
    """Add the command to the root."""
    app.command(
        "simtest",
        epilog="Example: quotewright simtest --seeds 500 --from 0 --workers 2",
    )(simtest_command)


def simtest_command(
    seeds: Annotated[int, typer.Option("--seeds", help="How many runs; 0: until Ctrl-C.")] = 100,
    first: Annotated[int, typer.Option("--from", help="The first seed; the others follow it.")] = 0,
    workers: Annotated[int, typer.Option("--workers", help="Processes; 0 for one a core.")] = 0,
    plant: Annotated[str, typer.Option("--plant", help="Plant a bug: dedupe, guess, forget or reserve.")] = "",
    trace: Annotated[bool, typer.Option("--trace", help="Print everything that happens, of one seed.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")] = False,
) -> None:
    """Run the live stack against a failing venue under a virtual clock, and check that nothing was lost.

    Each seed is a run: agents, orders, faults of venue and network, crashes and restarts are drawn from it. Exit
    code 1 if an invariant did not hold; the command that repeats the seed is printed.
    """
    from quotewright.domain.errors import InputError
    from quotewright.simtest.seeds import run_seeds

    if trace:
        if seeds != 1:
            raise InputError("seeds", seeds, "must be 1 with --trace")
        _trace(first, plant)
        return
    if not as_json:
        err.print("[dim]preparing the step (compiled once, then cached)[/]")
    with progress_bar("simulating", "seeds", as_json) as done:
        summary = run_seeds(
            first, seeds, workers=workers, plant=plant, done=done, broke=lambda result: _tell_broken(result, plant)
        )
    _show(summary, plant, as_json=as_json)
    if summary.violations:
        raise typer.Exit(1)


def _tell_broken(result: Any, plant: str) -> None:
    from quotewright.simtest.seeds import repeat_command

    first = result.violations[0]
    err.print(f"[red]broken[/] {first.invariant} at {first.time:.3f} s; repeat it with")
    err.print(f"       {repeat_command(result.seed, plant)} --trace", soft_wrap=True)


def _trace(seed: int, plant: str) -> None:
    from quotewright.simtest.plan import START, draw_plan
    from quotewright.simtest.planted import planted
    from quotewright.simtest.seeds import Summary
    from quotewright.simtest.world import run_plan

    def tell(now: int, text: str) -> None:
        typer.echo(f"{(now - START) / 1e9:11.6f} {text}")

    result = run_plan(draw_plan(seed), make_gateway=planted(plant), trace=tell, repeat=True)
    summary = Summary(seed)
    summary.add(result)
    _show(summary, plant, as_json=False)
    if summary.violations:
        raise typer.Exit(1)


def _show(summary: Any, plant: str, *, as_json: bool) -> None:
    import msgspec

    from quotewright.simtest.seeds import repeat_command

    if as_json:
        commands = {str(each.seed): repeat_command(each.seed, plant) for each in summary.violations}
        emit({**msgspec.to_builtins(summary), "plant": plant, "repeat": commands})
        return
    out.print(
        f"{summary.seeds} seeds ({summary.seeds_without_enough} more with too little to count), "
        f"{summary.virtual_hours:.2f} virtual hours in {summary.wall_seconds:.0f} s: {summary.orders} orders, "
        f"{summary.fills} fills, {summary.crashes} crashes, {summary.restarts} restarts"
    )
    out.print("faults   " + ", ".join(f"{kind} {count}" for kind, count in summary.faults.items()))
    for each in summary.violations:
        out.print(f"[red]broken[/]   seed {each.seed} at {each.time:.3f} s: {each.invariant}: {each.text}", markup=True)
    for seed in dict.fromkeys(each.seed for each in summary.violations):
        out.print(f"repeat   {repeat_command(seed, plant)}")
    if not summary.violations:
        out.print("[green]every invariant held[/]")
