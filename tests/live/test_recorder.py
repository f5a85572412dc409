"""Raw recordings: every line whole and in order after any kill, and what is imported is what was heard."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pyarrow
import pytest

from full_disks import PLENTY, Disk
from killed_processes import run_script
from quotewright.domain.errors import HaltError, InputError
from quotewright.live.recorder import RawRecorder, raw_files

S = 10**9
START = 1_700_000_000 * S


def text_of(path: Path) -> bytes:
    packed = path.name.endswith(".zst")
    with pyarrow.input_stream(str(path), compression="zstd" if packed else None) as stream:
        return bytes(stream.read())


def lines_of(folder: Path) -> list[tuple[int, bytes]]:
    found: list[tuple[int, bytes]] = []
    for path in raw_files(folder):
        text = text_of(path)
        assert not text or text.endswith(b"\n")
        for line in text.splitlines():
            head, _, message = line.partition(b" ")
            found.append((int(head), message))
    return found


def message(symbol: str, number: int, stream: str = "trade") -> bytes:
    return b'{"stream":"%b@%b","data":{"t":%d}}' % (symbol.lower().encode(), stream.encode(), number)


def test_messages_go_to_their_symbol_in_order_and_files_turn_by_size_and_time(tmp_path: Path) -> None:
    with RawRecorder(tmp_path, ["BTCUSDT", "ETHUSDT"], rotate_bytes=2000, rotate_ns=60 * S) as recorder:
        for number in range(200):
            recorder.tap("market", message("BTCUSDT", number), START + number * S)
            if number % 3 == 0:
                recorder.tap("market", message("ethusdt", number, "depth@100ms"), START + number * S)
            if number % 7 == 0:
                recorder.flush()
            if number % 50 == 0:
                recorder.sync()
        recorder.tap("snapshot/ETHUSDT", b'{\n"lastUpdateId": 7,\n"bids":[]}', START)  # late, and over several lines
        recorder.tap("market", b'{"result":null,"id":1}', START)
        recorder.tap("market", message("DOGEUSDT", 1), START)
        assert recorder.messages == {"BTCUSDT": 200, "ETHUSDT": 68}
        assert recorder.others == 2
    bitcoin = lines_of(tmp_path / "BTCUSDT")
    assert bitcoin == [(START + n * S, message("BTCUSDT", n)) for n in range(200)]
    assert lines_of(tmp_path / "ETHUSDT")[-1] == (START + 198 * S, b'{ "lastUpdateId": 7, "bids":[]}')
    files = raw_files(tmp_path / "BTCUSDT")
    assert all(path.name.endswith(".raw.zst") for path in files)
    assert len(files) >= 4
    for path in files:
        times = [int(line.split()[0]) for line in text_of(path).splitlines()]
        assert times[-1] - times[0] <= 68 * S
        assert path.name[9:] == time.strftime("%Y%m%dT%H%M%S.raw.zst", time.gmtime(times[0] // S))


def test_a_torn_line_is_cut_and_time_does_not_go_back_from_one_start_to_the_next(tmp_path: Path) -> None:
    recorder = RawRecorder(tmp_path, ["BTCUSDT"])
    for number in range(3):
        recorder.tap("market", message("BTCUSDT", number), START + number)
    recorder.flush()
    (path,) = raw_files(tmp_path / "BTCUSDT")
    whole = path.read_bytes()
    ends = [0, *(i + 1 for i, byte in enumerate(whole) if byte == ord("\n"))]
    recorder.close()
    path.with_name(path.name + ".zst").unlink()
    for size in sorted({end + more for end in ends for more in (-30, -1, 0, 1, 21)} & set(range(len(whole) + 1))):
        for stale in (tmp_path / "BTCUSDT").iterdir():
            stale.unlink()
        path.write_bytes(whole[:size])
        kept = max(end for end in ends if end <= size)
        with RawRecorder(tmp_path, ["BTCUSDT"]) as again:
            assert again.torn == size - kept
            again.tap("market", message("BTCUSDT", 99), START - S)  # the clock was set back meanwhile
        lines = lines_of(tmp_path / "BTCUSDT")
        count = ends.index(kept)
        last = START + count - 1 if count else START - S
        assert lines == [(START + n, message("BTCUSDT", n)) for n in range(count)] + [(last, message("BTCUSDT", 99))]
        assert len(raw_files(tmp_path / "BTCUSDT")) == 1 + (kept > 0)


def test_a_folder_has_one_recorder_and_symbols_are_plain_names(tmp_path: Path) -> None:
    with RawRecorder(tmp_path, ["A"]), pytest.raises(InputError, match=f"another recorder, process {os.getpid()}"):
        RawRecorder(tmp_path, ["A"])
    with pytest.raises(InputError, match="folder's name"):
        RawRecorder(tmp_path, ["../A"])


def test_a_full_disk_halts_and_loses_nothing_that_was_heard(tmp_path: Path, disk: Disk) -> None:
    recorder = RawRecorder(tmp_path, ["BTCUSDT"])
    disk.room = 30
    for number in range(3):
        recorder.tap("market", message("BTCUSDT", number), START)
        with pytest.raises(HaltError, match="No space left"):
            recorder.flush()
    disk.room = PLENTY
    recorder.close()
    assert lines_of(tmp_path / "BTCUSDT") == [(START, message("BTCUSDT", n)) for n in range(3)]


def kill_recorders(folder: Path, seed: int, kills: int) -> dict[str, int]:
    return run_script(Path(__file__).with_name("killed_recorders.py"), folder, seed, kills)


def test_killed_at_random_moments_it_has_every_line_that_was_flushed_once(tmp_path: Path) -> None:
    found = kill_recorders(tmp_path, seed=5, kills=15)
    assert found["lines"] > 500
    assert found["files"] >= 15


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_killed_a_thousand_times(tmp_path: Path, seed: int) -> None:
    kill_recorders(tmp_path, seed, kills=50)
