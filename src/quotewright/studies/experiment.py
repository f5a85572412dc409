"""An experiment as a file: data, features, label, split, model, costs. Everything else follows from it.

    name = "quick"
    seeds = 2                               # seeds 1 to 2
    periods_per_year = 365                  # of the bars

    [dataset]                               # one of:
    published = "btcusd-1d-merged"          #   a file whose layout is known, below the data folder
    file = { path = "bars.csv", … }         #   your own, as `datasets.described.Description`; path from here
    synthetic = { preset = "calm", seed = 7, seconds = 900, bar = "1s" }    # our own market, on bars of prints
    keys = { symbol = "BTC/USD" }           # of a panel: which series
    volume = "volume_usd"                   # the column that features take for volume, if it is not called so
    clean = [{ step = "without_flagged", flag = "is_interpolated" }]        # `datasets.cleaning`, in order

    [[series]]                              # slow series, joined as of when they were known
    name = "funding"                        # what features call it: funding:zscore_28
    published = "…"                         # or file; neither: a column of the dataset itself
    column = "funding_rate"
    max_age = "3d"

    [features]
    names = ["log_return_1", "mfi_14", "funding:zscore_28"]

    [label]
    kind = "return"                         # return, direction, triple_barrier
    bars = 1

    [split]                                 # one of: name; train, backtest, forward as [start, end); shares
    shares = [0.6, 0.2]
    embargo = "0s"

    [model]
    name = "Ridge:regressor"
    params = { alpha = 1.0 }

    [costs]
    fee_bp = 10
    slippage_bp = 2

    [tuning]
    objectives = { sharpe = "max" }

What a table may hold is in `experiment_spec`; a setting that is not there is refused by name.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from quotewright.domain.errors import InputError
from quotewright.lineage.documents import canonical, digest
from quotewright.studies.experiment_spec import Spec

if TYPE_CHECKING:
    from quotewright.studies.experiment_table import Table

FolderSetting = Path | str | None
_SOURCES = ("published", "file", "synthetic")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")


@dataclass(frozen=True)
class Experiment:
    """What a file says, the folder that its paths begin from, and the folder of published data (empty: none)."""

    spec: Spec
    folder: str = "."
    data: str = ""

    @classmethod
    def read(cls, path: Path | str, data: FolderSetting = None) -> Experiment:
        """The experiment of a TOML file; raises InputError naming the setting, its value and what to do."""
        file = Path(path)
        try:
            given = tomllib.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError("experiment", str(file), f"cannot be read: {error.strerror}") from error
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InputError("experiment", str(file), f"cannot be read as TOML: {error}") from error
        return cls.of(given, folder=file.parent, data=data)

    @classmethod
    def of(cls, given: dict[str, Any], *, folder: Path | str = ".", data: FolderSetting = None) -> Experiment:
        """The experiment of plain tables, checked as a file's are."""
        try:
            spec = msgspec.convert(given, Spec, strict=True)
        except msgspec.ValidationError as error:
            raise _told(given, str(error)) from None
        _check(spec)
        return cls(spec, str(folder), "" if data is None else str(data))

    @property
    def name(self) -> str:
        """Its name, of which files and trials are named."""
        return self.spec.name

    @property
    def hash(self) -> str:
        """SHA-256 of all that decides a trial, defaults included: not of its name, number of seeds, or search."""
        return digest({key: value for key, value in self.to_dict().items() if key not in ("name", "seeds", "tuning")})

    @property
    def seeds(self) -> range:
        """1 to `seeds`, or 1 alone if nothing of the model is drawn at random."""
        from quotewright.models.catalogue import model_named

        model = self.spec.model
        members = [model.name, *(model.ensemble.others if model.ensemble else ())]
        drawn = model.ensemble is not None and model.ensemble.kind in ("bagged", "boosted")
        drawn = drawn or any("random_state" in model_named(name).estimator(1).get_params() for name in members)
        return range(1, self.spec.seeds + 1 if drawn else 2)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `of` reads them back."""
        return msgspec.to_builtins(self.spec)

    def packed(self) -> tuple[str, str, str]:
        """Text for another process; `unpacked` reads it."""
        return canonical(self.to_dict()), self.folder, self.data

    @classmethod
    def unpacked(cls, packed: tuple[str, str, str]) -> Experiment:
        """The experiment of `packed`."""
        text, folder, data = packed
        return cls(msgspec.json.decode(text, type=Spec), folder, data)

    def table(self) -> Table:
        """Features, labels and parts, one row a bar; see `experiment_table`."""
        from quotewright.studies.experiment_data import table_of

        return table_of(self)


def _told(given: dict[str, Any], message: str) -> InputError:
    """A message of the reader as field, value and fix."""
    said, _, place = message.partition(" - at `")
    path = place.rstrip("`").removeprefix("$").lstrip(".")
    unknown = re.search(r"unknown field `(.+)`", said)
    if unknown:
        path = f"{path}.{unknown[1]}".lstrip(".")
    missing = re.search(r"missing required field `(.+)`", said)
    value: Any = given
    for part in re.findall(r"[^.\[\]]+", path):
        try:
            value = value[int(part) if part.isdigit() else part]
        except (KeyError, IndexError, ValueError, TypeError):
            value = ""
            break
    if missing:
        return InputError(f"{path}.{missing[1]}".lstrip("."), "", "is missing")
    if unknown:
        return InputError(path, value, "is not a setting; `quotewright.studies.experiment_spec` lists them")
    return InputError(path or "experiment", value, said[:1].lower() + said[1:])


def _check(spec: Spec) -> None:
    """What types do not say."""
    from quotewright.models.catalogue import model_named
    from quotewright.models.model import CLASSIFIER

    if not _NAME.fullmatch(spec.name):
        raise InputError("name", spec.name, "use lower-case letters, digits, dots, dashes and underscores")
    if not 1 <= spec.seeds <= 1000:
        raise InputError("seeds", spec.seeds, "must lie between 1 and 1000")
    if not 0 < spec.periods_per_year < float("inf"):
        raise InputError("periods_per_year", spec.periods_per_year, "must be above 0: bars in a year")
    given = [name for name in _SOURCES if getattr(spec.dataset, name)]
    if len(given) != 1:
        raise InputError("dataset", " and ".join(given), f"give one of {', '.join(_SOURCES)}")
    if not spec.features.names:
        raise InputError("features.names", [], "name at least one")
    if spec.label.bars < 1:
        raise InputError("label.bars", spec.label.bars, "give at least 1")
    if not 0 <= spec.model.threshold < float("inf"):
        raise InputError("model.threshold", spec.model.threshold, "must be 0 or more")
    if not spec.costs.slippage_bp >= 0:
        raise InputError("costs.slippage_bp", spec.costs.slippage_bp, "must be 0 or more")
    if spec.validation.folds < 2:
        raise InputError("validation.folds", spec.validation.folds, "give at least 2")
    classifies = model_named(spec.model.name).kind == CLASSIFIER
    if classifies == (spec.label.kind == "return"):
        wanted = "direction or triple_barrier" if classifies else "return"
        raise InputError("label.kind", spec.label.kind, f"{spec.model.name} learns {wanted}")
    ensemble = spec.model.ensemble
    if ensemble is not None and (ensemble.kind in ("stacked", "vote")) != bool(ensemble.others):
        raise InputError("model.ensemble.others", ensemble.others, "belongs to stacked and vote, which need it")
    if ensemble is not None and spec.model.params:
        raise InputError("model.params", spec.model.params, "an ensemble takes its members at their defaults")
    names = [series.name for series in spec.series]
    if len(set(names)) < len(names):
        raise InputError("series", names, "name each once")
