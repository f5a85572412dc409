"""Real recordings through the store and out again; and the store's page names what there is."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest

from quotewright.domain.catalogue import find_instrument
from quotewright.domain.events import LAST
from quotewright.importers.formats import open_importer
from quotewright.market.quality import Quality
from quotewright.storage.clock import auto_offset
from quotewright.storage.feed import windows
from quotewright.storage.runs import PER_ROW, PER_RUN
from quotewright.storage.store import Dataset, Store
from quotewright.storage.writer import StoreWriter

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "store.md"
RECORDINGS = [
    ("binance-ws", "binance-spot", "ETHUSDT", ["spot_ethusdt_20240808.gz", "spot_ethusdt_20240809.gz"]),
    ("binance-ws", "binance-coinm", "BTCUSD_PERP", ["cm_btcusd_perp_20240808.gz"]),
]


@pytest.fixture(scope="module")
def stored(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Dataset]:
    """Two recordings of two venues, imported as `data import` does."""
    folder = tmp_path_factory.mktemp("real")
    names: list[str] = []
    for kind, venue, symbol, files in RECORDINGS:
        instrument = find_instrument(venue, symbol)
        quality = Quality(l3=False)
        with StoreWriter(folder, instrument) as writer:
            paths = [shared_data / "tick" / "binance_ws" / name for name in files]
            for chunk in open_importer(kind, paths, instrument).chunks():
                quality.update(chunk)
                writer.append(chunk)
            writer.commit(auto_offset(quality.report()["latency_ns"]["min"]), {"quality": quality.report()})
        names.append(instrument.name)
    return [Store(folder).dataset(name) for name in names]


def test_a_recording_over_midnight_is_two_days(stored: list[Dataset]) -> None:
    assert [entry["day"] for entry in stored[0].files] == ["2024-08-08", "2024-08-09"]
    stored[0].verify()


def test_windows_of_two_venues_are_the_recordings_in_both_orders(stored: list[Dataset]) -> None:
    whole = next(windows(stored, 10**9))
    small = list(windows(stored, 50_000))
    assert len(small) > 10
    for order in ("exch", "local"):
        assert np.concatenate([getattr(window, order) for window in small]).tobytes() == getattr(whole, order).tobytes()
    assert (np.diff(whole.exch["exch_ts"]) >= 0).all()
    assert (np.diff(whole.local["local_ts"]) >= 0).all()
    for index, dataset in enumerate(stored):
        raw = dataset.read()
        mine = whole.local[whole.local["instrument"] == index]
        assert mine["seq"].tobytes() == raw["seq"].tobytes()
        assert (mine["local_ts"] - raw["local_ts"] == dataset.clock_offset).all()
        assert whole.adjusted[index][1:] == (0, 0, 0)  # the recordings' only defect is the offset
        assert (mine["local_ts"] - mine["exch_ts"])[mine["flags"] == LAST].min() == 1_000_000


def test_the_store_is_half_the_size_of_a_compressed_npz(stored: list[Dataset]) -> None:
    """Against the record that hftbacktest 2.4 replays: kind and side in one word, prices and quantities as floats."""
    names = ("ev", "exch_ts", "local_ts", "px", "qty", "order_id", "ival", "fval")
    for dataset in stored:
        events = dataset.read()
        theirs = np.zeros(len(events), list(zip(names, ("u8", "i8", "i8", "f8", "f8", "u8", "i8", "f8"), strict=True)))
        theirs["ev"] = events["kind"].astype(np.uint64) << 8 | events["side"].astype(np.uint8)
        theirs["exch_ts"], theirs["local_ts"] = events["exch_ts"], events["local_ts"]
        theirs["px"] = events["price"] * float(dataset.instrument.tick)
        theirs["qty"] = events["qty"] * float(dataset.instrument.lot)
        npz = io.BytesIO()
        np.savez_compressed(npz, data=theirs)
        assert sum(entry["bytes"] for entry in dataset.files) < 0.5 * npz.tell()


def test_the_page_names_every_column_every_key_and_no_other() -> None:
    page = PAGE.read_text(encoding="utf-8")
    tables = page.split("\n## ")
    named = {
        part.splitlines()[0]: set(re.findall(r"`([a-z0-9_]+)`", " ".join(re.findall(r"^\| (`.*?) \|", part, re.M))))
        for part in tables
    }
    assert named["Day files"] == {*PER_RUN, *PER_ROW}
    assert named["Quality figures"] == set(Quality(l3=False).report())


def test_the_page_names_every_key_of_a_manifest(stored: list[Dataset]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    for key in {*stored[0].manifest, *stored[0].files[0]}:
        assert f"`{key}`" in page, key
