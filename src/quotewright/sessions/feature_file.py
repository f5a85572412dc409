"""Settings of features in a file, as `quotewright features fit` writes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from quotewright.domain.errors import InputError
from quotewright.features.settings import FeatureSettings
from quotewright.features.slots import catalogue_hash


class LearnedFeatures(NamedTuple):
    """Settings by VENUE:SYMBOL, and the local time (ns) of the last event that they were learned from."""

    settings: dict[str, FeatureSettings]
    until_ns: dict[str, int]


def read_features(file: Path, instruments: Sequence[str]) -> LearnedFeatures:
    """The settings of the given VENUE:SYMBOLs in a file.

    Raises InputError for a file that cannot be read, was learned for another catalogue, or lacks one of them.
    """
    try:
        content: Any = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError("features", str(file), f"cannot be read as JSON: {error}") from error
    table = cast("dict[str, Any]", content) if isinstance(content, dict) else {}
    settings = table.get("settings")
    if not isinstance(settings, dict):
        raise InputError("features", str(file), "has no settings; `quotewright features fit` writes such a file")
    if table.get("catalogue") != catalogue_hash():
        raise InputError("features", str(file), "was learned for other features than there are: fit them again")
    known = cast("dict[str, Any]", settings)
    for name in instruments:
        if name not in known:
            raise InputError("features", str(file), f"has no settings of {name}: fit it too; it has {', '.join(known)}")
    until: Any = table.get("learned_until_ns")
    if not isinstance(until, dict) or any(type(cast("Any", until).get(name)) is not int for name in instruments):
        raise InputError("features", str(file), "does not say until when it learned (learned_until_ns): fit them again")
    settings = {name: FeatureSettings.from_dict(known[name]) for name in instruments}
    return LearnedFeatures(settings, {name: cast("dict[str, int]", until)[name] for name in instruments})
