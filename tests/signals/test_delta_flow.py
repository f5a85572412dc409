"""Delta flows against their definition, whole and event by event."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.errors import InputError
from quotewright.domain.events import ASK, BID
from quotewright.domain.kernel import as_records, kernel, records
from quotewright.market.levels import BOOK
from quotewright.research.order_levels import order_levels
from quotewright.signals.delta_flow import delta_flow, delta_flow_state, flow_imbalance, take_deltas
from quotewright.signals.delta_labels import Labeller, label, label_row
from quotewright.signals.deltas import CANCEL, DEAL, DELTA, POST, ROOM, UNSEEN
from quotewright.simulation.presets import load_preset
from quotewright.simulation.synthetic import SECOND, generate_all

FLOW = {POST: 0, CANCEL: 1, DEAL: 2, UNSEEN: 2}
DELTA_ROWS = st.lists(
    st.tuples(
        st.integers(0, 300),
        st.sampled_from([POST, CANCEL, DEAL, UNSEEN]),
        st.sampled_from([BID, ASK]),
        st.integers(-3, 20),
        st.integers(1, 50),
    ),
    min_size=1,
    max_size=40,
)


@given(DELTA_ROWS, st.integers(1, 500))
@settings(max_examples=60, deadline=None)
def test_flows_are_their_definition_in_one_piece_and_event_by_event(rows: list, half_life: int) -> None:
    deltas = np.zeros(len(rows), DELTA)
    deltas["time"] = 10**18 + np.cumsum([row[0] for row in rows])
    for i, name in enumerate(("kind", "side", "depth", "lots"), 1):
        deltas[name] = [row[i] for row in rows]
    imbalances, shares = delta_flow(delta_flow_state(half_life, (1, 6)), deltas)
    flow, band = np.array([FLOW[row[1]] for row in rows]), np.searchsorted((1, 6), deltas["depth"], "right")
    state = delta_flow_state(half_life, (1, 6))
    for i in range(len(rows)):
        weight = deltas["lots"][: i + 1] * 0.5 ** ((deltas["time"][i] - deltas["time"][: i + 1]) / half_life)
        for b in range(3):
            sums = {
                (f, s): weight[(flow[: i + 1] == f) & (band[: i + 1] == b) & (deltas["side"][: i + 1] == s)].sum()
                for f in range(3)
                for s in (BID, ASK)
            }
            for f in range(3):
                both = sums[f, BID] + sums[f, ASK]
                if both > 1e-200:
                    assert imbalances[i, f, b] == pytest.approx((sums[f, BID] - sums[f, ASK]) / both, abs=1e-9)
            for s in (BID, ASK):
                gone = sums[1, s] + sums[2, s]
                if gone > 1e-200:
                    assert shares[i, 0 if s == BID else 1, b] == pytest.approx(sums[2, s] / gone, abs=1e-9)
        one = delta_flow(state, deltas[i : i + 1])
        assert one[0].tobytes() == imbalances[i : i + 1].tobytes()
        assert one[1].tobytes() == shares[i : i + 1].tobytes()


@kernel
def _live(state: Any, book: Any, rows: Any, flow: Any, out: Any, seen: Any) -> None:
    """As a feature engine would: row by row, reading the flow after each."""
    for i in range(len(rows)):
        label_row(state[0], book[0], rows[i], 0, out)
        take_deltas(flow[0], state[0], out)
        seen[i] = flow_imbalance(flow[0], 1, 0)


def test_the_step_of_a_feature_engine_is_that_of_whole_arrays() -> None:
    rows = order_levels(generate_all(load_preset("calm"), 3, 20 * SECOND)).events
    deltas = label(rows)
    flow, out, seen = delta_flow_state(SECOND), records(ROOM, DELTA), np.zeros(len(rows))
    _live(Labeller().state, records(1, BOOK), as_records(rows), flow, out, seen)
    whole = delta_flow(delta_flow_state(SECOND), deltas)[0][:, 1, 0]
    known = np.searchsorted(deltas["time"], rows["local_ts"][-1], "right")
    assert seen[-1] == whole[known - 1] != 0


def test_refusals() -> None:
    with pytest.raises(InputError):
        delta_flow_state(0)
    with pytest.raises(InputError):
        delta_flow_state(1, (3, 3))
    with pytest.raises(InputError):
        delta_flow_state(1, tuple(range(8)))
