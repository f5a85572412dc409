"""A database brought to the revision that this code knows; one that is newer is refused.

The migrations are modules of this package (`migration_NNNN`), given to Alembic as such: an installed wheel has them, no
folder of scripts or configuration file has to be found.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import sqlalchemy as sql
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from alembic.script.revision import RevisionMap

from quotewright.domain.errors import InputError
from quotewright.lineage import migration_0001
from quotewright.lineage.schema import METADATA

MIGRATIONS: tuple[ModuleType, ...] = (migration_0001,)  # in order
HEAD: str = MIGRATIONS[-1].revision
_OPTIONS: dict[str, Any] = {"version_table": "registry_revision", "transactional_ddl": True}
_LOCK = 0x71775F726567  # any number that no other program's advisory lock has


def revision_of(connection: sql.Connection) -> str | None:
    """The revision of the database; None for an empty one."""
    return MigrationContext.configure(connection, opts=_OPTIONS).get_current_revision()


def upgrade(connection: sql.Connection, where: str) -> None:
    """Bring the database to HEAD inside the connection's transaction; concurrent openers wait for each other.

    Raises InputError naming `where` if the database has a revision that this code does not know, or tables of its names
    that it did not make.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sql.select(sql.func.pg_advisory_xact_lock(_LOCK)))
    found = revision_of(connection)
    if found == HEAD:
        return
    known = [migration.revision for migration in MIGRATIONS]
    if found is not None and found not in known:
        raise InputError(
            "registry", where, f"has revision {found}; this version knows up to {HEAD}: upgrade quotewright"
        )
    foreign = sorted(set(METADATA.tables) & set(sql.inspect(connection).get_table_names())) if found is None else []
    if foreign:
        raise InputError("registry", where, f"has tables of another program ({', '.join(foreign)}): give it its own")
    scripts = _scripts()

    def steps(rev: Any, _context: Any) -> Any:
        return scripts._upgrade_revs("head", rev)  # pyright: ignore[reportPrivateUsage]  # as alembic.command.upgrade

    with EnvironmentContext(Config(), scripts, fn=steps, destination_rev="head") as environment:
        environment.configure(connection=connection, target_metadata=METADATA, **_OPTIONS)
        environment.run_migrations()


def _scripts() -> ScriptDirectory:
    """Alembic's view of the migrations."""
    scripts = ScriptDirectory(".")  # no file in it is read
    scripts.revision_map = RevisionMap(
        lambda: [Script(migration, migration.revision, str(migration.__file__)) for migration in MIGRATIONS]
    )
    return scripts
