"""The synthetic market as a feed: deterministic, well-formed, frozen, and open to orders from outside."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from importlib import resources

import numpy as np
import pytest
from pydantic import ValidationError

from quotewright.domain.errors import DataError, InputError
from quotewright.domain.events import ADD, ASK, BID, CHANGE, CLEAR, DELETE, LAST, TRADE
from quotewright.domain.journal import IOC, POST_ONLY
from quotewright.simulation import presets
from quotewright.simulation.presets import PRESET_HASHES, load_preset, read_presets
from quotewright.simulation.synthetic import SyntheticMarket, generate, generate_all
from quotewright.simulation.synthetic_state import NOISE, PARTICIPANT

SECOND = 10**9
NAMES = ("calm", "transitional", "turbulent")


def brief(name: str):
    """A preset with hardly any warm-up, for interpreted runs."""
    preset = load_preset(name)
    return preset.model_copy(update={"params": preset.params.model_copy(update={"warm_up": 0.5})})


@pytest.mark.parametrize("name", NAMES)
def test_one_seed_gives_one_market(name):
    preset = load_preset(name)
    events = generate_all(preset, 7, 60 * SECOND)
    assert events.tobytes() == generate_all(preset, 7, 60 * SECOND).tobytes()
    assert events.tobytes() != generate_all(preset, 8, 60 * SECOND).tobytes()


@pytest.mark.parametrize("rows", [1, 97, 5_000])
def test_chunks_do_not_change_the_market(rows):
    preset = load_preset("turbulent")
    chunks = list(generate(preset, 3, 20 * SECOND, chunk_rows=rows))
    assert len(chunks) > 3
    assert all(chunk["flags"][-1] & LAST for chunk in chunks)
    assert np.concatenate(chunks).tobytes() == generate_all(preset, 3, 20 * SECOND).tobytes()


def test_a_longer_market_begins_as_the_shorter_one():
    preset = load_preset("transitional")
    short, long = generate_all(preset, 1, 10 * SECOND), generate_all(preset, 1, 20 * SECOND)
    assert long[: len(short)].tobytes() == short.tobytes()


@pytest.mark.parametrize("name", NAMES)
def test_rows_make_a_consistent_book(name):
    """Replayed by plain dictionaries: every row fits, queues are first in first out, no update ends crossed."""
    preset = load_preset(name)
    events = generate_all(preset, 5, 60 * SECOND)
    book: dict[int, tuple[int, int, int]] = {}
    levels: dict[int, dict[int, list[int]]] = {BID: {}, ASK: {}}
    assert events["kind"][0] == CLEAR
    assert events["kind"][1] == ADD
    for exch_ts, _, _, order_id, price, qty, kind, side, flags, _ in events.tolist():
        assert preset.start_ns <= exch_ts < preset.start_ns + 60 * SECOND
        if kind == ADD:
            assert order_id not in book
            book[order_id] = (side, price, qty)
            levels[side].setdefault(price, []).append(order_id)
        elif kind == TRADE:
            maker_side, maker_price, open_qty = book[order_id]
            assert (maker_side, maker_price) == (-side, price)
            assert 0 < qty <= open_qty
            assert price == (max if maker_side == BID else min)(levels[maker_side])
            assert levels[maker_side][price][0] == order_id
            traded = open_qty - qty
        elif kind == CHANGE:
            assert book[order_id][:2] == (side, price)
            assert qty == traded
            book[order_id] = (side, price, qty)
        elif kind == DELETE:
            assert book.pop(order_id) == (side, price, qty)
            levels[side][price].remove(order_id)
            if not levels[side][price]:
                del levels[side][price]
        if flags & LAST and levels[BID] and levels[ASK]:
            assert max(levels[BID]) < min(levels[ASK])
    assert book


@pytest.mark.parametrize("name", NAMES)
def test_times_and_numbers_run_forward(name):
    preset = load_preset(name)
    events = generate_all(preset, 2, 60 * SECOND)
    assert (np.diff(events["exch_ts"]) >= 0).all()
    assert (np.diff(events["local_ts"]) >= 0).all()
    delay = (events["local_ts"] - events["exch_ts"]) / 1e6
    assert delay.min() > 0
    assert 1 < np.median(delay) < 8
    trades = events[events["kind"] == TRADE]
    assert (np.diff(trades["seq"]) == 1).all()
    others = events[events["kind"] != TRADE]
    assert (np.diff(others["seq"]) >= 0).all()
    assert (np.diff(others["seq"]) <= 1).all()
    ends = events["flags"] & LAST
    first = np.flatnonzero(np.concatenate([[1], ends[:-1]]))
    assert np.array_equal(np.unique(events["exch_ts"][first]), np.unique(events["exch_ts"]))
    for column in ("exch_ts", "local_ts"):
        inside = np.flatnonzero(ends[:-1] == 0)
        assert (events[column][inside] == events[column][inside + 1]).all(), "one update, one time"


@pytest.mark.parametrize("name", NAMES)
def test_presets_are_frozen(name):
    preset = load_preset(name)
    assert PRESET_HASHES[name] == hashlib.sha256(preset.canonical_json.encode()).hexdigest()


def test_frozen_hashes_are_the_published_ones():
    """Written out a second time, so that a change needs two edits and a reason."""
    published = {
        "calm": "46c9c00c339d14397448f63162da5181f900cfea2a6f07a23600f6b4db78848c",
        "transitional": "64b1b63c6d9f85e3c5b90c783861cb4cb0ec95515d5ce5e3466552391c6c66cf",
        "turbulent": "30f5ce75159a94ce28b37b894c24bfa31e3068149f57b5db913db4426d3a4c29",
    }
    assert published == PRESET_HASHES


def test_any_change_of_a_preset_is_refused(monkeypatch):
    text = (resources.files("quotewright.simulation") / "presets.toml").read_text(encoding="utf-8")
    calm = read_presets(text)["calm"]
    for field, value in calm.params.model_dump().items():
        changed = calm.model_copy(update={"params": calm.params.model_copy(update={field: value + 1})})
        assert changed.sha256 != PRESET_HASHES["calm"], field
    assert read_presets(text.replace('maker_rate = "0"', 'maker_rate = "-0.0001"'))["calm"].sha256 != calm.sha256
    monkeypatch.setitem(presets.PRESET_HASHES, "calm", "0" * 64)
    with pytest.raises(DataError, match="calm"):
        load_preset("calm")


def test_parameters_are_checked():
    with pytest.raises(InputError, match="calm, transitional, turbulent"):
        load_preset("stormy")
    params = load_preset("calm").params.model_dump()
    for change in ({"volatility": -1}, {"volatility": float("nan")}, {"taker_self": 9.0}, {"makers": 99}, {"x": 1}):
        with pytest.raises(ValidationError):
            type(load_preset("calm").params)(**{**params, **change})
    for seed in (-1, 2**63):
        with pytest.raises(InputError, match="seed"):
            SyntheticMarket(load_preset("calm"), seed)
    with pytest.raises(InputError, match="duration"):
        next(generate(load_preset("calm"), 1, 0))


def test_every_parameter_has_a_meaning_and_a_range():
    for name, schema in presets.MarketParams.model_json_schema()["properties"].items():
        assert schema["description"], name
        assert "unit" in schema, name
        assert {"minimum", "maximum"} <= schema.keys(), name


def test_interpreted_market_is_the_same():
    """Byte for byte, with the compiler off, in a short span of the busiest preset."""
    program = (
        "import hashlib, importlib.util\n"
        f"spec = importlib.util.spec_from_file_location('market_tests', {__file__!r})\n"
        "tests = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(tests)\n"
        "rows = tests.generate_all(tests.brief('turbulent'), 4, 3 * tests.SECOND)\n"
        "print(len(rows), hashlib.sha256(rows.tobytes()).hexdigest())\n"
    )
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = generate_all(brief("turbulent"), 4, 3 * SECOND)
    assert done.stdout.split() == [str(len(rows)), hashlib.sha256(rows.tobytes()).hexdigest()]
    assert len(rows) > 1_000
    assert "Warning" not in done.stderr


class TestParticipant:
    """Orders from outside meet the market's own queues, and the market goes on around them."""

    def test_a_market_order_takes_what_was_shown(self):
        market = SyntheticMarket(load_preset("calm"), 1)
        price, qty = market.engine.best(ASK)
        answer = market.submit(BID, price, qty + 5, flags=IOC)
        assert (answer.filled, answer.resting) == (qty, 0)
        done = market.take_executions()
        assert set(done["taker_owner"]) == {PARTICIPANT}
        assert done["qty"].sum() == qty
        assert market.engine.best(ASK)[0] > price

    def test_a_resting_order_waits_its_turn(self):
        market = SyntheticMarket(load_preset("calm"), 1)
        price, ahead = market.engine.best(BID)
        mine = market.submit(BID, price, 7, flags=POST_ONLY)
        assert market.engine.best(BID) == (price, ahead + 7)
        taken = market.engine.submit(ASK, price, ahead + 3, now=market.now, owner=NOISE, flags=IOC)
        assert taken.filled == ahead + 3
        last = market.take_executions()[-1]
        assert (last["maker"], last["maker_owner"], last["qty"], last["maker_leaves"]) == (
            mine.order_id,
            PARTICIPANT,
            3,
            4,
        )

    def test_the_latent_value_does_not_see_participants(self):
        quiet, busy = (SyntheticMarket(load_preset("turbulent"), 9) for _ in range(2))
        for step in range(1, 50):
            time = quiet.now + SECOND // 10
            busy.submit(BID if step % 2 else ASK, 10**6 if step % 2 else 1, 50, flags=IOC)
            quiet.run_until(time)
            busy.run_until(time)
            assert quiet.value == busy.value
        assert quiet.take_events().tobytes() != busy.take_events().tobytes()

    def test_market_orders_from_outside_excite_others(self):
        """Buying every 20 ms raises how often others buy."""
        counts = []
        for push in (False, True):
            market = SyntheticMarket(load_preset("calm"), 2)
            buys = 0
            for _ in range(1_000):
                if push:
                    market.submit(BID, market.engine.best(ASK)[0], 1, flags=IOC)
                market.run_until(market.now + SECOND // 50)
                done = market.take_executions()
                takers = done[np.unique(done["taker"], return_index=True)[1]]
                buys += int(((takers["taker_owner"] == NOISE) & (takers["side"] == BID)).sum())
            counts.append(buys)
        assert counts[1] > 2 * counts[0]

    def test_owners_below_the_participants_are_refused(self):
        market = SyntheticMarket(load_preset("calm"), 1)
        with pytest.raises(InputError, match="owner"):
            market.submit(BID, 100, 1, owner=NOISE)
