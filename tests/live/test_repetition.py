"""A session repeated from its log writes the same records, whatever venue and operator did in between."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scripted_session import drive

from quotewright.domain.journal import JOURNAL
from quotewright.live.recorded import read_recorded
from quotewright.live.repetition import repeat_recorded
from quotewright.storage.session_log import RECORDS


def _records(folder: Path) -> Any:
    return np.concatenate(list(read_recorded(folder).tables(RECORDS, JOURNAL)))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("mode", "shadow"), [("paper", ()), ("live", ()), ("live", ("steps",))])
def test_a_session_is_repeated_bit_for_bit(tmp_path: Path, seed: int, mode: Any, shadow: tuple[str, ...]) -> None:
    drive(tmp_path / "log", seed, mode=mode, shadow=shadow, left=mode == "live" and seed % 2 == 1)
    recorded = read_recorded(tmp_path / "log")
    result = repeat_recorded(recorded, tmp_path / "again", rows=[500, 100_000][seed % 2])
    records = _records(tmp_path / "log")
    assert result["records"] == len(records)
    assert result["commands"] > 50
