"""A search killed with SIGKILL half-way, again and again, ends with the table of one that was not."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from searching import DATASET, tuned

from quotewright.lineage.registry import Registry

TRIALS = 36
RUN = """
import sys, time
sys.path.insert(0, sys.argv[1])
import searching
def heard(done, total):
    print(done, flush=True)
    time.sleep(0.02)
searching.tuned(searching.Path(sys.argv[2]), trials=36, prune_after=4, progress=heard)
"""


def test_killed_at_any_moment_it_ends_with_the_same_table_and_as_many_trials(tmp_path: Path) -> None:
    whole = tuned(tmp_path / "whole", trials=TRIALS, prune_after=4).table()
    begun = 0
    for stop in (5, 21):
        command = [sys.executable, "-c", RUN, str(Path(__file__).parent), str(tmp_path / "killed")]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        first = int(process.stdout.readline())
        assert first >= begun
        for line in process.stdout:
            if int(line) >= stop:
                break
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        process.stdout.close()
        begun = stop
    resumed = tuned(tmp_path / "killed", trials=TRIALS, prune_after=4)
    assert 21 <= resumed.resumed < TRIALS
    assert resumed.table().equals(whole)
    with Registry(tmp_path / "killed") as registry:
        assert registry.trials.of_dataset(DATASET).count == TRIALS
