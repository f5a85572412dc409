"""Models by content hash: what each was made of, what it scored, who approved it, and what it came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sql
from sqlalchemy import exc

from quotewright.domain.errors import InputError
from quotewright.lineage.artefacts import Artefacts
from quotewright.lineage.database import Database
from quotewright.lineage.documents import Difference, canonical, differences, digest, now, plain
from quotewright.lineage.schema import APPROVALS, MODELS, PARENTS

SHORTEST = 6  # digits of a hash that name a model, if no other begins with them
_MADE_OF = ("name", "artefact", "dataset", "features", "code", "seed", "params")
_COMPARED = (*_MADE_OF, "metrics", "parents")


@dataclass(frozen=True)
class Model:
    """One registered model. `hash` is over all that it was made of: everything here but metrics, size and time.

    `artefact` is the SHA-256 of its file, `dataset`, `features` and `code` are the hashes of what it was trained with,
    `parents` the hashes of models that it was made from (refitted, stacked), in order of hash.
    """

    hash: str
    name: str
    artefact: str
    size: int
    dataset: str
    features: str
    code: str
    seed: int
    params: Mapping[str, Any]
    metrics: Mapping[str, Any]
    parents: tuple[str, ...]
    at: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {**asdict(self), "parents": list(self.parents)}


@dataclass(frozen=True)
class Approval:
    """Who said yes (or no again) to a model, when, and why."""

    model: str
    who: str
    approved: bool
    note: str
    at: str


class Models:
    """The models of one registry. A model is named by its hash, or by a beginning of it that no other has."""

    def __init__(self, database: Database, artefacts: Artefacts) -> None:
        self._database = database
        self._artefacts = artefacts

    def register(
        self,
        name: str,
        artefact: bytes,
        *,
        dataset: str,
        features: str,
        code: str,
        seed: int,
        params: Mapping[str, Any],
        metrics: Mapping[str, Any],
        parents: Sequence[str] = (),
    ) -> Model:
        """Keep an artefact and what it was made of; the same again is the same model.

        Raises InputError for an empty artefact or hash, an unknown parent, or a model that is registered with other
        metrics: what is measured later is a result.
        """
        for field, value in (("name", name), ("dataset", dataset), ("features", features), ("code", code)):
            if not value:
                raise InputError(field, value, "must not be empty: a model is known by what it was made of")
        if not -(2**63) <= seed < 2**63:
            raise InputError("seed", seed, "must fit 64 bits")
        if not artefact:
            raise InputError("artefact", artefact, "is empty")
        above = tuple(sorted({self.get(parent).hash for parent in parents}))
        facts = {
            "name": name,
            "artefact": self._artefacts.write(artefact),
            "dataset": dataset,
            "features": features,
            "code": code,
            "seed": int(seed),
            "params": plain(params, "params"),
        }
        made = digest({**facts, "parents": above})
        row = {**facts, "hash": made, "size": len(artefact), "metrics": plain(metrics, "metrics"), "at": now()}
        try:
            with self._database.writing() as connection:
                connection.execute(sql.insert(MODELS), row)
                if above:
                    connection.execute(sql.insert(PARENTS), [{"child": made, "parent": each} for each in above])
        except exc.IntegrityError:
            known = self.get(made)
            if canonical(known.metrics) != canonical(row["metrics"]):
                raise InputError(
                    "metrics", made[:12], "is registered with other metrics; keep later measures as results"
                ) from None
        return self.get(made)

    def get(self, named: str) -> Model:
        """One model by its hash or the beginning of it; raises InputError if there is none, or more than one."""
        if len(named) < SHORTEST or set(named) - set("0123456789abcdef"):
            raise InputError("model", named, f"must be a hash, or its first {SHORTEST} digits or more")
        found = self._where(MODELS.c.hash.startswith(named))
        if not found:
            raise InputError("model", named, "is not in this registry")
        if len(found) > 1:
            several = " or ".join(each.hash[:12] for each in found)
            raise InputError("model", named, f"could be {several}: give more digits")
        return found[0]

    def all(self, *, name: str = "", dataset: str = "") -> list[Model]:
        """All models, or those of a name or dataset, oldest first."""
        wanted = [column == value for column, value in ((MODELS.c.name, name), (MODELS.c.dataset, dataset)) if value]
        return self._where(*wanted)

    def load(self, named: str, features: str) -> tuple[Model, bytes]:
        """A model and its artefact, for use with features of the hash `features`.

        Raises InputError if it was trained on other features, DataError if the artefact is missing or damaged.
        """
        model = self.get(named)
        if model.features != features:
            raise InputError(
                "features",
                features[:12],
                f"are not those of model {model.hash[:12]} ({model.name}): it was trained on {model.features[:12]}; "
                "train it again",
            )
        return model, self._artefacts.read(model.artefact)

    def approve(self, named: str, who: str, note: str) -> Approval:
        """Write down that somebody approves of a model; raises InputError without a name or a reason."""
        return self._judge(named, who, note, approved=True)

    def revoke(self, named: str, who: str, note: str) -> Approval:
        """Write down that it is approved no more; what was said before stays."""
        return self._judge(named, who, note, approved=False)

    def approvals(self, named: str) -> list[Approval]:
        """All that was said on a model, oldest first."""
        query = sql.select(APPROVALS).where(APPROVALS.c.model == self.get(named).hash).order_by(APPROVALS.c.id)
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return [Approval(**{name: value for name, value in row.items() if name != "id"}) for row in rows]

    def is_approved(self, named: str) -> bool:
        """Whether the last word on a model was yes."""
        said = self.approvals(named)
        return bool(said) and said[-1].approved

    def ancestors(self, named: str) -> list[tuple[str, str]]:
        """All (child, parent) links above a model, by hash, each once; nearest first."""
        links: list[tuple[str, str]] = []
        level = [self.get(named).hash]
        with self._database.reading() as connection:
            while level:
                query = sql.select(PARENTS).where(PARENTS.c.child.in_(level))
                found = sorted((str(child), str(parent)) for child, parent in connection.execute(query))
                seen = {child for child, _ in links}
                links += found
                level = sorted({parent for _, parent in found} - seen)
        return links

    def diff(self, a: str, b: str) -> list[Difference]:
        """What differs between two models: hashes, name, seed, params, metrics and parents, by dotted name."""
        left, right = (self.get(named).to_dict() for named in (a, b))
        return differences({k: left[k] for k in _COMPARED}, {k: right[k] for k in _COMPARED})

    def _judge(self, named: str, who: str, note: str, *, approved: bool) -> Approval:
        for field, value in (("who", who), ("note", note)):
            if not value.strip():
                raise InputError(field, value, "must say something: approvals are read later")
        said = Approval(self.get(named).hash, who, approved, note, now())
        with self._database.writing() as connection:
            connection.execute(sql.insert(APPROVALS), asdict(said))
        return said

    def _where(self, *conditions: sql.ColumnElement[bool]) -> list[Model]:
        query = sql.select(MODELS).where(*conditions).order_by(MODELS.c.at, MODELS.c.hash)
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings().all()
            links = sql.select(PARENTS).where(PARENTS.c.child.in_([row["hash"] for row in rows]))
            above: dict[str, list[str]] = {}
            for child, parent in connection.execute(links):
                above.setdefault(child, []).append(parent)
        return [Model(**row, parents=tuple(sorted(above.get(row["hash"], ())))) for row in rows]
