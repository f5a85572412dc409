"""Artefacts: named by content, verified at reading, restored when damaged, never half there."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest

from quotewright.domain.errors import DataError
from quotewright.lineage.artefacts import Artefacts
from quotewright.lineage.code import code_of, code_of_callable


def test_contents_come_back_by_their_hash(tmp_path: Path) -> None:
    artefacts = Artefacts(tmp_path)
    contents = [b"", b"one", b"two" * 10_000]
    digests = [artefacts.write(content) for content in contents]
    assert digests == [hashlib.sha256(content).hexdigest() for content in contents]
    assert [Artefacts(tmp_path).read(digest) for digest in digests] == contents
    assert artefacts.write(b"one") == digests[1]


def test_damage_is_found_at_reading_and_healed_by_writing_again(tmp_path: Path) -> None:
    artefacts = Artefacts(tmp_path)
    digest = artefacts.write(b"a model")
    artefacts.path(digest).write_bytes(b"a mdoel")
    with pytest.raises(DataError, match="is damaged"):
        artefacts.read(digest)
    artefacts.write(b"a model")
    assert artefacts.read(digest) == b"a model"
    artefacts.path(digest).unlink()
    with pytest.raises(DataError, match="cannot be read"):
        artefacts.read(digest)


def test_writers_of_one_content_do_not_disturb_each_other(tmp_path: Path) -> None:
    content = b"x" * 1_000_000
    found: list[bytes] = []

    def write() -> None:
        artefacts = Artefacts(tmp_path)
        found.append(artefacts.read(artefacts.write(content)))

    threads = [threading.Thread(target=write) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [content] * 6
    assert [path for path in tmp_path.rglob(".*") if path.is_file()] == []


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artefacts = Artefacts(tmp_path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        artefacts.write(b"a model")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_the_code_hash_follows_the_users_files(tmp_path: Path) -> None:
    mine, other = tmp_path / "mine.py", tmp_path / "other.py"
    mine.write_text("A = 1\n")
    other.write_text("B = 1\n")
    first = code_of([mine, other])
    assert first == code_of([other, mine, mine])
    assert len({first, code_of(), code_of([mine])}) == 3
    mine.write_text("A = 2\n")
    assert code_of([mine, other]) != first


class _Called:
    def __call__(self) -> None: ...


def test_a_function_of_the_user_brings_its_file_and_one_of_ours_does_not() -> None:
    here = code_of([Path(__file__)])
    assert code_of_callable(test_the_code_hash_follows_the_users_files) == here
    assert code_of_callable(_Called()) == here
    assert code_of_callable(Artefacts) == code_of() == code_of_callable(len)
