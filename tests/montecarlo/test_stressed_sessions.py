"""Scenarios through the replay: nothing before their start, what they promise after it, and paired differences."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from quotewright.domain.errors import InputError
from quotewright.domain.units import parse_rate
from quotewright.montecarlo.intervals import mean_with_interval
from quotewright.montecarlo.scenarios import (
    Scenario,
    Slow,
    Stage,
    de_peg,
    fee_change,
    flash_crash,
    latency_spike,
    library,
    liquidity_drought,
    venue_outage,
)
from quotewright.montecarlo.stress import StressReport, stress, stress_figure, stress_markdown, synthetic_sessions
from quotewright.montecarlo.stressed_run import METRICS, Outcome, run_stressed
from quotewright.risk.profile import RiskProfile
from quotewright.sessions.agents import AgentSpec
from quotewright.sessions.importing import store_events
from quotewright.sessions.synthetic import make_market
from quotewright.sessions.venue_options import VenueOptions
from quotewright.storage.store import Dataset, Store

MAKER = AgentSpec("maker", "glft", {"k": 6.0, "gamma": 0.3, "sigma": 0.25}, limits=RiskProfile(max_loss=50.0))
SECONDS = 40


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("stress")
    return Store(folder).dataset(make_market(folder, "transitional", 1, SECONDS))


@pytest.fixture(scope="module")
def usual(market: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return outcome(market, None, tmp_path_factory.mktemp("usual"))


def outcome(market: Dataset, scenario: Scenario | None, folder: Path, agent: AgentSpec = MAKER) -> Outcome:
    return run_stressed([market], [agent], scenario, folder, venue=VenueOptions())[0]


def test_the_usual_run_trades(usual: Outcome) -> None:
    assert usual.fills > 5
    assert usual.quotes > 20
    assert usual.halted == usual.unseen == 0


@pytest.mark.parametrize(
    "nothing",
    [
        Scenario("nothing moves", "", (Stage(10.0),)),
        Scenario("as fast as ever", "", slow=Slow(10.0, 20.0, 1.0)),
        fee_change(10.0, maker="0", taker="0.00001"),  # the preset's own
    ],
    ids=lambda one: one.name,
)
def test_a_scenario_of_nothing_changes_next_to_nothing(
    market: Dataset, usual: Outcome, nothing: Scenario, tmp_path: Path
) -> None:
    """Not at all without stages; a stage sends the book anew, which puts our orders behind it."""
    found = outcome(market, nothing, tmp_path)
    if nothing.stages:
        assert found.unseen == found.halted == 0
        assert found.fills == pytest.approx(usual.fills, rel=0.5)
    else:
        assert found == usual


def test_before_its_start_a_scenario_is_unknown(market: Dataset, tmp_path: Path) -> None:
    """A market cut off at the start gives the same, up to there, whatever would have come."""
    first = int(market.manifest["first_ts"])
    events = market.read()
    crash = flash_crash(20.0, fall=1.0, hold=1.0, back=1.0)
    from quotewright.montecarlo.stressed_run import _stressed

    changed = _stressed(market, crash, first, 0, tmp_path).read()
    early = events["exch_ts"] < first + 20 * 10**9
    assert np.array_equal(changed[: early.sum()], events[early])
    assert not np.array_equal(changed[: len(events)], events)


def test_a_crash_fills_the_buyer_and_costs_it(market: Dataset, usual: Outcome, tmp_path: Path) -> None:
    found = outcome(market, de_peg(20.0, fall=5.0), tmp_path)
    assert found.highest > usual.highest
    assert found.pnl < usual.pnl - 10
    assert found.drawdown > 50  # at least the loss at which the gate halts
    assert 0 < found.halted < 20


def test_an_outage_is_not_seen_through(market: Dataset, usual: Outcome, tmp_path: Path) -> None:
    found = outcome(market, venue_outage(20.0, length=8.0), tmp_path)
    assert found.unseen == pytest.approx(8, abs=0.2)
    assert found.quotes < usual.quotes


def test_what_rests_in_an_outage_is_met_at_the_prices_it_ends_at(market: Dataset, tmp_path: Path) -> None:
    """The bids cannot be taken back, and the market comes back below them."""
    harmless = outcome(market, venue_outage(20.0, length=8.0), tmp_path / "a")
    moved = outcome(market, venue_outage(20.0, length=8.0, move_bp=-50.0), tmp_path / "b")
    assert moved.pnl < harmless.pnl - 1


def test_new_fees_cost_what_is_traded_under_them(market: Dataset, usual: Outcome, tmp_path: Path) -> None:
    """From the start on the same fills, each for 0.2 bp of its value more; from nearly the end on next to none."""
    early = outcome(market, fee_change(0.001, maker="0.00002"), tmp_path)
    assert early[4:] == usual[4:]
    dataset = replace(market, manifest={**market.manifest})
    dataset.manifest["instrument"] = {**market.manifest["instrument"], "maker_rate": "0.00002"}
    assert outcome(dataset, None, tmp_path).pnl == pytest.approx(early.pnl, abs=1e-9)
    late = outcome(market, fee_change(39.9, maker="0.00002"), tmp_path)
    assert early.pnl < late.pnl <= usual.pnl


def test_a_drought_brings_more_fills(market: Dataset, usual: Outcome, tmp_path: Path) -> None:
    """Fewer orders stand ahead, and takers go on."""
    assert outcome(market, liquidity_drought(5.0, length=30.0), tmp_path).fills > usual.fills


def test_slow_lines_change_what_is_done(market: Dataset, usual: Outcome, tmp_path: Path) -> None:
    found = outcome(market, latency_spike(10.0, length=20.0), tmp_path)
    assert found != usual
    assert found == outcome(market, latency_spike(10.0, length=20.0), tmp_path)


@pytest.mark.parametrize("late", [1_270_000_000, -3_600_000_000_000], ids=["1.27 s behind", "an hour ahead"])
@pytest.mark.parametrize(
    "scenario", [latency_spike(10.0, length=20.0), de_peg(20.0, fall=5.0)], ids=lambda one: one.name
)
def test_a_recorder_s_clock_is_no_part_of_a_scenario(
    market: Dataset, usual: Outcome, scenario: Scenario, late: int, tmp_path: Path
) -> None:
    """The same market, recorded by a clock that is wrong by what its dataset says, meets the same fate."""
    events = market.read()
    events["local_ts"] -= late
    store_events(tmp_path / "misset", market.instrument, [events], dict, f"{late}ns")
    misset = Store(tmp_path / "misset").dataset(market.name)
    assert misset.clock_offset == late
    found = outcome(misset, scenario, tmp_path / "run")
    assert found == outcome(market, scenario, tmp_path / "as it was") != usual


@pytest.fixture(scope="module")
def report() -> StressReport:
    scenarios = (de_peg(12.0, fall=4.0), fee_change(12.0))
    return stress([MAKER], scenarios, synthetic_sessions("calm", (1, 2, 3), 25))


def test_differences_are_paired_with_student_s_interval(report: StressReport) -> None:
    assert report.legs == (("maker", "synthetic:BTCUSDT"),)
    values = np.array(report.differences("de-peg", 0, "pnl"))
    pairs = zip(report.stressed["de-peg"], report.usual, strict=True)
    assert values.tolist() == [under[0].pnl - without[0].pnl for under, without in pairs]
    found = report.difference("de-peg", 0, "pnl")
    low, high = stats.t.interval(0.95, 2, values.mean(), stats.sem(values))
    assert found == pytest.approx((values.mean(), low, high))
    assert found.high < 0
    assert report.difference("fee change", 0, "quotes") == (0, 0, 0)


def test_a_report_repeats(report: StressReport) -> None:
    again = stress([MAKER], (de_peg(12.0, fall=4.0), fee_change(12.0)), synthetic_sessions("calm", (1, 2, 3), 25))
    assert again == report


def test_a_report_is_a_table_a_picture_and_plain_json(report: StressReport) -> None:
    told = stress_markdown(report)
    assert "maker on synthetic:BTCUSDT, 3 markets" in told
    assert all(f"| {name} |" in told for name in ("none", "de-peg", "fee change"))
    plain = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert plain["legs"][0]["scenarios"]["de-peg"]["pnl"]["value"] == report.difference("de-peg", 0, "pnl").value
    figure = stress_figure(report, "drawdown")
    assert list(figure.data[0].x) == ["de-peg", "fee change"]
    assert len(figure.data[1].x) == 6
    with pytest.raises(InputError, match="metric"):
        stress_figure(report, "sharpe")


def test_one_market_has_no_interval() -> None:
    assert math.isnan(mean_with_interval(np.array([3.0])).low)


def test_the_library_has_all_six() -> None:
    names = [scenario.name for scenario in library(180)]
    assert names == ["flash crash", "de-peg", "venue outage", "liquidity drought", "fee change", "latency spike"]
    for scenario in library(120):
        last = [stage.at for stage in scenario.stages[-1:]] + ([scenario.slow.end] if scenario.slow else [])
        assert all(at <= 120 for at in last)
        assert scenario.start == 40
    with pytest.raises(InputError, match="at least 120"):
        library(60)


def test_a_slope_goes_all_the_way() -> None:
    stages = flash_crash(10.0, fall_bp=80, fall=2.0, hold=3.0, back=4.0, recovered=0.75).stages
    moves = {round(stage.at, 6): stage.move_bp for stage in stages}
    assert moves[10.0] == 0
    assert moves[12.0] == moves[15.0] == -80
    assert moves[13.0 if 13.0 in moves else 12.0] == -80
    assert stages[-1] == Stage(pytest.approx(19.1), pytest.approx(-20), 1.0, False)
    assert min(moves.values()) == -80


@pytest.mark.parametrize(("fall", "hold", "back"), [(2.0, 0.0, 4.0), (0.0, 3.0, 4.0), (0.0, 0.0, 4.0), (2.0, 3.0, 0.0)])
def test_a_crash_may_take_no_time(fall: float, hold: float, back: float) -> None:
    stages = flash_crash(10.0, fall_bp=80, fall=fall, hold=hold, back=back, recovered=0.75).stages
    at = {round(stage.at, 6): stage.move_bp for stage in stages}
    assert len(at) == len(stages)
    assert at[10.0 + fall] == -80
    assert at[10.0 + fall + hold + back] == pytest.approx(-20)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Scenario("x", "", (Stage(2.0), Stage(1.0))), "stages"),
        (lambda: Scenario("x", "", (Stage(1.0, keep=0.0),)), "keep"),
        (lambda: Scenario("x", "", (Stage(1.0, -9_999.0),)), "move_bp"),
        (lambda: Scenario("x", "", slow=Slow(3.0, 2.0, 5.0)), "slow"),
        (lambda: Scenario("x", "", slow=Slow(1.0, 2.0, 0.5)), "slow"),
        (lambda: fee_change(1.0, maker="a lot"), "maker"),
        (lambda: venue_outage(1.0, instruments=("a:b",)), "lines"),
    ],
)
def test_scenarios_that_make_no_sense_are_refused(make, match: str) -> None:
    with pytest.raises(InputError, match=match):
        make()


def test_scenarios_that_do_not_fit_the_session_are_refused(market: Dataset, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="after the recording's end"):
        outcome(market, fee_change(1000.0), tmp_path)
    with pytest.raises(InputError, match="not in this session"):
        outcome(market, de_peg(5.0, instruments=("other:BTC",)), tmp_path)
    with pytest.raises(InputError, match="latency-file"):
        run_stressed([market], [MAKER], latency_spike(5.0), tmp_path, venue=VenueOptions(latency_file="a.csv"))
    with pytest.raises(InputError, match="scenarios"):
        stress([MAKER], [], [[market]])
    with pytest.raises(InputError, match="sessions"):
        stress([MAKER], [fee_change(5.0)], [])


def test_rates_and_metrics_are_named_as_elsewhere() -> None:
    assert parse_rate("0.00002", "maker") == 2000
    assert METRICS[:2] == ("pnl", "drawdown")
