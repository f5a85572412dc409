"""The first tables, and the triggers that keep rows as they were written."""

from __future__ import annotations

import sqlalchemy as sql
from alembic import op

from quotewright.lineage.schema import HASH, JSON

revision = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None

_TABLES = ("models", "parents", "approvals", "studies", "trials", "results")


def upgrade() -> None:
    """Make the tables of an empty database."""
    op.create_table(
        "models",
        sql.Column("hash", sql.String(HASH), nullable=False),
        sql.Column("name", sql.Text, nullable=False),
        sql.Column("artefact", sql.String(HASH), nullable=False),
        sql.Column("size", sql.BigInteger, nullable=False),
        sql.Column("dataset", sql.Text, nullable=False),
        sql.Column("features", sql.Text, nullable=False),
        sql.Column("code", sql.Text, nullable=False),
        sql.Column("seed", sql.BigInteger, nullable=False),
        sql.Column("params", JSON, nullable=False),
        sql.Column("metrics", JSON, nullable=False),
        sql.Column("at", sql.String(32), nullable=False),
        sql.PrimaryKeyConstraint("hash", name="pk_models"),
    )
    op.create_index("ix_models_name", "models", ["name"])
    op.create_index("ix_models_dataset", "models", ["dataset"])
    op.create_table(
        "parents",
        sql.Column("child", sql.String(HASH), nullable=False),
        sql.Column("parent", sql.String(HASH), nullable=False),
        sql.ForeignKeyConstraint(["child"], ["models.hash"], name="fk_parents_child"),
        sql.ForeignKeyConstraint(["parent"], ["models.hash"], name="fk_parents_parent"),
        sql.PrimaryKeyConstraint("child", "parent", name="pk_parents"),
    )
    op.create_index("ix_parents_parent", "parents", ["parent"])
    op.create_table(
        "approvals",
        sql.Column("id", sql.Integer, nullable=False),
        sql.Column("model", sql.String(HASH), nullable=False),
        sql.Column("who", sql.Text, nullable=False),
        sql.Column("approved", sql.Boolean, nullable=False),
        sql.Column("note", sql.Text, nullable=False),
        sql.Column("at", sql.String(32), nullable=False),
        sql.ForeignKeyConstraint(["model"], ["models.hash"], name="fk_approvals_model"),
        sql.PrimaryKeyConstraint("id", name="pk_approvals"),
    )
    op.create_index("ix_approvals_model", "approvals", ["model"])
    op.create_table(
        "studies",
        sql.Column("id", sql.Integer, nullable=False),
        sql.Column("name", sql.Text, nullable=False),
        sql.Column("dataset", sql.Text, nullable=False),
        sql.Column("spec", JSON, nullable=False),
        sql.Column("at", sql.String(32), nullable=False),
        sql.PrimaryKeyConstraint("id", name="pk_studies"),
        sql.UniqueConstraint("name", name="uq_studies_name"),
    )
    op.create_table(
        "trials",
        sql.Column("id", sql.Integer, nullable=False),
        sql.Column("dataset", sql.Text, nullable=False),
        sql.Column("source", sql.Text, nullable=False),
        sql.Column("study", sql.Integer, nullable=True),
        sql.Column("number", sql.Integer, nullable=True),
        sql.Column("state", sql.String(16), nullable=False),
        sql.Column("params", JSON, nullable=False),
        sql.Column("metrics", JSON, nullable=False),
        sql.Column("sharpe", sql.Double, nullable=True),
        sql.Column("sharpe_stderr", sql.Double, nullable=True),
        sql.Column("at", sql.String(32), nullable=False),
        sql.ForeignKeyConstraint(["study"], ["studies.id"], name="fk_trials_study"),
        sql.PrimaryKeyConstraint("id", name="pk_trials"),
        sql.UniqueConstraint("study", "number", name="uq_trials_study"),
    )
    op.create_index("ix_trials_dataset", "trials", ["dataset"])
    op.create_table(
        "results",
        sql.Column("id", sql.Integer, nullable=False),
        sql.Column("name", sql.Text, nullable=False),
        sql.Column("study", sql.Integer, nullable=True),
        sql.Column("model", sql.String(HASH), nullable=True),
        sql.Column("document", JSON, nullable=False),
        sql.Column("at", sql.String(32), nullable=False),
        sql.ForeignKeyConstraint(["study"], ["studies.id"], name="fk_results_study"),
        sql.ForeignKeyConstraint(["model"], ["models.hash"], name="fk_results_model"),
        sql.PrimaryKeyConstraint("id", name="pk_results"),
    )
    op.create_index("ix_results_name", "results", ["name"])
    if op.get_bind().dialect.name == "postgresql":
        _keep_rows_in_postgresql()
    else:
        _keep_rows_in_sqlite()


def _keep_rows_in_sqlite() -> None:
    for table in _TABLES:
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, 'rows of {table} are never changed'); END"
            )


def _keep_rows_in_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'rows of % are never changed', TG_TABLE_NAME; END $$"
    )
    for table in _TABLES:
        op.execute(
            f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
