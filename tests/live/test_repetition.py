"""A session repeated from its log writes the same records, whatever venue and operator did in between."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_session import drive

from quotewright.domain.errors import DataError, HaltError
from quotewright.domain.journal import FEE_TOLD, JOURNAL, Record
from quotewright.domain.messages import RESPONSE
from quotewright.live.closing import close_run
from quotewright.live.recorded import read_recorded
from quotewright.live.repetition import is_session, repeat_recorded, repeat_session
from quotewright.storage.journal import read_journal
from quotewright.storage.session_log import ANSWERS, RECORDS, SessionLog, read_log


def _records(folder: Path) -> Any:
    return np.concatenate(list(read_recorded(folder).tables(RECORDS, JOURNAL)))


@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    mode=st.sampled_from(["paper", "live"]),
    shadow=st.sampled_from([(), ("steps",), ("even",)]),
    left=st.booleans(),
    kill=st.booleans(),
    rows=st.sampled_from([1, 300, 100_000]),
)
def test_a_session_is_repeated_bit_for_bit(
    seed: int, mode: Any, shadow: tuple[str, ...], left: bool, kill: bool, rows: int
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        drive(folder / "log", seed, mode=mode, shadow=shadow, left=left and mode == "live", kill=kill, updates=500)
        recorded = read_recorded(folder / "log")
        result = repeat_recorded(recorded, folder / "again", rows=rows)
        records = _records(folder / "log")
        assert result["records"] == len(records)
        assert result["commands"] > 20
        assert (read_journal(folder / "again" / "journal.parquet") == records).all()


def test_what_was_tried_covers_every_kind_of_record(tmp_path: Path) -> None:
    seen: set[int] = set()
    for seed in range(4):
        drive(tmp_path / f"{seed}", seed, left=True)
        seen |= set(_records(tmp_path / f"{seed}")["kind"].tolist())
    never = {Record.AMEND, Record.AMENDED, Record.FUNDING, Record.HALT}  # no such market, venue or loss here
    assert seen >= set(Record) - never


def test_a_log_whose_answers_were_changed_is_not_repeated(tmp_path: Path) -> None:
    drive(tmp_path / "log", 1)
    told = -1
    with SessionLog(tmp_path / "forged", sync_every_ns=0) as forged:
        for frame in read_log(tmp_path / "log"):
            payload = bytearray(frame.payload)
            if frame.kind == ANSWERS and told < 0:
                answers = np.frombuffer(payload, RESPONSE)
                fees = np.flatnonzero((answers["kind"] == Record.FILL) & (answers["flags"] & FEE_TOLD != 0))
                if len(fees):
                    told = int(answers["order"][fees[0]])
                    answers["fee"][fees[0]] += 1
            forged.append(frame.kind, payload)
        forged.flush()
    with pytest.raises(HaltError, match=r"record \d+ \(FILL\) differs in fee"):
        repeat_recorded(read_recorded(tmp_path / "forged"), tmp_path / "again")


def test_an_answer_that_was_never_journaled_is_told(tmp_path: Path) -> None:
    drive(tmp_path / "log", 2)
    count = 0
    with SessionLog(tmp_path / "forged", sync_every_ns=0) as forged:
        for frame in read_log(tmp_path / "log"):
            count += frame.kind == ANSWERS
            payload = bytearray(frame.payload)
            if frame.kind == ANSWERS and count == 30:
                np.frombuffer(payload, RESPONSE)["order"][0] += 1
            forged.append(frame.kind, payload)
        forged.flush()
    with pytest.raises(DataError, match="was never journaled"):
        repeat_recorded(read_recorded(tmp_path / "forged"), tmp_path / "again")


def test_a_run_folder_finds_its_log(tmp_path: Path) -> None:
    drive(tmp_path / "log", 4, updates=300)
    close_run(tmp_path / "log", tmp_path / "run")
    assert is_session(tmp_path / "run")
    result = repeat_session(tmp_path / "run", tmp_path / "again")
    assert result["same"]
    assert not is_session(tmp_path / "again")


_INTERPRETED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from scripted_session import drive
from test_repetition import digest
drive(Path(sys.argv[2]), 11, updates=150, left=True)
print(digest(Path(sys.argv[2])))
"""


def digest(folder: Path) -> str:
    """Of all records of a session, after it was repeated."""
    repeat_recorded(read_recorded(folder), folder / "again")
    return hashlib.sha256(_records(folder).tobytes()).hexdigest()


def test_interpreted_and_compiled_sessions_are_the_same(tmp_path: Path) -> None:
    drive(tmp_path / "log", 11, updates=150, left=True)
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    words = [sys.executable, "-c", _INTERPRETED, str(Path(__file__).parent), str(tmp_path / "other")]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == digest(tmp_path / "log")
