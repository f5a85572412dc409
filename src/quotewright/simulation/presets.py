"""Parameters of the synthetic market, typed with units and ranges, and the frozen presets.

`PRESET_HASHES` holds the SHA-256 of each preset's canonical JSON. They were fixed before any strategy was tuned on the
presets; a preset whose hash differs is refused, so results on `calm` or `turbulent` always mean the same market.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import fields
from importlib import resources
from typing import Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from quotewright.domain.errors import DataError, InputError
from quotewright.domain.instrument import Instrument
from quotewright.domain.units import RATE_SCALE, parse_rate

PRESET_HASHES = {
    "calm": "46c9c00c339d14397448f63162da5181f900cfea2a6f07a23600f6b4db78848c",
    "transitional": "64b1b63c6d9f85e3c5b90c783861cb4cb0ec95515d5ce5e3466552391c6c66cf",
    "turbulent": "30f5ce75159a94ce28b37b894c24bfa31e3068149f57b5db913db4426d3a4c29",
}
MOST_MAKERS = 8
MOST_LAYERS = 4


def _quantity(unit: str, low: float, high: float, doc: str) -> Any:
    return Field(ge=low, le=high, description=doc, json_schema_extra={"unit": unit})


class MarketParams(BaseModel):
    """Every number of the synthetic market. Rates are per second, quantities lots, distances ticks unless said."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    volatility: float = _quantity("bp/√s", 0.01, 20, "root mean square volatility of the latent value")
    volatility_of_volatility: float = _quantity("1/√s", 0, 5, "diffusion of the log volatility")
    volatility_reversion: float = _quantity("1/s", 0.001, 10, "mean reversion of the log volatility")
    jump_rate: float = _quantity("1/s", 0, 10, "jumps of the latent value")
    jump_size: float = _quantity("bp", 0, 100, "mean absolute jump (Laplace)")

    taker_rate: float = _quantity("1/s", 0.01, 100, "baseline rate of uninformed market orders, a side")
    taker_self: float = _quantity("1/s", 0, 100, "rise of the same side's rate after a market order")
    taker_cross: float = _quantity("1/s", 0, 100, "rise of the other side's rate after a market order")
    taker_decay: float = _quantity("1/s", 0.01, 1000, "decay of both rises")
    taker_qty: float = _quantity("lots", 1, 1e6, "median quantity of a market order")
    taker_qty_spread: float = _quantity("", 0, 3, "standard deviation of its logarithm")
    taker_reach: float = _quantity("ticks", 0, 1e6, "how far beyond the touch a market order may trade")

    limit_rate: float = _quantity("1/s", 0, 10_000, "uninformed limit orders, both sides")
    limit_excitation: float = _quantity("", 0, 10, "limit and cancel rates × (1 + this × excitation / baseline)")
    limit_improve: float = _quantity("", 0, 1, "share placed inside the spread when there is room")
    limit_join: float = _quantity("", 0, 1, "share placed at the touch")
    limit_scale: float = _quantity("ticks", 0.1, 1e5, "scale of the depth of the others (Pareto II)")
    limit_tail: float = _quantity("", 0.5, 10, "tail exponent of that depth")
    limit_deepest: float = _quantity("ticks", 1, 1e6, "deepest placement")
    limit_qty: float = _quantity("lots", 1, 1e6, "median quantity of a limit order")
    limit_qty_spread: float = _quantity("", 0, 3, "standard deviation of its logarithm")
    cancel_rate: float = _quantity("1/s", 0.001, 100, "cancels, for each uninformed order that rests")

    informed_rate: float = _quantity("1/s", 0, 1000, "how often informed traders compare value and touch")
    informed_edge: float = _quantity("ticks", 0, 1e5, "mispricing beyond the taker fee that they trade on")
    informed_qty: float = _quantity("lots", 1, 1e6, "mean quantity of their order (uniform)")

    trend_rate: float = _quantity("1/s", 0, 1000, "how often trend followers compare their averages")
    trend_fast: float = _quantity("s", 0.1, 1e5, "memory of the fast average of the mid")
    trend_slow: float = _quantity("s", 0.1, 1e5, "memory of the slow average of the mid")
    trend_threshold: float = _quantity("ticks", 0, 1e5, "difference of the averages that they trade on")
    trend_qty: float = _quantity("lots", 1, 1e6, "median quantity of their order")

    makers: int = _quantity("", 1, MOST_MAKERS, "competing makers")
    jumpers: int = _quantity("", 0, MOST_MAKERS, "of these, how many penny-jump rather than show their price")
    maker_interval: float = _quantity("ms", 1, 10_000, "time between a maker's decisions")
    maker_delay: float = _quantity("ms", 0, 1000, "age of the value that the fastest maker sees")
    maker_delay_spread: float = _quantity("ms", 0, 1000, "how much older it is for the slowest")
    maker_half_spread: float = _quantity("ticks", 0, 1e5, "half spread of the tightest maker in a still market")
    maker_risk: float = _quantity("", 0, 10, "half spread added, in σ·√delay")
    maker_error: float = _quantity("ticks", 0, 1e5, "standard deviation of a maker's own error about the value")
    maker_flow: float = _quantity("ticks/lot", 0, 100, "how far a maker moves with recent signed volume")
    flow_memory: float = _quantity("s", 0.01, 1e4, "memory of the recent signed volume")
    maker_skew: float = _quantity("ticks", 0, 1e4, "quote shift for each order quantity of inventory")
    maker_layers: int = _quantity("", 1, MOST_LAYERS, "orders a side")
    maker_gap: float = _quantity("ticks", 0, 1e4, "distance between them")
    maker_qty: float = _quantity("lots", 1, 1e6, "quantity of each")
    maker_most: float = _quantity("lots", 1, 1e9, "inventory at which a maker stops quoting that side")
    maker_tolerance: float = _quantity("ticks", 0, 1e4, "an order this close to its wanted price stays")

    feed_delay: float = _quantity("ms", 0, 1000, "median delay from venue to subscriber")
    feed_spread: float = _quantity("", 0, 2, "standard deviation of its logarithm")
    warm_up: float = _quantity("s", 0.1, 3600, "market time run before the first event")

    @model_validator(mode="after")
    def _stable(self) -> Self:
        if self.taker_self + self.taker_cross >= self.taker_decay:
            raise ValueError("taker_self + taker_cross must be below taker_decay, or market orders explode")
        if self.jumpers > self.makers:
            raise ValueError("jumpers must not exceed makers")
        return self


PARAMS = np.dtype([(name, "f8") for name in (*MarketParams.model_fields, "taker_fee")])


class Preset(BaseModel):
    """A synthetic market, whole: instrument, where and when it starts, and its parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    description: str
    instrument: Instrument
    start_ns: int = Field(ge=0, description="venue time of the first event, ns since the epoch")
    start_price: int = Field(ge=1000, le=10**12, description="latent value at the start of the warm-up, ticks")
    params: MarketParams

    @property
    def canonical_json(self) -> str:
        """The preset as JSON with sorted keys and no white space: what the hash is taken of.

        Instrument fields that stand at their default are left out, so that a new kind of field changes no preset.
        """
        content = self.model_dump(mode="json", exclude={"instrument"})
        given = {f.name: getattr(self.instrument, f.name) for f in fields(self.instrument)}
        content["instrument"] = {f.name: given[f.name] for f in fields(self.instrument) if given[f.name] != f.default}
        return json.dumps(content, sort_keys=True, separators=(",", ":"))

    @property
    def sha256(self) -> str:
        """SHA-256 of the canonical JSON."""
        return hashlib.sha256(self.canonical_json.encode()).hexdigest()

    def to_record(self) -> Any:
        """The parameters as one PARAMS record, with the taker fee as a fraction."""
        record = np.zeros(1, dtype=PARAMS)
        for name, value in self.params.model_dump().items():
            record[name] = value
        record["taker_fee"] = parse_rate(self.instrument.taker_rate, "taker_rate") / RATE_SCALE
        return record


def read_presets(text: str) -> dict[str, Preset]:
    """Presets of a TOML text: [market] shared by all, [base] default parameters, [preset.NAME] what differs."""
    tables = tomllib.loads(text)
    market: dict[str, Any] = tables["market"]
    presets: dict[str, dict[str, Any]] = tables["preset"]
    return {
        name: Preset(
            name=name,
            description=table["description"],
            **market,
            params=MarketParams(**{**tables["base"], **table["params"]}),
        )
        for name, table in presets.items()
    }


def load_preset(name: str) -> Preset:
    """A frozen preset: `calm`, `transitional` or `turbulent`.

    Raises InputError for another name, DataError if its text is no longer the one that was frozen.
    """
    text = (resources.files("quotewright.simulation") / "presets.toml").read_text(encoding="utf-8")
    presets = read_presets(text)
    if name not in presets:
        raise InputError("preset", name, f"must be one of {', '.join(presets)}")
    preset = presets[name]
    if preset.sha256 != PRESET_HASHES.get(name):
        raise DataError(f"preset {name} hashes to {preset.sha256}, not to the frozen value: restore presets.toml")
    return preset
