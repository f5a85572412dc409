"""The database: up from empty on both kinds, the tables are those of the code, a newer one is refused, rows stay."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sql
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import exc

from quotewright.domain.errors import DataError, InputError, MissingExtraError
from quotewright.lineage.database import Database
from quotewright.lineage.migrate import HEAD, MIGRATIONS, revision_of
from quotewright.lineage.registry import Registry
from quotewright.lineage.schema import METADATA
from quotewright.lineage.trials import Trial

TABLES = set(METADATA.tables)


def test_migrations_form_one_line_from_empty_to_head() -> None:
    assert [m.down_revision for m in MIGRATIONS] == [None, *(m.revision for m in MIGRATIONS[:-1])]
    assert MIGRATIONS[-1].revision == HEAD


def test_an_empty_database_gets_the_tables_of_the_code_and_no_others(url: str) -> None:
    Database(url).close()
    engine = sql.create_engine(url)
    assert set(sql.inspect(engine).get_table_names()) == TABLES | {"registry_revision"}
    with engine.connect() as connection:
        assert revision_of(connection) == HEAD
        options = {"version_table": "registry_revision", "compare_type": True, "compare_server_default": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), METADATA) == []
    engine.dispose()


def test_the_comparison_sees_what_a_migration_forgot(url: str) -> None:
    Database(url).close()
    engine = sql.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sql.text("DROP INDEX ix_trials_dataset"))
        connection.execute(sql.text("ALTER TABLE studies ADD COLUMN more TEXT"))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "registry_revision"})
        found = {entry[0] for entry in compare_metadata(context, METADATA)}
    assert found == {"add_index", "remove_column"}
    engine.dispose()


def test_opening_again_changes_nothing_and_a_newer_database_is_refused(url: str) -> None:
    Database(url).close()
    Database(url).close()
    engine = sql.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sql.text("UPDATE registry_revision SET version_num = '9999'"))
    with pytest.raises(InputError, match=rf"has revision 9999; this version knows up to {HEAD}: upgrade quotewright"):
        Database(url)
    with engine.connect() as connection:
        assert revision_of(connection) == "9999"
    engine.dispose()


def test_a_database_with_tables_of_another_program_is_left_alone(url: str) -> None:
    engine = sql.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sql.text("CREATE TABLE models (id INTEGER)"))
    with pytest.raises(InputError, match=r"has tables of another program \(models\): give it its own"):
        Database(url)
    assert sql.inspect(engine).get_table_names() == ["models"]
    engine.dispose()


@pytest.mark.parametrize("change", ["UPDATE trials SET sharpe = 9", "DELETE FROM trials", "DELETE FROM approvals"])
def test_the_database_itself_keeps_rows_as_they_were_written(url: str, tmp_path: Path, change: str) -> None:
    with Registry(tmp_path, url) as registry:
        registry.trials.record("data", "by hand", [Trial({"a": 1}, sharpe=0.1, sharpe_stderr=0.2)])
        made = {"dataset": "d", "features": "f", "code": "c", "seed": 1, "params": {}, "metrics": {}}
        registry.models.approve(registry.models.register("m", b"x", **made).hash, "ann", "seen")
        engine = sql.create_engine(url)
        with pytest.raises(exc.DatabaseError, match="are never changed"), engine.begin() as connection:
            connection.execute(sql.text(change))
        engine.dispose()
        assert registry.trials.of_dataset("data").sharpes == (0.1,)


WRITER = """
import sys
from pathlib import Path
from quotewright.lineage.registry import Registry
from quotewright.lineage.trials import Trial
folder, url, name = sys.argv[1:]
with Registry(Path(folder), url) as registry:
    for n in range(30):
        registry.trials.record("data", name, [Trial({"n": n}, sharpe=n / 7, sharpe_stderr=0.1)])
"""


def test_two_processes_that_make_the_database_and_record_at_once_lose_nothing(url: str, tmp_path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), url, name], stderr=subprocess.PIPE)
        for name in ("first", "second")
    ]
    for writer in writers:
        errors = writer.communicate(timeout=60)[1]
        assert writer.returncode == 0, errors.decode()
    with Registry(tmp_path, url) as registry:
        found = registry.trials.of_dataset("data")
    assert found.count == 60
    assert sorted(zip(found.sources, found.sharpes, strict=True)) == [
        (name, n / 7) for name in ("first", "second") for n in range(30)
    ]


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ("nonsense", "write it as postgresql"),
        ("mysql://host/name", "must be one of sqlite, postgresql"),
        ("sqlite:////nowhere/at/all/registry.sqlite", "cannot be used"),
    ],
)
def test_what_is_no_database_is_an_input_error(wrong: str, match: str) -> None:
    with pytest.raises(InputError, match=match):
        Database(wrong)


def test_a_server_that_is_not_there_is_told_without_the_password() -> None:
    pytest.importorskip("psycopg", reason="the driver of PostgreSQL is not installed")
    with pytest.raises(InputError, match="cannot be used") as caught:
        Database("postgresql+psycopg://ann:placeholder@127.0.0.1:1/desk")
    assert "placeholder" not in str(caught.value)


def test_a_driver_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'psycopg\[binary\]'"):
        Database("postgresql+psycopg://127.0.0.1/desk")


def test_a_file_that_is_no_database_is_a_data_error(tmp_path: Path) -> None:
    (tmp_path / "registry.sqlite").write_bytes(b"not a database at all" * 100)
    with pytest.raises(DataError, match="file is not a database"):
        Registry(tmp_path)


def test_a_folder_that_is_a_file_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "registry").write_bytes(b"")
    with pytest.raises(InputError, match="is not a folder"):
        Registry(tmp_path / "registry")


def test_without_the_extra_the_command_that_installs_it_is_named() -> None:
    code = (
        "import sys; sys.modules['alembic'] = None\n"
        "from quotewright.domain.errors import MissingExtraError\n"
        "try: import quotewright.lineage.registry\n"
        "except MissingExtraError as error: print(error)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "pip install 'quotewright[research]'" in told
