"""Values as plain JSON: what a document may hold, one text for one content, and where two differ."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, cast

import numpy as np

from quotewright.domain.errors import InputError


class Difference(NamedTuple):
    """One value that differs: its dotted name, and what each side has; None where a side has nothing."""

    name: str
    a: Any
    b: Any

    @property
    def change(self) -> float | None:
        """b − a where both are numbers."""
        if any(isinstance(value, bool) or not isinstance(value, int | float) for value in (self.a, self.b)):
            return None
        return self.b - self.a


def plain(value: Any, where: str = "document") -> Any:
    """The value as JSON has it: mappings with text keys, lists, text, numbers, true, false, null.

    Tuples and arrays become lists, numpy numbers Python's, numbers that are not finite null. Raises InputError naming
    the place of anything else.
    """
    if isinstance(value, np.generic | np.ndarray):
        value = cast("Any", value).tolist()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        entries = cast("Mapping[Any, Any]", value)
        for key in entries:
            if not isinstance(key, str):
                raise InputError(where, key, "must have names that are text")
        return {key: plain(each, f"{where}.{key}") for key, each in entries.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [plain(each, f"{where}[{n}]") for n, each in enumerate(cast("Sequence[Any]", value))]
    raise InputError(where, value, f"is a {type(value).__name__}; give numbers, text, lists or mappings")


def canonical(value: Any) -> str:
    """One text for one content: sorted names, no spaces."""
    return json.dumps(plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Any) -> str:
    """SHA-256 of the canonical text."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def differences(a: Any, b: Any) -> list[Difference]:
    """Where two plain documents differ, by name; mappings are compared entry by entry, anything else as a whole."""
    left, right = _flat("", a), _flat("", b)
    return [
        Difference(name, left.get(name), right.get(name))
        for name in sorted({*left, *right})
        if name not in left or name not in right or canonical(left[name]) != canonical(right[name])
    ]


def now() -> str:
    """The time in UTC as ISO 8601, always as long."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _flat(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not value:
        return {name: value}
    flat: dict[str, Any] = {}
    for key, each in cast("Mapping[str, Any]", value).items():
        flat |= _flat(f"{name}.{key}" if name else key, each)
    return flat
