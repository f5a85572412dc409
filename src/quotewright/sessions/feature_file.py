"""Settings of features in a file, as `quotewright features fit` writes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from quotewright.domain.errors import InputError
from quotewright.features.settings import FeatureSettings
from quotewright.features.slots import catalogue_hash


def read_features(file: Path, instruments: Sequence[str]) -> dict[str, FeatureSettings]:
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
    return {name: FeatureSettings.from_dict(known[name]) for name in instruments}
