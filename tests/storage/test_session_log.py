"""The session's log: what was flushed is there, in order, once; damage is told from a torn tail."""

from __future__ import annotations

import os
import random
import shutil
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from full_disks import PLENTY, Disk
from killed_processes import run_script
from quotewright.domain.errors import DataError, HaltError, InputError
from quotewright.domain.journal import JOURNAL
from quotewright.storage.session_log import ANSWERS, META, NOTE, RECORDS, SessionLog, read_log
from quotewright.storage.session_log_frames import LogReader, segments_of, vouch


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test here cuts the power, so what the system holds is as good as on the disk."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


def contents(folder: Path) -> list[tuple[int, bytes]]:
    return [(frame.kind, frame.payload) for frame in read_log(folder)]


def write_log(folder: Path, frames: list[tuple[int, bytes]], *, flush_every: int = 1, **options: int) -> None:
    """A log that was left as a kill leaves it: flushed, not closed."""
    log = SessionLog(folder, sync_every_ns=0, **options)
    for i, (kind, payload) in enumerate(frames):
        log.append(kind, payload)
        if i % flush_every == flush_every - 1:
            log.flush()
    log.flush()
    abandon(log)


def abandon(log: SessionLog) -> None:
    """Drop the files without a word, as a kill does."""
    os.close(log._file.handle)
    log._lock.close()


FRAMES = [(META, b'{"mode":"live"}'), (RECORDS, bytes(7)), (NOTE, b""), (ANSWERS, b"\xff" * 11), (255, b"x")]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    frames=st.lists(st.tuples(st.integers(1, 255), st.binary(max_size=90)), max_size=40),
    rotate=st.integers(60, 600),
    seed=st.integers(0, 2**32),
)
def test_whatever_is_appended_flushed_synced_rotated_and_reopened_comes_back(
    tmp_path: Path, frames: list[tuple[int, bytes]], rotate: int, seed: int
) -> None:
    folder, chance = tmp_path / "log", random.Random(seed)
    shutil.rmtree(folder, ignore_errors=True)
    log = SessionLog(folder, rotate_bytes=rotate, sync_every_ns=0)
    for kind, payload in frames:
        log.append(kind, memoryview(payload))
        match chance.randrange(6):
            case 0 | 1:
                log.flush()
            case 2:
                log.flush()
                log.sync()
                assert log.synced == log.frames
            case 3:
                log.close()
                log = SessionLog(folder, rotate_bytes=rotate, sync_every_ns=0, pack=chance.random() < 0.5)
            case _:
                pass
    log.close()
    assert contents(folder) == frames
    assert [segment.number for segment in segments_of(folder)] == list(range(1, len(segments_of(folder)) + 1))


def test_cut_at_every_byte_the_whole_frames_before_are_there_and_the_next_session_goes_on(tmp_path: Path) -> None:
    write_log(tmp_path / "whole", FRAMES)
    data = (tmp_path / "whole" / "00000001.log").read_bytes()
    ends = [*(frame.offset for frame in read_log(tmp_path / "whole")), len(data)]
    for size in range(len(data) + 1):
        folder = tmp_path / "cut"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "00000001.log").write_bytes(data[:size])
        whole = max((i for i, end in enumerate(ends) if end <= size), default=0)
        reader = LogReader(segments_of(folder))
        assert [(frame.kind, frame.payload) for frame in reader] == FRAMES[:whole]
        torn = size - ends[whole] if size >= ends[0] else size
        assert reader.torn == torn
        with SessionLog(folder, sync_every_ns=0) as log:
            assert log.torn == torn
            log.append(NOTE, b"after")
        assert contents(folder) == [*FRAMES[:whole], (NOTE, b"after")]


def flipped(data: bytes, at: int, bit: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]


def test_any_bit_flipped_in_what_was_on_the_disk_is_told_and_nothing_wrong_is_ever_read(tmp_path: Path) -> None:
    with SessionLog(tmp_path, sync_every_ns=0, rotate_bytes=90, pack=False) as log:
        for kind, payload in FRAMES:
            log.append(kind, payload)
            log.flush()
    names = [segment.path for segment in segments_of(tmp_path)]
    assert len(names) > 1
    vouching = names[-1].stat().st_size - len(vouch(0))
    for path in names:
        data = path.read_bytes()
        for at in range(len(data)):
            path.write_bytes(flipped(data, at, at % 8))
            if path == names[-1] and at >= vouching:  # in the very frame that vouches for the others
                assert contents(tmp_path) == FRAMES
            else:
                with pytest.raises(DataError, match=r"damaged|version"):
                    contents(tmp_path)
                with pytest.raises(DataError):
                    SessionLog(tmp_path, sync_every_ns=0)
        path.write_bytes(data)
    assert contents(tmp_path) == FRAMES


def test_what_a_power_cut_leaves_is_cut_off_and_kept_beside(tmp_path: Path) -> None:
    """Frames that were never on the disk, with a page of zeros among them, and a later segment."""
    log = SessionLog(tmp_path, sync_every_ns=3600 * 10**9, rotate_bytes=200)
    for kind, payload in FRAMES:
        log.append(kind, payload)
    log.flush()
    log.sync()
    log.append(NOTE, b"seen after the sync")
    log.append(RECORDS, bytes(200))
    log.flush()  # begins a segment, and the thread has not come to the one before
    log.append(NOTE, b"lost")
    log.flush()
    abandon(log)
    log._wake.set()
    first, second = (segment.path for segment in segments_of(tmp_path))
    data = first.read_bytes()
    hole = data.index(b"seen after")
    first.write_bytes(data[:hole] + bytes(len(data) - hole))
    torn = len(data) - hole + 9 + second.stat().st_size

    assert contents(tmp_path) == FRAMES
    with SessionLog(tmp_path, sync_every_ns=0) as log:
        assert log.torn == torn
        log.append(NOTE, b"again")
    assert contents(tmp_path) == [*FRAMES, (NOTE, b"again")]
    assert sum(path.stat().st_size for path in tmp_path.glob("*.torn-*")) == torn


def test_a_segment_that_is_gone_or_swapped_is_noticed_but_for_the_oldest(tmp_path: Path) -> None:
    frames = [(NOTE, bytes([i]) * 50) for i in range(12)]
    with SessionLog(tmp_path, sync_every_ns=0, rotate_bytes=150, pack=False) as log:
        for kind, payload in frames:
            log.append(kind, payload)
            log.flush()
    paths = [segment.path for segment in segments_of(tmp_path)]
    assert len(paths) >= 4
    held = paths[1].read_bytes()
    paths[1].unlink()
    with pytest.raises(DataError, match="is gone"):
        contents(tmp_path)
    paths[1].write_bytes(paths[2].read_bytes())
    with pytest.raises(DataError):
        contents(tmp_path)
    paths[1].write_bytes(held[: held.rindex(b"\x00" * 4)])
    with pytest.raises(DataError):
        contents(tmp_path)
    paths[1].write_bytes(held)
    paths[0].unlink()
    assert contents(tmp_path) == frames[-len(contents(tmp_path)) :]
    with SessionLog(tmp_path, sync_every_ns=0) as log:
        log.append(NOTE, b"on")
    assert contents(tmp_path)[-1] == (NOTE, b"on")


def test_full_segments_are_packed_in_the_background_and_a_kill_between_leaves_one_whole(tmp_path: Path) -> None:
    rows = np.frombuffer(np.arange(15 * 40), JOURNAL)
    with SessionLog(tmp_path, rotate_bytes=20_000, sync_every_ns=1_000_000) as log:
        for _ in range(100):
            log.append(RECORDS, memoryview(rows))
            log.flush()
    packed = sorted(tmp_path.glob("*.log.zst"))
    assert len(packed) >= 10
    whole = contents(tmp_path)
    assert whole == [(RECORDS, rows.tobytes())] * 100
    assert (np.frombuffer(whole[0][1], JOURNAL) == rows).all()

    (tmp_path / "00000002.log").write_bytes(b"half a segment that was being removed")
    (tmp_path / "00000099.log.zst.unfinished").write_bytes(b"half")
    SessionLog(tmp_path).close()
    assert not [*tmp_path.glob("00000002.log"), *tmp_path.glob("*.unfinished")]
    assert contents(tmp_path) == whole

    held = packed[3].read_bytes()
    for at in range(0, len(held), 7):
        packed[3].write_bytes(flipped(held, at, 3))
        with suppress(DataError):  # zstd has a few bits that mean nothing
            assert contents(tmp_path) == whole


def test_a_folder_has_one_writer(tmp_path: Path) -> None:
    in_use = f"in use by another session, process {os.getpid()}"
    with SessionLog(tmp_path / "log"), pytest.raises(InputError, match=in_use):
        SessionLog(tmp_path / "log")
    SessionLog(tmp_path / "log").close()
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is not a folder"):
        SessionLog(tmp_path / "file")
    with SessionLog(tmp_path / "log") as log, pytest.raises(InputError, match="1 to 255"):
        log.append(0, b"")


def test_a_full_disk_halts_and_nothing_is_lost_or_doubled_when_there_is_room_again(tmp_path: Path, disk: Disk) -> None:
    log = SessionLog(tmp_path, sync_every_ns=0)
    disk.room = 20
    for kind, payload in FRAMES:
        log.append(kind, payload)
    for _ in range(2):
        with pytest.raises(HaltError, match="No space left"):
            log.flush()
    disk.room = PLENTY
    log.append(NOTE, b"more")
    log.flush()
    log.close()
    assert contents(tmp_path) == [*FRAMES, (NOTE, b"more")]


def test_a_disk_that_refuses_to_sync_halts_for_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = SessionLog(tmp_path, sync_every_ns=1_000_000)
    asked = threading.Event()

    def fsync(handle: int) -> None:
        asked.set()
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fsync)
    log.append(NOTE, b"a")
    log.flush()
    assert asked.wait(10)
    assert log._thread is not None
    log._thread.join(10)
    log.append(NOTE, b"b")
    with pytest.raises(HaltError, match="cannot be brought to the disk"):
        log.flush()
    with pytest.raises(HaltError):
        log.close()


def kill_writers(folder: Path, seed: int, kills: int) -> dict[str, int]:
    return run_script(Path(__file__).with_name("killed_logs.py"), folder, seed, kills)


def test_writers_killed_at_random_moments_lose_nothing_they_flushed(tmp_path: Path) -> None:
    found = kill_writers(tmp_path, seed=3, kills=25)
    assert found["kills"] == 25
    assert found["frames"] > 1000
    assert found["segments"] > 5


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 125))
def test_writers_killed_a_thousand_times(tmp_path: Path, seed: int) -> None:
    kill_writers(tmp_path, seed, kills=40)
