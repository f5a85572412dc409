"""Imports and feeds in a process of their own: peak memory does not grow with the length of what is read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from quotewright.domain.kernel import INTERPRETED

pytestmark = [
    pytest.mark.skipif(INTERPRETED, reason="millions of rows take too long interpreted"),
    pytest.mark.skipif(sys.platform != "linux", reason="peak memory is told in other units elsewhere"),
]

CHILD = """
import json, sys
from pathlib import Path
from quotewright.domain.catalogue import find_instrument
from quotewright.sessions.importing import import_recording
from quotewright.storage.feed import windows
from quotewright.storage.store import Store

def peak():
    # Not ru_maxrss: that one begins with the peak of the process that started this one.
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return int(status["VmHWM"].split()[0]) // 1024

folder = Path(sys.argv[1])
figures = {}
for name in ("short", "long"):
    report = import_recording(folder / name, "binance-ws", [folder / f"{name}.txt"],
                              find_instrument("binance-usdm", "BTCUSDT"))
    figures[f"{name} import"] = report["quality"]["rows"], peak()
for name in ("short", "long"):
    datasets = Store(folder / name).datasets()
    figures[f"{name} feed"] = sum(len(window.local) for window in windows(datasets)), peak()
print(json.dumps(figures))
"""


def recording(path: Path, updates: int) -> None:
    """One depth update of 80 levels every 10 ms, always the same levels; prices as on the venue."""
    levels = [[f"{60_000 + i}.10", f"{i}.500"] for i in range(1, 41)]
    sides = json.dumps({"b": levels, "a": levels}, separators=(",", ":"))[1:]
    start = 1_723_161_253_000_000_000
    with path.open("w") as file:
        file.write(f'{start} {{"lastUpdateId":0,"bids":[["60000.00","1"]],"asks":[["70000.00","1"]]}}\n')
        for i in range(1, updates + 1):
            local = start + i * 10**7
            ids = f'"E":{local // 10**6 - 3},"T":{local // 10**6 - 3},"s":"BTCUSDT","U":{i},"u":{i},"pu":{i - 1}'
            file.write(f'{local} {{"stream":"btcusdt@depth@0ms","data":{{{ids},{sides}}}\n')


def test_peak_memory_does_not_grow_with_the_recording(tmp_path: Path) -> None:
    recording(tmp_path / "short.txt", 12_000)
    recording(tmp_path / "long.txt", 40_000)
    child = subprocess.run([sys.executable, "-c", CHILD, tmp_path], capture_output=True, text=True, check=True)
    found = json.loads(child.stdout)
    assert found["long import"][0] == found["long feed"][0] == 2 + 1 + 40_000 * 80
    assert found["long import"][1] < found["short import"][1] + 40
    assert found["long import"][1] < 400, "the compiler's own memory included, if it has to compile"
    assert found["long feed"][1] < found["short feed"][1] + 40
    assert found["long feed"][1] < 600
