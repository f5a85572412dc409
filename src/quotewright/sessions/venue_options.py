"""How the replay venue of a session behaves: queue model and order latency."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from quotewright.domain.errors import InputError
from quotewright.simulation.state import QUEUE_MODELS, Latency

MILLISECOND = 1_000_000


@dataclass(frozen=True)
class VenueOptions:
    """How the replay venue behaves. Latencies in ns; the defaults are the most conservative choices.

    `latency_file` is a CSV with the columns entry_ns,response_ns (a table to draw from), or
    ts,entry_ns,response_ns (a recorded series; ts in ns since the epoch).
    """

    queue_model: str = "risk-averse"
    power: float = 2.0
    entry_latency_ns: int = 5 * MILLISECOND
    response_latency_ns: int = 5 * MILLISECOND
    latency_file: str = ""

    def __post_init__(self) -> None:
        if self.queue_model not in QUEUE_MODELS:
            raise InputError("queue-model", self.queue_model, f"must be one of {', '.join(QUEUE_MODELS)}")
        if not 0 < self.power <= 100:
            raise InputError("power", self.power, "must lie in (0, 100]")
        for name in ("entry_latency_ns", "response_latency_ns"):
            if not 0 <= getattr(self, name) <= 60 * 10**9:
                option = name.removesuffix("_ns").replace("_", "-")
                raise InputError(option, f"{getattr(self, name)}ns", "must lie between 0 and 60s")

    def latency(self) -> Latency:
        """The latency model; raises InputError for an unreadable file."""
        if not self.latency_file:
            return Latency.constant(self.entry_latency_ns, self.response_latency_ns)
        return read_latency(Path(self.latency_file))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a run's record."""
        return asdict(self)


def read_latency(path: Path) -> Latency:
    """Order latencies from a CSV file; see VenueOptions."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("latency-file", str(path), f"cannot be read: {error}") from error
    header = tuple(lines[0].strip().split(",")) if lines else ()
    if header not in (("entry_ns", "response_ns"), ("ts", "entry_ns", "response_ns")):
        raise InputError("latency-file", str(path), "must begin with entry_ns,response_ns or ts,entry_ns,response_ns")
    rows: list[list[int]] = []
    for number, line in enumerate(lines[1:], 2):
        try:
            rows.append([int(cell) for cell in line.split(",")])
        except ValueError:
            raise InputError("latency-file", line, f"line {number} of {path} is not whole numbers") from None
        if len(rows[-1]) != len(header) or min(rows[-1]) < 0:
            raise InputError("latency-file", line, f"line {number} of {path} needs {len(header)} numbers of 0 or more")
    if not rows:
        raise InputError("latency-file", str(path), "has no rows")
    table = np.array(rows, dtype=np.int64)
    at = table[:, 0].copy() if len(header) == 3 else np.zeros(0, np.int64)
    if len(at) and (np.diff(at) < 0).any():
        raise InputError("latency-file", str(path), "its ts column goes back")
    return Latency(table[:, -2].copy(), table[:, -1].copy(), at)
