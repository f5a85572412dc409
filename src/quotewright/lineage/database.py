"""Connections to the registry's database: SQLite in WAL mode, or PostgreSQL; writers wait for each other."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sql
from sqlalchemy import event, exc

from quotewright.domain.errors import DataError, InputError, MissingExtraError
from quotewright.lineage.migrate import HEAD, revision_of, upgrade

DRIVERS = ("sqlite", "postgresql")
PATIENCE = 60  # seconds that a writer waits for another


class Database:
    """A database at the current revision; `reading` and `writing` give a connection in a transaction.

    `url` is SQLAlchemy's, such as postgresql+psycopg://host/name. Raises InputError for one that cannot be used or
    reached, is newer than this code, or another program's; MissingExtraError without the driver; DataError for a
    damaged file.
    """

    def __init__(self, url: str) -> None:
        try:
            address = sql.make_url(url)
        except exc.ArgumentError:
            raise InputError("registry", url, "write it as postgresql+psycopg://host/name") from None
        self.where = address.render_as_string(hide_password=True)
        if address.get_backend_name() not in DRIVERS:
            raise InputError("registry", self.where, f"must be one of {', '.join(DRIVERS)}")
        try:
            self._engine = _sqlite(address) if address.get_backend_name() == "sqlite" else sql.create_engine(address)
        except ImportError as error:
            raise MissingExtraError(f"{self.where} needs a driver: pip install '{error.name}[binary]'") from None
        with self.reading() as connection:
            current = revision_of(connection) == HEAD
        if not current:
            with self.writing() as connection:
                upgrade(connection, self.where)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Generator[sql.Connection]:
        """A connection that sees one state of the database."""
        with self._told(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Generator[sql.Connection]:
        """A connection in a transaction, written when the block ends, undone if it raises.

        On SQLite it holds the write lock from its beginning, so that what it reads first is still true when it writes.
        """
        with self._told(), self._engine.connect().execution_options(writes=True) as connection, connection.begin():
            yield connection

    @contextmanager
    def _told(self) -> Generator[None]:
        try:
            yield
        except exc.OperationalError as error:
            raise InputError("registry", self.where, f"cannot be used: {_first_line(error)}") from error
        except exc.DatabaseError as error:
            if isinstance(error, exc.IntegrityError | exc.ProgrammingError):
                raise
            raise DataError(f"{self.where}: {_first_line(error)}") from error


def sqlite_url(path: Path) -> str:
    """The URL of a database file."""
    return sql.URL.create("sqlite", database=str(path)).render_as_string()


def _sqlite(address: sql.URL) -> sql.Engine:
    """An engine that opens transactions itself: the driver's own begin late, and leave tables outside."""
    engine = sql.create_engine(address, connect_args={"timeout": PATIENCE})

    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for setting in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {setting}").close()

    def on_begin(connection: sql.Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)
    return engine


def _first_line(error: exc.DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
