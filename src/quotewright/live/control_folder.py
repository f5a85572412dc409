"""Commands to a running session as files: `control/NAME.json` in, `control/NAME.answer` out; `stop` holds a stop.

A file is written under another name first and moved, so that nobody reads half of one.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from quotewright.domain.errors import InputError, PauseError
from quotewright.live.stops import GRAVITY

FOLDER = "control"
STOP_FILE = "stop"
_TAKEN = ".stop.taken"


@dataclass
class Waiting:
    """A command to carry out."""

    word: dict[str, Any]
    path: Path

    def answer(self, result: dict[str, Any]) -> None:
        """Say what became of it, and take it away."""
        _write(self.path.with_suffix(".answer"), result)
        self.path.unlink(missing_ok=True)


class ControlFolder:
    """The session's side. Commands from before it began are removed, for nobody waits for them; a stop is obeyed."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._folder = out / FOLDER
        self._folder.mkdir(exist_ok=True)
        for old in self._folder.iterdir():
            old.unlink(missing_ok=True)

    def waiting(self) -> list[Waiting]:
        """Commands that came in, oldest first; what cannot be read is answered as such."""
        found: list[Waiting] = []
        for path in sorted(self._folder.glob("*.json")):
            try:
                word = json.loads(path.read_bytes())
            except (OSError, ValueError, RecursionError) as error:
                Waiting({}, path).answer({"ok": False, "error": f"not readable as JSON: {error}"})
                continue
            if not isinstance(word, dict):
                Waiting({}, path).answer({"ok": False, "error": "must be a JSON object"})
                continue
            found.append(Waiting(cast(dict[str, Any], word), path))
        return found

    def stops(self) -> Iterator[str]:
        """The stop that the file `stop` asks for, if any; an unreadable word is taken as the safest one, cancel.

        It is gone once the caller comes back for the next: by then the stop is in the log, and outlives the process.
        """
        path, taken = self._out / STOP_FILE, self._out / _TAKEN
        if not taken.exists():
            if not path.is_file():
                return
            try:
                path.replace(taken)  # a graver word that comes in the meantime is a file of its own
            except FileNotFoundError:
                return
        try:
            word = taken.read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            word = ""
        yield word if word in GRAVITY else "cancel"
        taken.unlink(missing_ok=True)


def ask(out: Path, word: dict[str, Any], *, patience: float = 10.0) -> dict[str, Any]:
    """Give a running session a command and wait for its answer; raises InputError, PauseError if none answers."""
    folder = out / FOLDER
    if not folder.is_dir():
        raise InputError("session", str(out), "is not the folder of a running session")
    path = folder / f"{time.time_ns()}-{os.getpid()}.json"
    _write(path, word)
    answer = path.with_suffix(".answer")
    deadline = time.monotonic() + patience
    while not answer.exists():
        if time.monotonic() > deadline:
            path.unlink(missing_ok=True)
            raise PauseError(f"the session in {out} does not answer within {patience:g} s; does it still run?")
        time.sleep(0.02)
    found = json.loads(answer.read_bytes())
    answer.unlink(missing_ok=True)
    return found


def _write(path: Path, content: dict[str, Any]) -> None:
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(json.dumps(content), encoding="utf-8")
    draft.replace(path)
