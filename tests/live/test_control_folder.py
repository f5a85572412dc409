"""Commands and stops that come as files: each is taken once, and none is lost between two processes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from quotewright.domain.errors import InputError, PauseError
from quotewright.live.control_folder import ControlFolder, ask


def test_it_answers_what_it_cannot_read(tmp_path: Path) -> None:
    (tmp_path / "control").mkdir()
    (tmp_path / "control" / "0-old.json").write_text('{"do": "flatten"}')
    folder = ControlFolder(tmp_path)
    assert folder.waiting() == []  # whoever asked was told that nobody answers
    for number, text in enumerate([b"{", b"\xff\xfe", b"[1]", b'"pause"', b'{"do": "resume"}', b'{"do": "pause"}']):
        (tmp_path / "control" / f"{number}.json").write_bytes(text)
    (tmp_path / "control" / ".6.json.draft").write_bytes(b'{"do"')  # half written
    waiting = folder.waiting()
    assert [each.word for each in waiting] == [{"do": "resume"}, {"do": "pause"}]
    for number in range(4):
        answer = json.loads((tmp_path / "control" / f"{number}.answer").read_bytes())
        assert not answer["ok"]
        assert "JSON" in answer["error"]
    for each in waiting:
        each.answer({"ok": True})
    assert folder.waiting() == []


def test_who_asks_is_told_that_nobody_answers_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not the folder of a running session"):
        ask(tmp_path, {"do": "pause"})
    ControlFolder(tmp_path)
    with pytest.raises(PauseError, match=r"does not answer within 0\.1 s"):
        ask(tmp_path, {"do": "flatten"}, patience=0.1)
    assert list((tmp_path / "control").iterdir()) == []


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (b"pause\n", "pause"),
        (b"flatten", "flatten"),
        (b"", "cancel"),
        (b"halt!", "cancel"),
        (b"\xff\xfef\x00", "cancel"),
    ],
)
def test_a_stop_is_taken_once(tmp_path: Path, text: bytes, meant: str) -> None:
    folder = ControlFolder(tmp_path)
    assert list(folder.stops()) == []
    (tmp_path / "stop").write_bytes(text)
    assert list(folder.stops()) == [meant]
    assert list(folder.stops()) == []
    assert list(ControlFolder(tmp_path).stops()) == []


def test_a_stop_that_came_between_two_processes_is_for_the_next(tmp_path: Path) -> None:
    (tmp_path / "stop").write_text("flatten")
    ControlFolder(tmp_path)  # a process that died before it had looked
    folder = ControlFolder(tmp_path)
    assert list(folder.stops()) == ["flatten"]
    assert [path.name for path in tmp_path.iterdir()] == ["control"]


def test_a_stop_is_kept_until_it_has_begun_and_a_second_one_meanwhile_too(tmp_path: Path) -> None:
    (tmp_path / "stop").write_text("pause")
    for kind in ControlFolder(tmp_path).stops():
        assert kind == "pause"
        (tmp_path / "stop").write_text("flatten")
        break  # the process dies while it takes the stop up
    folder = ControlFolder(tmp_path)
    assert list(folder.stops()) + list(folder.stops()) == ["pause", "flatten"]
    assert list(folder.stops()) == []


def test_a_folder_called_stop_is_no_stop(tmp_path: Path) -> None:
    (tmp_path / "stop").mkdir()
    assert list(ControlFolder(tmp_path).stops()) == []
