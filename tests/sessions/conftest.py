"""A store for sweeps: half a minute of synthetic market as three kinds of instrument."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from quotewright.sessions.importing import store_events
from quotewright.sessions.synthetic import make_market
from quotewright.storage.store import Store

LINEAR = "synthetic:BTCUSDT"
SPOT = "spot:BTCUSDT"
INVERSE = "inverse:BTCUSD"


@pytest.fixture(scope="session")
def swept_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The same events as a linear contract, a spot pair with fees in what is received, and an inverse contract."""
    folder = tmp_path_factory.mktemp("sweeps")
    make_market(folder, "turbulent", seed=3, seconds=30)
    store = Store(folder)
    source = store.dataset(LINEAR)
    details: dict[str, Any] = {"format": "test", "sources": [], "refused": {}, "notes": []}
    spot = replace(source.instrument, venue="spot", kind="spot", fee_asset="received", maker_rate="0.0001")
    inverse = replace(
        source.instrument,
        venue="inverse",
        symbol="BTCUSD",
        kind="inverse",
        quote="USD",
        contract_size="100",
        lot="1",
        min_qty="1",
    )
    for instrument in (spot, inverse):
        store_events(folder, instrument, [source.read()], lambda: details, "none")
    return store
