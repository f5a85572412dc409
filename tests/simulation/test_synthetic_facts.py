# ruff: noqa: T201
"""What the presets are like: stylised facts, and what a naive maker earns in them (`pytest -s` prints both tables).

The naive maker is a participant in the market's own matching engine: its queue place and its effect on others
are exact.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import pytest

from quotewright.domain.events import ASK, BID
from quotewright.domain.journal import POST_ONLY
from quotewright.simulation.presets import load_preset
from quotewright.simulation.synthetic import SyntheticMarket
from quotewright.simulation.synthetic_facts import lifetimes, measure
from quotewright.simulation.synthetic_state import PARTICIPANT

SECOND = 10**9
NAMES = ("calm", "transitional", "turbulent")
SEEDS = (1, 2, 3, 4)
SPAN = 600 * SECOND

QTY = 20
MOST = 100  # lots of inventory at which it stops quoting that side
INTERVAL = SECOND // 10
LATENCY = 5_000_000
HORIZONS = (SECOND // 10, SECOND, 5 * SECOND)


@dataclass
class Outcome:
    profit: float  # USDT, marked to mid, net of fees
    lots: int
    markouts: list[float]  # ticks a lot, mid after the horizon against the fill's price
    edge: float  # ticks a lot, mid at the decision before against the fill's price


def naive_maker(preset, seed: int, span: int, *, inside: bool) -> Outcome:
    """Quote both sides at the touch (or one tick inside when there is room), every 100 ms, without skew or model."""
    market = SyntheticMarket(preset, seed)
    orders = {BID: 0, ASK: 0}
    prices = {BID: 0, ASK: 0}
    cash = inventory = 0
    fills: list[tuple[int, int, int, int]] = []
    mids: list[float] = []
    for decision in range(preset.start_ns + INTERVAL, preset.start_ns + span, INTERVAL):
        market.run_until(decision)
        touch = {side: market.engine.best(side)[0] for side in (BID, ASK)}
        mids.append(0.5 * sum(touch.values()) if all(touch.values()) else mids[-1])
        market.run_until(decision + LATENCY)
        for side in (BID, ASK):
            wanted = touch[side] if inventory * side < MOST else 0
            if inside and wanted and touch[ASK] - touch[BID] > 2:
                wanted += side
            if market.engine.is_open(orders[side]):
                if prices[side] == wanted:
                    continue
                market.cancel(orders[side])
            if wanted:
                orders[side] = market.submit(side, wanted, QTY, flags=POST_ONLY).order_id
                prices[side] = wanted
        for done in market.take_executions():
            assert done["taker_owner"] != PARTICIPANT
            if done["maker_owner"] == PARTICIPANT:
                signed = -int(done["side"]) * int(done["qty"])
                inventory += signed
                cash -= signed * int(done["price"])
                fills.append((int(done["ts"]), signed, int(done["price"]), abs(signed)))
        market.take_events()
    table = np.array(fills, dtype=np.float64)
    path = np.array(mids)
    lots = table[:, 3].sum()
    markouts = []
    for horizon in (0, *HORIZONS):
        at = ((table[:, 0] - preset.start_ns + horizon) // INTERVAL).astype(int) - (horizon == 0)
        known = (at < len(path)) & (at >= 0)
        gains = (path[at[known]] - table[known, 2]) * table[known, 1]
        markouts.append(float(gains.sum() / table[known, 3].sum()))
    value = 0.5 * 0.001  # USDT of one lot by one tick; the preset's maker fee is zero
    return Outcome((cash + inventory * path[-1]) * value, int(lots), markouts[1:], markouts[0])


@pytest.fixture(scope="module")
def facts():
    found = {name: [measure(load_preset(name), seed, SPAN) for seed in SEEDS] for name in NAMES}
    fields = list(asdict(found["calm"][0]))
    averages = {name: {f: float(np.mean([getattr(x, f) for x in found[name]])) for f in fields} for name in NAMES}
    print("\n" + "".join(f"{name:>16}" for name in ("", *NAMES)))
    for field in fields:
        print(f"{field:>16}" + "".join(f"{averages[name][field]:16.3f}" for name in NAMES))
    return averages


@pytest.fixture(scope="module")
def outcomes(request):
    shown = request.config.getoption("capture") == "no"  # nothing is held to those inside that are only printed
    wanted = [(name, inside) for name in NAMES for inside in (False, True) if shown or not inside or name == NAMES[2]]
    found = {
        (name, inside): [naive_maker(load_preset(name), seed, SPAN, inside=inside) for seed in range(21, 27)]
        for name, inside in wanted
    }
    print()
    for (name, inside), runs in found.items():
        mean, t = significance(runs)
        curve = np.mean([[r.edge, *r.markouts] for r in runs], axis=0)
        print(
            f"{name:>14} {'inside' if inside else 'at touch':>9}: profit {mean:8.2f} USDT (t {t:6.1f}), "
            f"{np.mean([r.lots for r in runs]):8.0f} lots, edge and markouts {np.round(curve, 2)} ticks"
        )
    return found


def significance(runs) -> tuple[float, float]:
    profits = np.array([run.profit for run in runs])
    return float(profits.mean()), float(profits.mean() / (profits.std(ddof=1) / np.sqrt(len(profits))))


def test_spreads_and_volatility_rise_with_turbulence(facts):
    calm, transitional, turbulent = (facts[name] for name in NAMES)
    assert 1 <= calm["spread"] <= 3
    assert calm["spread"] < transitional["spread"] < turbulent["spread"]
    assert 2 * calm["volatility"] < transitional["volatility"]
    assert 2 * transitional["volatility"] < turbulent["volatility"]
    assert calm["informed_share"] < transitional["informed_share"] < turbulent["informed_share"]


def test_tails_are_heavy_and_heaviest_in_turbulence(facts):
    assert facts["calm"]["kurtosis"] > 3
    assert facts["turbulent"]["kurtosis"] > max(10, 2 * facts["calm"]["kurtosis"])


@pytest.mark.parametrize("name", NAMES)
def test_order_flow_is_clustered_and_persistent(facts, name):
    assert facts[name]["sign_correlation"] > 0.1
    assert facts[name]["fano"] > 2
    assert facts[name]["trend_share"] > 0.002


@pytest.mark.parametrize("name", NAMES)
def test_the_book_lives(facts, name):
    assert 200 < facts[name]["rows_per_second"] < 2_000
    assert 0.02 < facts[name]["lifetime"] < 5
    assert facts[name]["touch_qty"] > 20
    assert 0.05 < facts[name]["maker_share"] < 0.95
    assert facts[name]["mispricing"] < 3 * facts[name]["spread"]


@pytest.mark.parametrize("inside", [False, True])
def test_a_naive_maker_loses_in_turbulence(outcomes, inside):
    """One-sided, six markets: beyond the 0.1 % point of Student's t with five degrees of freedom (5.89)."""
    mean, t = significance(outcomes["turbulent", inside])
    assert mean < 0
    assert t < -5.89


@pytest.mark.parametrize("inside", [False, True])
def test_the_loss_is_adverse_selection(outcomes, inside):
    """It is filled at a gain on the mid it saw, and the mid then moves through its price."""
    runs = outcomes["turbulent", inside]
    assert np.mean([run.edge for run in runs]) > 0
    for horizon in range(len(HORIZONS)):
        assert np.mean([run.markouts[horizon] for run in runs]) < 0


def test_calm_is_no_money_machine_either(outcomes):
    """At the touch it may earn, but less than half a tick a lot; every preset is worse than the calmer one."""
    per_lot = {name: np.mean([r.profit / r.lots / 0.0005 for r in outcomes[name, False]]) for name in NAMES}
    assert per_lot["calm"] < 0.5
    assert per_lot["turbulent"] < per_lot["transitional"] < per_lot["calm"]


def test_lifetimes_are_matched_by_order():
    from quotewright.domain.events import ADD, DELETE, empty_events

    rows = empty_events(5)
    rows["kind"] = [ADD, ADD, DELETE, ADD, DELETE]
    rows["order_id"] = [7, 3, 7, 9, 9]
    rows["exch_ts"] = [10, 20, 50, 60, 61]
    assert sorted(lifetimes(rows).tolist()) == [1, 40]
