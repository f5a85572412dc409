"""Studies by name: what each set out to do, so that it can go on, and the documents that came of them."""

from __future__ import annotations

import fcntl
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sql
from sqlalchemy import exc

from quotewright.domain.errors import InputError
from quotewright.lineage.database import Database
from quotewright.lineage.documents import canonical, differences, now, plain
from quotewright.lineage.schema import RESULTS, STUDIES


@dataclass(frozen=True)
class Study:
    """A study: its number in the registry, its name, the hash of its dataset, and all that decides its results."""

    id: int
    name: str
    dataset: str
    spec: Mapping[str, Any]
    at: str


@dataclass(frozen=True)
class Result:
    """One document under a name, of a study or a model or neither."""

    name: str
    document: Any
    study: int | None
    model: str | None
    at: str


class Studies:
    """The studies and results of one registry; `folder` holds the locks of those at work."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder

    def begin(self, name: str, dataset: str, spec: Mapping[str, Any]) -> Study:
        """Begin a study, or go on with it; raises InputError naming what differs if its name stands for another."""
        if not name or not dataset:
            raise InputError("study", (name, dataset), "needs a name and the hash of a dataset")
        wanted = plain(spec, "spec")
        known = self.find(name)
        if known is None:
            try:
                with self._database.writing() as connection:
                    row = {"name": name, "dataset": dataset, "spec": wanted, "at": now()}
                    connection.execute(sql.insert(STUDIES), row)
            except exc.IntegrityError:  # another process was quicker
                pass
            known = self.find(name)
            assert known is not None
        if known.dataset != dataset or canonical(known.spec) != canonical(wanted):
            other = differences({"dataset": known.dataset, **known.spec}, {"dataset": dataset, **wanted})
            which = ", ".join(f"{each.name}: {_short(each.a)}, now {_short(each.b)}" for each in other)
            raise InputError("study", name, f"was begun otherwise ({which}); give this one another name")
        return known

    def find(self, name: str) -> Study | None:
        """The study of a name, if there is one."""
        found = self._where(STUDIES.c.name == name)
        return found[0] if found else None

    def all(self) -> list[Study]:
        """All studies, oldest first."""
        return self._where()

    @contextmanager
    def at_work(self, study: Study) -> Generator[None]:
        """Hold a study for this process; raises InputError if another one has it. A process that dies lets go."""
        with (self._folder / f".study-{study.id}.lock").open("wb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InputError("study", study.name, "is at work in another process") from None
            yield

    def keep_result(self, name: str, document: Any, *, study: Study | None = None, model: str | None = None) -> None:
        """Keep a document under a name; those before it stay. Raises InputError for an unknown model (whole hash)."""
        row = {
            "name": name,
            "document": plain(document),
            "study": study.id if study else None,
            "model": model,
            "at": now(),
        }
        try:
            with self._database.writing() as connection:
                connection.execute(sql.insert(RESULTS), row)
        except exc.IntegrityError:
            raise InputError("model", model, "is not in this registry, nor its study") from None

    def results(self, name: str) -> list[Result]:
        """The documents of a name, oldest first."""
        query = sql.select(RESULTS).where(RESULTS.c.name == name).order_by(RESULTS.c.id)
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return [Result(**{key: value for key, value in row.items() if key != "id"}) for row in rows]

    def _where(self, *conditions: sql.ColumnElement[bool]) -> list[Study]:
        query = sql.select(STUDIES).where(*conditions).order_by(STUDIES.c.id)
        with self._database.reading() as connection:
            return [Study(**row) for row in connection.execute(query).mappings()]


def _short(value: Any) -> str:
    text = canonical(value)
    return text if len(text) <= 20 else f"{text[:17]}…"
