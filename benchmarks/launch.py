"""Run a command and write what it used: `launch.py USAGE.json COMMAND…`.

A process's peak of resident memory begins with that of the process it was started from, so a large one must start
others through this small one.
"""

import json
import os
import subprocess
import sys
import time

began = time.perf_counter()
started = subprocess.Popen(sys.argv[2:])
_, status, usage = os.wait4(started.pid, 0)
used = {
    "status": os.waitstatus_to_exitcode(status),
    "cpu": usage.ru_utime + usage.ru_stime,
    "wall": time.perf_counter() - began,
    "peak_mb": usage.ru_maxrss * 1024 / 1e6,
}
with open(sys.argv[1], "w", encoding="utf-8") as file:  # noqa: PTH123 (pathlib would be most of this process)
    json.dump(used, file)
