"""Names, what they resolve to, and the hash that a model carries."""

from __future__ import annotations

import pytest

from quotewright.domain.errors import InputError
from quotewright.indicators import catalogue
from quotewright.indicators.catalogue import (
    FAMILIES,
    FEATURES,
    LONGEST,
    WINDOWS,
    Feature,
    catalogue_hash,
    feature,
    series_features,
)


def test_every_name_resolves_to_itself() -> None:
    assert all(feature(name) == one and one.name == name for name, one in FEATURES.items())
    assert feature("mfi_14") == Feature("mfi_14", "mfi", 14, ("high", "low", "close", "volume"))
    assert feature("funding:zscore_30") == Feature("funding:zscore_30", "zscore", 30, ("funding",))
    assert feature("exchange:binance:rank_7").inputs == ("exchange:binance",)
    assert feature("sar") == Feature("sar", "sar", 0, ("high", "low"))
    assert feature(f"bollinger_width_{LONGEST}").window == LONGEST


def test_all_families_are_there_at_all_windows() -> None:
    windowed = [family.name for family in FAMILIES.values() if family.windowed and family.inputs]
    assert {(one.family, one.window) for one in FEATURES.values() if one.window} == {
        (family, window) for family in windowed for window in WINDOWS
    }
    assert series_features("fees", [3, 9]) == tuple(
        f"fees:{family}_{window}" for family in ("change", "zscore", "rank", "ewm") for window in (3, 9)
    )


@pytest.mark.parametrize(
    "name",
    ["", "mfi", "mfi_0", "mfi_1025", "mfi_-7", "mfi_07", "mfi_7.5", "mfi_١٤", "sar_14", "zscore_14", ":zscore_14",
     "x:mfi_14", "bollinger_14", "no_such_14", "funding:sar", "funding:zscore", "MFI_14", "mfi_14 "],
)  # fmt: skip
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(InputError) as refused:
        feature(name)
    assert refused.value.field == "feature"


def test_the_hash_follows_names_order_and_formulas(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["mfi_14", "sar", "funding:rank_7"]
    first = catalogue_hash(names)
    assert len(first) == 64
    assert first == catalogue_hash(tuple(names))
    assert (
        len({first, catalogue_hash(names[::-1]), catalogue_hash(names[:2]), catalogue_hash(["mfi_21", *names[1:]])})
        == 4
    )
    changed = FAMILIES["sar"]._replace(version=FAMILIES["sar"].version + 1)
    monkeypatch.setitem(catalogue.FAMILIES, "sar", changed)
    assert catalogue_hash(names) != first
    monkeypatch.setitem(catalogue.FAMILIES, "sar", FAMILIES["sar"]._replace(version=1, parameters=(0.01, 0.2)))
    assert catalogue_hash(names) != first


def test_the_hash_is_the_same_everywhere() -> None:
    """It is written into models: a change here means that every stored one is refused, so a version must have risen."""
    assert catalogue_hash(["mfi_14", "sar", "funding:rank_7"])[:16] == "9d6503e0195aec23"
