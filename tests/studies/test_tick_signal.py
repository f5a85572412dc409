"""A signal in the quotes: nothing chosen knows the forward part, and its profit is that of a replay by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quotewright.accounting.valuation import Valuation, exact
from quotewright.domain.errors import InputError
from quotewright.domain.journal import Record
from quotewright.sessions.importing import store_events
from quotewright.sessions.synthetic import make_market
from quotewright.storage.store import Dataset, Store
from quotewright.studies import tick_signal
from quotewright.studies.tick_signal import Course, SignalSpec, _difference, study_signal
from quotewright.studies.tick_signals import RECORDINGS, Recording, findings, run_tick_signals

SPEC = SignalSpec(weights=(0.0, 1.0), gammas=(0.1, 1.0), order_notional=600.0)


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("market")
    return Store(folder).dataset(make_market(folder, "transitional", seed=4, seconds=130))


def studied(market: Dataset) -> tuple[dict[str, Any], Any]:
    """The study, and the arrays of the model that it traded on."""
    kept: list[Any] = []
    plain = tick_signal.compile_model
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tick_signal, "compile_model", lambda fitted: (kept.append(plain(fitted)), kept[-1])[1])
        return study_signal(market, SPEC), kept[0]


@pytest.fixture(scope="module")
def whole(market: Dataset) -> tuple[dict[str, Any], Any]:
    return studied(market)


def test_what_comes_later_changes_nothing_that_was_chosen(
    market: Dataset, whole: tuple[dict[str, Any], Any], tmp_path: Path
) -> None:
    """The forward part with every size doubled: other profits, the same model, quoter, weight and risk aversion."""
    events = market.read().copy()
    before, model = whole
    parts = before["seconds"]
    times = events["local_ts"]
    forward = times > times[-1] - int(parts["forward"] * 1e9 * 0.98)
    events["qty"][forward] *= 2
    store_events(
        tmp_path,
        market.instrument,
        [events],
        lambda: {"format": "x", "sources": [], "refused": {}, "notes": []},
        "none",
    )
    found, again = studied(Store(tmp_path).dataset(market.name))
    assert found["dataset"] != before["dataset"]
    for key in ("quoter", "chosen"):
        assert found[key] == before[key]
    assert found["rows"]["train"] == before["rows"]["train"]
    assert again.table.tobytes() == model.table.tobytes()
    assert np.asarray(again.nodes).tobytes() == np.asarray(model.nodes).tobytes()
    assert found["forward"] != before["forward"]


def test_profit_is_that_of_the_journal(market: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every mark valued one by one from the raw journal."""
    kept: list[Any] = []
    plain = tick_signal._Marks.append
    monkeypatch.setattr(
        tick_signal._Marks, "append", lambda self, rows: (kept.append(rows.copy()), plain(self, rows))[1]
    )
    found = study_signal(market, SPEC)
    rows = np.concatenate(kept)
    sets = [(weight, gamma) for weight in SPEC.weights for gamma in SPEC.gammas]
    start = rows["ts"][rows["kind"] == Record.MARK].min()
    for name, weight in (("with", found["chosen"]["weight"]), ("without", 0.0)):
        agent = sets.index((weight, found["chosen"]["gamma"]))
        mine = rows[
            (rows["agent"] == agent) & np.isin(rows["kind"], (Record.MARK, Record.RUN_END)) & (rows["mid2"] > 0)
        ]
        end = int(mine["ts"][-1])
        first = end - int(found["seconds"]["forward"] * 1e9)
        inside = mine[mine["ts"] > first]
        valuation, unit = Valuation(market.instrument), market.instrument.money_unit
        worth = [
            int(row["cash"]) + valuation.worth(exact(row["position"]), exact(row["mid2"])) for row in inside[[0, -1]]
        ]
        assert found["forward"][name]["profit"] == pytest.approx(float(int(worth[1] - worth[0]) * unit), abs=1e-2)
        assert start < first
    assert found["difference"]["low"] <= found["difference"]["value"] <= found["difference"]["high"]


def test_sums_that_cancel_are_on_neither_side_of_0() -> None:
    times, none = np.arange(31) * 10**9, np.zeros(0, np.int64)
    gains = np.concatenate([[0.0], np.tile([0.1, 0.2, -0.3], 10)])
    found = _difference(Course(times, np.cumsum(gains), none), Course(times, np.zeros(31), none), -1)
    assert found.value == 0.0
    assert found.low < 0.0 < found.high


def test_findings_count_what_the_intervals_say() -> None:
    def one(name: str, low: float, high: float, sure: float) -> dict[str, Any]:
        return {
            "instrument": name,
            "difference": {"low": low, "high": high},
            "forecast": {"correlation": {"low": sure}},
            "forward": {"with": {"profit": low}},
        }

    told = findings([one("a", 1, 2, 0.1), one("b", -2, -1, -0.1), one("c", -1, 1, 0.2)])
    assert "better on 1 of 3 recordings (a), worse on 1 (b); on 1 the interval holds 0" in told[0]
    assert "on 2 of 3" in told[1]
    assert "2 of 3 still lose" in told[2]


def test_a_real_recording_goes_all_the_way(shared_data: Path, tmp_path: Path) -> None:
    chosen = [each for each in RECORDINGS if each.symbol == "ETHUSD_PERP"]
    chosen.append(Recording("binance-spot", "BTCUSDT", "binance-ws", ("tick/binance_ws/never_recorded.gz",)))
    study = run_tick_signals(shared_data, tmp_path, SPEC, recordings=chosen)
    (one,) = study["recordings"]
    assert study["left_out"] == {"binance-spot:BTCUSDT": "its files are not there"}
    assert "binance-spot:BTCUSDT is left out" in study["findings"][-1]
    assert one["rows"]["train"] > 1_000
    assert one["seconds"]["forward"] > 100
    page = (tmp_path / "study.html").read_text()
    assert "binance-coinm:ETHUSD_PERP" in page
    assert all(sentence.split(";")[0][:40] in page for sentence in study["findings"])


def test_what_makes_no_sense_is_refused(tmp_path: Path, market: Dataset) -> None:
    for wrong in ({"train": 0.9, "choose": 0.2}, {"horizon": 0.0}, {"weights": (1.0,)}, {"gammas": ()}):
        with pytest.raises(InputError):
            SignalSpec(**wrong)  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match="holds none"):
        run_tick_signals(tmp_path, tmp_path / "out")
    with pytest.raises(InputError, match="too short"):
        study_signal(market, SignalSpec(horizon=55.0, train=0.1))
