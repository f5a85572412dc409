"""Delta flows against their definition, whole and event by event."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.errors import InputError
from quotewright.domain.events import ASK, BID
from quotewright.signals.delta_flow import delta_flow, delta_flow_state
from quotewright.signals.deltas import CANCEL, DEAL, DELTA, POST, UNSEEN

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


def test_refusals() -> None:
    with pytest.raises(InputError):
        delta_flow_state(0)
    with pytest.raises(InputError):
        delta_flow_state(1, (3, 3))
    with pytest.raises(InputError):
        delta_flow_state(1, tuple(range(8)))
