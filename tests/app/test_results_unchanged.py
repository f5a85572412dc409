"""Every strategy over every real recording does what it did before the engine was made fast, record by record.

`results_before.json` holds digests of journals that the first engine wrote: one loop over all rows, two books, one
heap of messages. A change of rules changes them, and says so in the changelog.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quotewright.domain.journal import Record
from quotewright.sessions.agents import AgentSpec, agent_from_dict
from quotewright.sessions.replay import ReplaySpec, replay
from quotewright.sessions.venue_options import VenueOptions
from quotewright.storage.journal import read_journal
from quotewright.storage.store import Store

RUNS: list[dict[str, Any]] = json.loads(Path(__file__).with_name("results_before.json").read_text())
AGENTS: dict[str, dict[str, Any]] = {
    "as": {"strategy": "avellaneda_stoikov", "params": {"sigma": 0.8, "k": 1.5, "gamma": 0.1}},
    "glft": {"strategy": "glft", "params": {"sigma": 0.8, "k": 3.0, "gamma": 0.1}},
    "ladder": {"strategy": "ladder", "params": {"half_spread": 0.3, "step": 0.3}},
    "symmetric": {"strategy": "symmetric", "params": {"half_spread": 0.1}},
}


TICKS = {
    "binance-spot:BTCUSDT": ["spot_btcusdt_20240808"],
    "binance-spot:ETHUSDT": ["spot_ethusdt_20240808", "spot_ethusdt_20240809"],
    "binance-usdm:BTCUSDT": ["usdm_btcusdt_20240808"],
    "binance-usdm:ETHUSDT": ["usdm_ethusdt_20240808"],
    "binance-coinm:BTCUSD_PERP": ["cm_btcusd_perp_20240808"],
    "binance-coinm:ETHUSD_PERP": ["cm_ethusd_perp_20240808", "cm_ethusd_perp_20240809"],
}


@pytest.fixture(scope="module")
def real_store(shared_data: Path, tmp_path_factory: pytest.TempPathFactory, cli: Callable[..., Any]) -> Path:
    folder = tmp_path_factory.mktemp("store")
    sources = {name: [shared_data / f"tick/binance_ws/{file}.gz" for file in files] for name, files in TICKS.items()}
    for name, paths in {**sources, "bitstamp:BTCUSD": [shared_data / "tick/bitstamp_l3_20260502"]}.items():
        market, _, symbol = name.partition(":")
        form = "bitstamp-l3" if market == "bitstamp" else "binance-ws"
        result = cli(
            "data", "import", *paths, "--format", form, "--venue", market, "--symbol", symbol, "--store", folder
        )
        assert result.code == 0, result.err
    return folder


def agents(names: list[str], world: str | None) -> list[AgentSpec]:
    settings = {"world": world} if world else {}
    return [agent_from_dict({"name": name, **AGENTS[name], **settings}, i) for i, name in enumerate(names, 1)]


def venue(options: dict[str, Any], folder: Path) -> VenueOptions:
    if options.get("latency_file") != "sampled":
        return VenueOptions(**options)
    table = folder / "latencies.csv"
    drawn = [f"{(i * 7919) % 9_000_000},{(i * 104729) % 7_000_000}" for i in range(50)]
    table.write_text("\n".join(["entry_ns,response_ns", *drawn]))
    return VenueOptions(**{**options, "latency_file": str(table)})


def digests(journal: Any) -> dict[str, list[str]]:
    """Of each agent's records without their numbers in the run: of all but the marks, and of the marks."""
    found: dict[str, list[str]] = {}
    for agent in np.unique(journal["agent"]):
        mine = journal[journal["agent"] == agent].copy()
        mine["seq"] = 0
        mine["ref"][mine["kind"] == Record.FILL] = 0
        marked = mine["kind"] == Record.MARK
        marks = np.sort(mine[marked], order=["ts", "qty", "price", "side", "mid2", "instrument"])
        found[str(agent)] = [hashlib.sha256(part.tobytes()).hexdigest()[:16] for part in (mine[~marked], marks)]
    return found


@pytest.mark.parametrize(
    "run", RUNS, ids=lambda run: "-".join([*run["instruments"][:1], *run["agents"], *run["venue"]])
)
def test_every_record_is_as_before(real_store: Path, tmp_path: Path, run: dict[str, Any]) -> None:
    store = Store(real_store)
    spec = ReplaySpec(agents(run["agents"], run["world"]), venue(run["venue"], tmp_path))
    replay([store.dataset(name) for name in run["instruments"]], spec, tmp_path / "run")
    journal = read_journal(tmp_path / "run" / "journal.parquet")
    assert len(journal) == run["records"]
    assert digests(journal) == run["digests"]
