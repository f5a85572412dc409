"""Writers of one session log that are killed: run as a script, `killed_logs.py FOLDER SEED KILLS`.

Each writer goes on where the one before was killed, and says through a pipe what it has flushed. After every kill the
log must hold exactly that, and perhaps what was flushed without being said. Prints one line of JSON.
"""

from __future__ import annotations

import json
import os
import random
import struct
import sys
from functools import partial
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

from killed_processes import last_number_of_killed
from quotewright.storage.session_log import NOTE, SessionLog, read_log
from quotewright.storage.session_log_frames import segments_of

NUMBER = struct.Struct("<Q")


def payload(number: int) -> bytes:
    return NUMBER.pack(number) * (1 + number % 40)


def write(folder: Path, start: int, seed: int, told: int) -> None:
    chance = random.Random(seed)
    log = SessionLog(folder, rotate_bytes=20_000, sync_every_ns=chance.choice([0, 500_000]))
    os.write(told, b"%d\n" % start)
    number = start
    while True:
        for _ in range(chance.randrange(1, 6)):
            log.append(NOTE, payload(number))
            number += 1
        log.flush()
        os.write(told, b"%d\n" % number)


def main(folder: Path, seed: int, kills: int) -> None:
    chance = random.Random(seed)
    known = 0
    for _ in range(kills):
        work = partial(write, folder, known, chance.randrange(2**32))
        flushed = max(known, last_number_of_killed(work, chance, 0.004))
        found = [frame.payload for frame in read_log(folder)]
        assert flushed <= len(found) <= flushed + 5, f"{flushed} flushed, {len(found)} found"
        assert found == [payload(number) for number in range(len(found))]
        known = len(found)
    sys.stdout.write(json.dumps({"kills": kills, "frames": known, "segments": len(segments_of(folder))}) + "\n")


if __name__ == "__main__":
    os.fsync = lambda fd: None  # a kill takes nothing from the system; waiting for the disk would only take time
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
