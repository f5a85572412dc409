"""Room for agents that begin while a session runs: rows of the step's tables that nothing reads until then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from quotewright.domain.errors import InputError
from quotewright.domain.strategy import Strategy
from quotewright.engine.state import EngineState
from quotewright.simulation.state import VenueState

MOST_PARAMS = 48  # of a strategy in a spare leg

NOBODY = -1


def add_spare_legs(rows: list[dict[str, int]], limits: list[dict[str, int]], params: list[Any], count: int) -> None:
    """Append `count` legs without an agent, each in a world of its own."""
    cells = sum(len(each) for each in params)
    world = max((row["world"] for row in rows), default=-1) + 1
    for number in range(count):
        rows.append(
            {
                "agent": NOBODY,
                "instrument": 0,
                "world": world + number,
                "strategy": -1,
                "params_from": cells,
                "params_to": cells + MOST_PARAMS,
            }
        )
        limits.append({})
        params.append(np.zeros(MOST_PARAMS))
        cells += MOST_PARAMS


def settle_in(
    state: EngineState,
    venue: VenueState,
    leg: int,
    strategy: Strategy,
    row: Mapping[str, int],
    limits: Mapping[str, int],
    params: Any,
    *,
    elsewhere: bool,
) -> None:
    """Prepare a spare leg for an agent; it begins with the ACTIVATED input. Raises InputError if it cannot be held."""
    if not strategy.compiled:
        raise InputError("strategy", strategy.name, "is in plain Python, which can only begin with the session")
    if len(params) > MOST_PARAMS:
        raise InputError("strategy", strategy.name, f"has {len(params)} parameters; here at most {MOST_PARAMS}")
    mine = state.legs[leg]
    start = int(mine["params_from"])
    state.params[start : start + len(params)] = params
    mine["params_to"] = start + len(params)
    for field in ("instrument", "triggers", "interval", "phase", "price_tolerance", "qty_tolerance", "order_flags"):
        mine[field] = row[field]
    for field, value in limits.items():
        state.limits[leg][field] = value
    venue.legs[leg]["instrument"] = row["instrument"]
    venue.legs[leg]["elsewhere"] = int(elsewhere)
    mine["in_feed"] = int(elsewhere)
    if elsewhere:
        state.engine[0]["in_feed"] = 1
