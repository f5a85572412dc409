"""A running Dask cluster, by its scheduler's address: connecting, taking results, and saying what was lost."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from concurrent.futures import CancelledError
from typing import Any

from quotewright.domain.errors import HaltError, InputError, MissingExtraError

PATIENCE = 30  # seconds to wait for the scheduler, and for a first worker


class Cluster:
    """The cluster whose scheduler is at an address. Raises MissingExtraError without the package distributed."""

    def __init__(self, address: str) -> None:
        try:
            self.distributed: Any = importlib.import_module("distributed")
        except ImportError:
            raise MissingExtraError("work on a cluster needs Dask: pip install 'quotewright[dask]'") from None
        self._address = address

    def connected(self) -> Any:
        """A client of its own, to be closed; InputError if the scheduler cannot be reached or has no workers."""
        try:
            client = self.distributed.Client(self._address, timeout=PATIENCE, set_as_default=False)
        except (OSError, ValueError) as error:  # TimeoutError is an OSError; ValueError: not an address
            raise InputError("scheduler", self._address, f"cannot be reached: {error}") from error
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError:
            client.close()
            raise InputError("scheduler", self._address, f"has had no workers for {PATIENCE} s; start some") from None
        return client

    def gathered(self, future: Any) -> Any:
        """What a task gave; HaltError if it killed every worker that it was given to, or the scheduler is lost."""
        try:
            return future.result()
        except self.distributed.KilledWorker as error:
            raise HaltError(f"{error}; what is done is kept") from error
        except (CancelledError, self.distributed.comm.CommClosedError) as error:
            raise HaltError(
                f"the scheduler at {self._address} was lost ({error}); what is done is kept: start it again, then "
                "the same command"
            ) from error

    def let_go(self, client: Any, futures: Sequence[Any]) -> None:
        """Cancel what nobody waits for any more; a scheduler that was lost has forgotten it already."""
        try:
            client.cancel(list(futures))
        except (CancelledError, OSError):
            return
