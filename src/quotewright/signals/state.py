"""The state of an incremental signal: one record in an array, so that a compiled step can write to it."""

from __future__ import annotations

from typing import Any

import numpy as np


def fresh(dtype: np.dtype[Any]) -> Any:
    """A zeroed record, in the form that steps take, compiled or interpreted."""
    state: Any = np.zeros(1, dtype)
    return state.view(np.recarray)
