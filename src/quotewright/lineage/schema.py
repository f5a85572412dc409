"""The registry's tables. Rows are written once and never changed: triggers in the database hold that.

Times are UTC as ISO 8601 text of fixed width, so that they sort as text and read the same on every database. Documents
are JSON text; numbers in them keep their exact value, those that are not finite are null.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sql

HASH = 64  # hexadecimal digits of a SHA-256
JSON: sql.types.TypeEngine[Any] = sql.JSON()

# One name for each kind of constraint on every database, so that a migration can name what it changes.
METADATA = sql.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

MODELS = sql.Table(
    "models",
    METADATA,
    sql.Column("hash", sql.String(HASH), primary_key=True),
    sql.Column("name", sql.Text, nullable=False, index=True),
    sql.Column("artefact", sql.String(HASH), nullable=False),
    sql.Column("size", sql.BigInteger, nullable=False),
    sql.Column("dataset", sql.Text, nullable=False, index=True),
    sql.Column("features", sql.Text, nullable=False),
    sql.Column("code", sql.Text, nullable=False),
    sql.Column("seed", sql.BigInteger, nullable=False),
    sql.Column("params", JSON, nullable=False),
    sql.Column("metrics", JSON, nullable=False),
    sql.Column("at", sql.String(32), nullable=False),
)

PARENTS = sql.Table(
    "parents",
    METADATA,
    sql.Column("child", sql.String(HASH), sql.ForeignKey("models.hash"), primary_key=True),
    sql.Column("parent", sql.String(HASH), sql.ForeignKey("models.hash"), primary_key=True, index=True),
)

APPROVALS = sql.Table(
    "approvals",
    METADATA,
    sql.Column("id", sql.Integer, primary_key=True),
    sql.Column("model", sql.String(HASH), sql.ForeignKey("models.hash"), nullable=False, index=True),
    sql.Column("who", sql.Text, nullable=False),
    sql.Column("approved", sql.Boolean, nullable=False),
    sql.Column("note", sql.Text, nullable=False),
    sql.Column("at", sql.String(32), nullable=False),
)

STUDIES = sql.Table(
    "studies",
    METADATA,
    sql.Column("id", sql.Integer, primary_key=True),
    sql.Column("name", sql.Text, nullable=False, unique=True),
    sql.Column("dataset", sql.Text, nullable=False),
    sql.Column("spec", JSON, nullable=False),
    sql.Column("at", sql.String(32), nullable=False),
)

TRIALS = sql.Table(
    "trials",
    METADATA,
    sql.Column("id", sql.Integer, primary_key=True),
    sql.Column("dataset", sql.Text, nullable=False, index=True),
    sql.Column("source", sql.Text, nullable=False),
    sql.Column("study", sql.Integer, sql.ForeignKey("studies.id"), nullable=True),
    sql.Column("number", sql.Integer, nullable=True),
    sql.Column("state", sql.String(16), nullable=False),
    sql.Column("params", JSON, nullable=False),
    sql.Column("metrics", JSON, nullable=False),
    sql.Column("sharpe", sql.Double, nullable=True),
    sql.Column("sharpe_stderr", sql.Double, nullable=True),
    sql.Column("at", sql.String(32), nullable=False),
    sql.UniqueConstraint("study", "number"),
)

RESULTS = sql.Table(
    "results",
    METADATA,
    sql.Column("id", sql.Integer, primary_key=True),
    sql.Column("name", sql.Text, nullable=False, index=True),
    sql.Column("study", sql.Integer, sql.ForeignKey("studies.id"), nullable=True),
    sql.Column("model", sql.String(HASH), sql.ForeignKey("models.hash"), nullable=True),
    sql.Column("document", JSON, nullable=False),
    sql.Column("at", sql.String(32), nullable=False),
)
