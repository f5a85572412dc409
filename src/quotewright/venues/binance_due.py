"""When an adapter has something to do next: parts say by when, and are all asked again when the time has come."""

from __future__ import annotations

NEVER = 2**63 - 1


class Due:
    """The earliest of the times said; too early is harmless, too late is not."""

    def __init__(self) -> None:
        self.at = NEVER

    def by(self, time: int) -> None:
        """Something is to be done by then."""
        if time < self.at:
            self.at = time
