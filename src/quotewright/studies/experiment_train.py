"""Training: the model of an experiment fitted on its training part, compiled where it can be, and registered."""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from quotewright.domain.errors import DataError, InputError
from quotewright.inference.artefact import load, save
from quotewright.inference.compiled import CompiledModel
from quotewright.lineage.code import code_of
from quotewright.lineage.documents import plain
from quotewright.lineage.registry import Registry
from quotewright.models.exporting import can_compile, compile_model
from quotewright.models.fitting import Fitted
from quotewright.models.latency import single_row_latency
from quotewright.studies.experiment import Experiment
from quotewright.studies.experiment_fit import fit_rows
from quotewright.studies.experiment_rule import judged, leans
from quotewright.studies.experiment_table import Table

_KEPT = ("mae", "rmse", "accuracy", "correlation", "pnl_pct", "sharpe", "max_drawdown", "es_95", "turnover")
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # so that equal contents are equal bytes
RECIPE = "recipe.json"


@dataclass(frozen=True)
class Trained:
    """One registered model: its hash in the registry, and what one row costs by which route.

    `metrics` are of the training part alone: the later parts are for `validate`.
    """

    model: str
    name: str
    seed: int
    artefact: str
    compiled: bool
    rows: int
    metrics: dict[str, Any]
    p50_us: float
    p99_us: float
    warnings: tuple[str, ...]
    resumed: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return plain({**asdict(self), "warnings": list(self.warnings)})


def train(
    experiment: Experiment, registry: Path, *, progress: Callable[[int, int], None] | None = None
) -> list[Trained]:
    """Fit at every seed on the training part and register; a run that was killed goes on with the seeds missing.

    A compiled model's artefact is its arrays and manifest, from which `load_model` makes it again. A model without a
    compiled form is kept as its recipe (experiment, data and the SHA-256 of its training predictions), from which it is
    fitted again: nothing is pickled. Raises InputError for data or settings that do not fit together.
    """
    table = experiment.table()
    found: list[Trained] = []
    seeds = experiment.seeds
    with Registry(registry) as opened:
        for number, seed in enumerate(seeds):
            if progress is not None:
                progress(number, len(seeds))
            key = f"trained {experiment.hash} {table.dataset} seed {seed} {code_of()}"
            before = opened.studies.results(key)
            if before:
                told: dict[str, Any] = {**before[-1].document, "resumed": True}
                told["warnings"] = tuple(told["warnings"])
                found.append(Trained(**told))
                continue
            one = _train_one(experiment, table, seed, opened)
            opened.studies.keep_result(key, one.to_dict(), model=one.model)
            found.append(one)
    if progress is not None:
        progress(len(seeds), len(seeds))
    return found


def load_model(registry: Path, named: str, features: str) -> CompiledModel:
    """The compiled model of a registry by its hash, for columns of the feature hash `features`.

    Raises InputError if it was trained on other features or has no compiled form, DataError if it is damaged.
    """
    with Registry(registry) as opened:
        model, artefact = opened.models.load(named, features)
    try:
        with zipfile.ZipFile(io.BytesIO(artefact)) as packed:
            contents = {name: packed.read(name) for name in packed.namelist()}
    except zipfile.BadZipFile as error:
        raise DataError(f"model {model.hash[:12]}: its artefact is no archive ({error}): train it again") from error
    if RECIPE in contents:
        raise InputError("model", named, "has no compiled form: fit it again from its experiment (`train`)")
    with tempfile.TemporaryDirectory() as folder:
        for name, content in contents.items():
            (Path(folder) / Path(name).name).write_bytes(content)
        inner = next(Path(name).stem for name in contents if name.endswith(".json"))
        return load(Path(folder), inner, features)


def _train_one(experiment: Experiment, table: Table, seed: int, registry: Registry) -> Trained:
    spec = experiment.spec
    rows = table.part("train")
    fitted = fit_rows(spec, table, rows, seed)
    leaning = leans(fitted, table.X[rows])
    figures = judged(spec, table, rows, leaning, table.span("train"))
    metrics = {"train": {name: figures[name] for name in _KEPT}}
    compiled = compile_model(fitted) if can_compile(fitted) else None
    about = {"experiment": experiment.to_dict(), "dataset": table.dataset, "seed": seed, "code": code_of()}
    artefact = _recipe(about, leaning.tobytes()) if compiled is None else _packed(compiled, table.feature_hash, about)
    model = registry.models.register(
        fitted.name,
        artefact,
        dataset=table.dataset,
        features=table.feature_hash,
        code=code_of(),
        seed=seed,
        params={"model": fitted.params, "experiment": experiment.to_dict()},
        metrics=metrics,
    )
    cost = single_row_latency(compiled or fitted, table.X[rows], repeats=_repeats(fitted, compiled))
    return Trained(
        model=model.hash,
        name=fitted.name,
        seed=seed,
        artefact=model.artefact,
        compiled=compiled is not None,
        rows=fitted.rows,
        metrics=plain(metrics),
        p50_us=cost.p50_us,
        p99_us=cost.p99_us,
        warnings=fitted.warnings,
    )


def _repeats(fitted: Fitted, compiled: CompiledModel | None) -> int:
    """Fewer of those that take milliseconds."""
    return 300 if compiled is not None or "Forest" not in fitted.name else 50


def _packed(model: CompiledModel, feature_hash: str, about: dict[str, Any]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        save(model, Path(folder), feature_hash, about)
        return _archive({file.name: file.read_bytes() for file in sorted(Path(folder).iterdir())})


def _recipe(about: dict[str, Any], predictions: bytes) -> bytes:
    told = {**about, "predictions": hashlib.sha256(predictions).hexdigest()}
    return _archive({RECIPE: json.dumps(plain(told), sort_keys=True).encode()})


def _archive(contents: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(name, _LONG_AGO), content)
    return packed.getvalue()
