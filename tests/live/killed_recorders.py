"""Raw recorders that are killed: run as a script, `killed_recorders.py FOLDER SEED KILLS`; prints one line of JSON.

Each goes on in the folder of the one before, and says through a pipe what it has flushed; all of it must be there.
"""

from __future__ import annotations

import json
import os
import random
import sys
from functools import partial
from pathlib import Path

import pyarrow

sys.path.append(str(Path(__file__).parents[1]))

from killed_processes import last_number_of_killed
from quotewright.live.recorder import RawRecorder, raw_files

SYMBOL = "BTCUSDT"
START = 10**18


def line(number: int) -> bytes:
    return b'{"stream":"btcusdt@trade","data":{"t":%d,"p":"%b"}}' % (number, b"1" * (number % 60))


def record(folder: Path, start: int, seed: int, told: int) -> None:
    chance = random.Random(seed)
    recorder = RawRecorder(folder, [SYMBOL], rotate_bytes=4000)
    number = start
    while True:
        for _ in range(chance.randrange(1, 9)):
            recorder.tap("market", line(number), START + number)
            number += 1
        recorder.flush()
        os.write(told, b"%d\n" % number)
        if chance.random() < 0.1:
            recorder.sync()


def recorded(folder: Path) -> list[bytes]:
    found: list[bytes] = []
    for path in raw_files(folder / SYMBOL):
        with pyarrow.input_stream(str(path), compression="zstd" if path.name.endswith(".zst") else None) as stream:
            found += bytes(stream.read()).splitlines()
    return found


def main(folder: Path, seed: int, kills: int) -> None:
    chance = random.Random(seed)
    known = 0
    for _ in range(kills):
        work = partial(record, folder, known, chance.randrange(2**32))
        flushed = max(known, last_number_of_killed(work, chance, 0.02))
        RawRecorder(folder, [SYMBOL]).close()
        found = recorded(folder)
        assert flushed <= len(found) <= flushed + 8, f"{flushed} flushed, {len(found)} found"
        assert found == [b"%d %b" % (START + number, line(number)) for number in range(len(found))]
        known = len(found)
    sys.stdout.write(json.dumps({"lines": known, "files": len(raw_files(folder / SYMBOL))}) + "\n")


if __name__ == "__main__":
    os.fsync = lambda fd: None  # a kill takes nothing from the system; waiting for the disk would only take time
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
