"""Log lines: readable whatever is put in, rotated, and without a secret in whatever form it comes."""

from __future__ import annotations

import json
import os
import random
import string
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from quotewright.domain.errors import InputError
from quotewright.live.structured_log import Redactor, StructuredLog


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_lines_carry_both_times_level_event_and_whatever_fields(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "session.jsonl"
    with StructuredLog(path, clock=lambda: 1_700_000_000_123_456_789) as log:
        log.write(
            "note", "started", "all is\nwell", engine_time=42, mode="live", folder=Path("x"), error=ValueError("no")
        )
        log.write("halt", "odd", huge=2**70, nan=float("nan"), keys={(1, 2): 3}, deep={"a": [object]})
    first, second = lines(path)
    assert first == {
        "wall": "2023-11-14T22:13:20.123456Z",
        "engine": 42,
        "level": "info",
        "event": "started",
        "text": "all is\nwell",
        "mode": "live",
        "folder": "x",
        "error": "no",
    }
    assert second["event"] in ("odd", "'odd'")
    with pytest.raises(InputError, match="log file"):
        StructuredLog(path / "below a file")


@pytest.mark.parametrize("alphabet", [string.ascii_letters, 'ab"\\/+=&% é\n-', "äöü€漢"])
def test_a_secret_is_never_told_however_it_is_written(tmp_path: Path, alphabet: str) -> None:
    chance = random.Random(alphabet)
    secret = "".join(chance.choice(alphabet) for _ in range(40))
    redactor = Redactor()
    redactor.hide(secret)
    log = StructuredLog(tmp_path / "log.jsonl", redactor=redactor)
    log.write("info", secret, f"text with {secret} inside", field=secret, nested={"a": [{secret: secret}]})
    log.write("info", "request", body=json.dumps({"key": secret}), url=f"https://x?{urlencode({'k': secret})}")
    log.write("info", "more", path=quote(secret), exact=quote(secret, safe=""), raw=secret.encode().decode())
    log.write("error", "failed", error=ConnectionError(f"refused: signature={secret}"))
    log.close()
    text = (tmp_path / "log.jsonl").read_text()
    for form in (secret, json.dumps(secret)[1:-1], quote(secret), urlencode({"k": secret})[2:], *secret.splitlines()):
        assert len(form) < 6 or form not in text
    assert text.count("[secret]") >= 9
    assert lines(tmp_path / "log.jsonl")[3]["error"] == "refused: signature=[secret]"


def test_a_secret_too_short_to_hide_is_refused_without_telling_it() -> None:
    with pytest.raises(InputError) as caught:
        Redactor().hide("ab1")
    assert "ab1" not in str(caught.value)


def test_files_are_rotated_by_size_and_the_oldest_go(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    log = StructuredLog(path, rotate_bytes=500, keep=2)
    for number in range(40):
        log.write("info", "tick", number=number, filler="x" * 50)
    log.close()
    log = StructuredLog(path, rotate_bytes=500, keep=2)  # goes on in the same file
    log.write("info", "tick", number=40)
    log.close()
    files = [tmp_path / name for name in ("log.2.jsonl", "log.1.jsonl", "log.jsonl")]
    assert sorted(tmp_path.iterdir()) == sorted(files)
    assert all(file.stat().st_size <= 500 for file in files)
    numbers = [line["number"] for file in files for line in lines(file)]
    assert numbers == list(range(numbers[0], 41))
    assert path.stat().st_mode & 0o077 == 0


def test_a_full_disk_loses_lines_but_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = StructuredLog(tmp_path / "log.jsonl", rotate_bytes=200)
    log.write("info", "before")
    with monkeypatch.context() as full:

        def refuse(*_: object) -> int:
            raise OSError(28, "No space left on device")

        full.setattr(os, "write", refuse)
        log.write("info", "lost")
        full.setattr(os, "open", refuse)
        log.write("info", "rotation fails", filler="x" * 200)
        log.write("info", "still no file")
    log.write("info", "after")
    log.close()
    assert log.lost == 3
    assert lines(tmp_path / "log.jsonl")[-1]["event"] == "after"
