"""What a sweep says of a set is what a replay of that set alone says, whoever shares its pass and however it is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from quotewright.accounting.attribution import attribute_leg, profit_path
from quotewright.accounting.equity import sharpe
from quotewright.accounting.order_flow import order_flow
from quotewright.accounting.runs import Leg, load_run
from quotewright.domain.errors import InputError
from quotewright.domain.journal import Record
from quotewright.risk.profile import RiskProfile
from quotewright.sessions.agents import AgentSpec
from quotewright.sessions.replay import ReplaySpec, replay
from quotewright.sessions.sweep import sweep
from quotewright.sessions.sweep_figures import mark_figures
from quotewright.sessions.sweep_local import Threads
from quotewright.sessions.sweep_plan import SweepSpec, make_plan
from quotewright.sessions.venue_options import VenueOptions
from quotewright.storage.store import Store
from quotewright.strategies.catalogue import find

INSTRUMENTS = ("synthetic:BTCUSDT", "spot:BTCUSDT", "inverse:BTCUSD")
LADDER = AgentSpec("base", "ladder", {"step": 0.05, "levels": 2}, RiskProfile(max_loss=40.0))
SETS = [{"half_spread": half, "skew": skew} for half in (0.02, 0.1) for skew in (0.0, 0.3)] + [{"half_spread": 500.0}]
MARKS = 200_000_000


def run(
    store: Store, out: Path, spec: SweepSpec, names: tuple[str, ...] = INSTRUMENTS, workers: int = 1
) -> pl.DataFrame:
    datasets = [store.dataset(name) for name in names]
    swept = sweep(make_plan(datasets, spec), out, Threads(datasets, workers))
    return pl.read_parquet(swept.table)


def alone(store: Store, out: Path, name: str, spec: SweepSpec, number: int) -> Leg:
    agent = spec.agent_of(number)
    replay([store.dataset(name)], ReplaySpec([agent], spec.venue, spec.seed, spec.mark_interval_ns), out)
    return load_run(out).leg(0, 0)


@pytest.fixture(scope="module")
def latencies(tmp_path_factory: pytest.TempPathFactory) -> VenueOptions:
    path = tmp_path_factory.mktemp("latency") / "latency.csv"
    path.write_text("entry_ns,response_ns\n1000000,9000000\n8000000,1000000\n2000000,2000000\n20000000,500000\n")
    return VenueOptions(latency_file=str(path))


def test_every_figure_is_that_of_the_set_replayed_alone(
    swept_store: Store, tmp_path: Path, latencies: VenueOptions
) -> None:
    spec = SweepSpec(LADDER, SETS, latencies, seed=5, mark_interval_ns=MARKS, chunk=3)
    frame = run(swept_store, tmp_path / "sweep", spec)
    assert frame.select("set", "instrument").rows() == [(n, name) for name in INSTRUMENTS for n in range(len(SETS))]
    for row in frame.to_dicts():
        leg = alone(swept_store, tmp_path / f"{row['instrument']}-{row['set']}", row["instrument"], spec, row["set"])
        check_row(row, leg)
    traded = frame.filter(pl.col("fills") > 20)
    assert len(traded) >= 9
    assert traded["halted"].any(), "the loss limit is part of what is compared"
    assert not traded["halted"].all()
    silent = frame.filter(pl.col("param_half_spread") == 500)
    assert silent["fills"].to_list() == [0, 0, 0]
    assert silent["sharpe"].is_null().all()
    assert set(silent["pnl_exact"]) == {"0"}


def check_row(row: dict[str, Any], leg: Leg) -> None:
    found, orders, path = attribute_leg(leg), order_flow(leg), profit_path(leg)
    exact = found.decimals()
    assert row["settle"] == leg.instrument.settle
    assert row["pnl_exact"] == exact["total"]
    assert row["pnl"] == float(exact["total"])
    assert row["fees"] == float(exact["fees"])
    assert row["funding"] == float(exact["funding"])
    assert row["position"] == float(leg.instrument.position(found.position))
    assert (row["fills"], row["decisions"]) == (orders.fills, orders.decisions)
    assert row["orders"] == orders.placed_orders
    assert row["halted"] == bool(orders.halts)
    lot = leg.instrument.qty_step.fraction
    assert row["volume"] == float(orders.filled_lots * lot)
    ratio = sharpe(path, MARKS)
    assert row["sharpe"] == ratio.per_interval
    assert row["samples"] == ratio.samples
    kept = np.isin(path.rows["kind"], (Record.RUN_START, Record.MARK, Record.RUN_END))
    equity = path.total[kept].tolist()
    fall = max(max(equity[: n + 1]) - value for n, value in enumerate(equity))
    assert row["max_drawdown"] == float(fall * leg.instrument.money_unit)
    mid = float(leg.end["mid2"]) / 2 * float(leg.instrument.price_step.fraction)
    quote = row["pnl"] * mid if leg.instrument.kind == "inverse" else row["pnl"]
    assert row["pnl_quote"] == pytest.approx(quote, rel=1e-12)
    prices = leg.of(Record.FILL)["price"] * float(leg.instrument.price_step.fraction)
    lots = leg.of(Record.FILL)["qty"] * float(lot) * float(leg.instrument.contract_size)
    turnover = float((lots / prices if leg.instrument.kind == "inverse" else lots * prices).sum())
    assert row["turnover"] == pytest.approx(turnover, rel=1e-5)


def test_neither_workers_nor_chunks_nor_windows_change_a_result(swept_store: Store, tmp_path: Path) -> None:
    ways = [(1, 200_000, 2), (2, 900, 3), (4096, 5_000, 0)]
    tables: list[pl.DataFrame] = []
    for chunk, rows, workers in ways:
        spec = SweepSpec(LADDER, SETS, chunk=chunk, window_rows=rows)
        tables.append(run(swept_store, tmp_path / f"chunk-{chunk}", spec, INSTRUMENTS[:2], workers))
    assert all(table.equals(tables[0]) for table in tables[1:])
    one = SweepSpec(LADDER, SETS, chunk=2)
    for workers in (1, 4):
        run(swept_store, tmp_path / f"w{workers}", one, INSTRUMENTS[:1], workers)
    assert (tmp_path / "w1/sweep.parquet").read_bytes() == (tmp_path / "w4/sweep.parquet").read_bytes()


def test_a_strategy_in_a_file_is_swept_in_threads(swept_store: Store, tmp_path: Path) -> None:
    source = Path(__file__).resolve().parents[2] / "src/quotewright/strategies/symmetric.py"
    mine = tmp_path / "mine.py"
    mine.write_text(source.read_text().replace('"symmetric"', '"mine"', 1))
    sets = [{"half_spread": 0.05 * n} for n in range(1, 5)]
    tables = [
        run(swept_store, tmp_path / name, SweepSpec(AgentSpec("a", strategy), sets, chunk=1), INSTRUMENTS[:1], 3)
        for name, strategy in (("own", str(mine)), ("built-in", "symmetric"))
    ]
    assert tables[0].equals(tables[1])


def test_figures_of_marks_against_their_definitions() -> None:
    equity = np.array([0, 5, 3, 9, -4, 6], dtype=np.int64)
    found = mark_figures(equity, 0, -2)
    changes = np.diff(equity).astype(float)
    assert found.max_drawdown == 13
    assert found.samples == 5
    assert found.sharpe == pytest.approx(changes.mean() / changes.std(ddof=1))
    assert mark_figures(equity, 0, -20).max_drawdown == 29, "the end counts"
    assert mark_figures(equity[:2] - 9, 0, -9).max_drawdown == 9, "so does the start"
    for still in ([], [3], [1, 2], [1, 3, 5, 7]):
        figures = mark_figures(np.array(still, dtype=np.int64), 0, 0)
        assert figures.sharpe is figures.sharpe_stderr is figures.skewness is figures.kurtosis is None


def test_what_makes_no_sense_is_refused_before_the_work(swept_store: Store) -> None:
    dataset = swept_store.dataset(INSTRUMENTS[0])
    cases: list[tuple[str, Any]] = [
        ("sets", lambda: SweepSpec(LADDER, [])),
        ("chunk", lambda: SweepSpec(LADDER, SETS, chunk=0)),
        ("agent", lambda: SweepSpec(AgentSpec("a", "ladder", world="desk"), SETS)),
        ("set 1: param", lambda: make_plan([dataset], SweepSpec(LADDER, [{}, {"spread": 1.0}]))),
        ("set 2: half_spread", lambda: make_plan([dataset], SweepSpec(LADDER, [{}, {}, {"half_spread": -1.0}]))),
        ("instrument", lambda: make_plan([dataset, dataset], SweepSpec(LADDER, SETS))),
        ("instrument", lambda: make_plan([], SweepSpec(LADDER, SETS))),
        ("mark-interval", lambda: make_plan([dataset], SweepSpec(LADDER, SETS, mark_interval_ns=5))),
        ("strategy", lambda: make_plan([dataset], SweepSpec(AgentSpec("a", "magic"), SETS))),
        ("workers", lambda: Threads([dataset], -1)),
    ]
    for field, call in cases:
        with pytest.raises(InputError) as caught:
            call()
        assert caught.value.field == field


def test_a_strategy_in_a_file_is_loaded_anew_when_a_file_beside_it_changes_and_only_then(tmp_path: Path) -> None:
    source = Path(__file__).resolve().parents[2] / "src/quotewright/strategies/symmetric.py"
    mine = tmp_path / "edited.py"
    mine.write_text(source.read_text())
    before = find(str(mine))
    assert find(str(mine)) is before
    (tmp_path / "beside.py").write_text("FACTOR = 2\n")
    assert find(str(mine)) is not before
    mine.write_text(source.read_text().replace('"symmetric"', '"renamed"', 1))
    assert find(str(mine)).name == "renamed"
