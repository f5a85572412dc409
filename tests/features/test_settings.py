"""Settings are checked by name, survive JSON, and have a catalogue hash."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from quotewright.domain.errors import InputError
from quotewright.domain.quotes import MOST_FEATURES
from quotewright.features.settings import FeatureSettings
from quotewright.features.slots import NAMES, SLOTS, catalogue_hash
from quotewright.features.state import new_features


def test_settings_survive_json() -> None:
    given = FeatureSettings(dust=3, flow_half_life=2.5, noise=[1.0, 2.0, 3.0])
    assert FeatureSettings.from_dict(json.loads(json.dumps(given.to_dict()))) == given


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("flow_half_life", 0.0),
        ("flow_half_life", float("nan")),
        ("delta_wait", -1.0),
        ("usual_touch", 0.0),
        ("usual_spread", float("inf")),
        ("delta_depth", -1),
        ("vpin_window", 1),
        ("microprice", [[0.0] * 3] * 3),
        ("noise", [0.0, 1.0, 1.0]),
        ("regime_votes", 9),
        ("widen_spread", 0.5),
        ("depth", 0),
        ("dust", 10**30),
        ("vpin_bucket", 1000.7),
        ("delta_depth", 2.5),
        ("regime_dwell", 10**20),
        ("print_memory", 1e40),
        ("last_side", 50.0),
        ("noise", [1.0]),
    ],
)
def test_what_is_out_of_range_is_named(field: str, value: Any) -> None:
    with pytest.raises(InputError) as caught:
        FeatureSettings.from_dict({field: value})
    assert re.search(field.split("_")[-1], str(caught.value))


@pytest.mark.parametrize("given", [[], "x", {"dusty": 1}, {"dust": "much"}])
def test_what_is_no_setting_is_refused(given: Any) -> None:
    with pytest.raises(InputError, match="features"):
        FeatureSettings.from_dict(given)


def test_slots_are_named_once_and_fit_the_view() -> None:
    assert len(set(NAMES)) == len(SLOTS) <= MOST_FEATURES
    assert len(catalogue_hash()) == 64


def test_instruments_have_settings_of_their_own() -> None:
    state = new_features([FeatureSettings(vpin_bucket=5), FeatureSettings(vpin_bucket=7, delta_wait=2.0)])
    assert state.rules["vpin_bucket"].tolist() == [5, 7]
    assert state.deltas["wait"].tolist() == [500_000_000, 2_000_000_000]
