"""Who makes the trials of a batch: this process, or the workers of a Dask cluster."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from quotewright.domain.errors import InputError, QuotewrightError
from quotewright.lineage.code import code_of, definition_of
from quotewright.sessions.cluster import Cluster
from quotewright.tuning.outcome import Asked, Bars, Evaluate, EvaluatesMany, Outcome, through_folds
from quotewright.tuning.search import Search

Run = Callable[[Sequence[Asked], Bars], Iterator[Outcome]]  # a batch, yielded in any order


class Job(NamedTuple):
    """What all trials of a study share."""

    evaluate: Evaluate | EvaluatesMany
    folds: Sequence[Any]
    search: Search


class Workers(Protocol):
    """Makes trials; an outcome depends on the job, the trial and the bars, not on who made it."""

    def at(self, job: Job) -> AbstractContextManager[Run]:
        """Ready for the batches of one study."""
        ...


class Local:
    """Trials in this process; an evaluation that takes many sets gets the whole batch at once."""

    @contextmanager
    def at(self, job: Job) -> Generator[Run]:
        """Ready at once."""

        def run(asked: Sequence[Asked], bars: Bars) -> Iterator[Outcome]:
            together = isinstance(job.evaluate, EvaluatesMany)
            for part in [asked] if together else [[each] for each in asked]:
                yield from through_folds(job.evaluate, part, job.folds, job.search, bars)

        yield run


@dataclass(frozen=True)
class DaskWorkers:
    """Trials on the workers of a running Dask cluster, one by one, by the scheduler's address.

    The evaluation travels once, by value with the module that defines it: large data it should open on the worker. A
    worker that is lost costs its trial, which another one makes again.
    """

    address: str

    @contextmanager
    def at(self, job: Job) -> Generator[Run]:
        """Connect; InputError if the scheduler cannot be reached or has no workers, MissingExtraError without Dask."""
        cluster = Cluster(self.address)
        blob = _by_value(job)
        with cluster.connected() as client:
            held = client.submit(_unpacked, blob, code_of(), pure=False)  # made again from the blob if it is lost

            def run(asked: Sequence[Asked], bars: Bars) -> Iterator[Outcome]:
                futures = [client.submit(_one, held, each, bars, pure=False) for each in asked]
                try:
                    for future in cluster.distributed.as_completed(futures, loop=client.loop):
                        answer = cluster.gathered(future)
                        if isinstance(answer, _Refused):
                            raise answer.error()
                        yield answer
                finally:
                    cluster.let_go(client, futures)

            yield run


@dataclass(frozen=True)
class _Refused:
    """An error of ours as a worker sends it: errors that take several arguments cannot be pickled as they are."""

    kind: type[QuotewrightError]
    text: str
    fields: dict[str, Any]

    def error(self) -> QuotewrightError:
        made = self.kind.__new__(self.kind, self.text)
        made.__dict__.update(self.fields)
        return made


def _unpacked(blob: bytes, code: str) -> Job | _Refused:
    """On a worker: the job, if it runs the code that the study was begun with."""
    if code_of() != code:
        return _Refused(InputError, f"scheduler: a worker runs other code ({code_of()[:12]}) than {code[:12]}", {})
    return importlib.import_module("cloudpickle").loads(blob)


def _one(job: Job | _Refused, asked: Asked, bars: Bars) -> Outcome | _Refused:
    """On a worker: one trial."""
    if isinstance(job, _Refused):
        return job
    try:
        return next(through_folds(job.evaluate, [asked], job.folds, job.search, bars))
    except QuotewrightError as error:
        return _Refused(type(error), str(error), dict(vars(error)))


def _by_value(job: Job) -> bytes:
    """The job pickled with the code of the module that defines the evaluation: a worker need not have that module."""
    cloudpickle = importlib.import_module("cloudpickle")
    evaluate = job.evaluate.many if isinstance(job.evaluate, EvaluatesMany) else job.evaluate
    module = inspect.getmodule(definition_of(evaluate))
    if module is None or module.__name__.partition(".")[0] in ("quotewright", "__main__"):  # __main__ goes by value
        return cloudpickle.dumps(job)
    cloudpickle.register_pickle_by_value(module)
    try:
        return cloudpickle.dumps(job)
    finally:
        cloudpickle.unregister_pickle_by_value(module)
