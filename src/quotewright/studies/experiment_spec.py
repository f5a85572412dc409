"""What an experiment file may hold, table by table."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

SHARPE: dict[str, Literal["max", "min"]] = {"sharpe": "max"}


class Synthetic(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bars of the prints of quotewright's own market: every `bar` has a row, one without prints carries its close."""

    preset: str = "calm"
    seed: int = 7
    seconds: int = 900
    bar: str = "1s"


class DatasetSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the bars are from, and the steps that clean them."""

    published: str = ""
    file: dict[str, Any] = {}
    synthetic: Synthetic | None = None
    keys: dict[str, str] = {}
    volume: str = ""
    clean: list[dict[str, Any]] = []


class SeriesSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One slow series: a column, known since its publication, NaN once older than `max_age` (empty: never)."""

    name: str
    column: str
    published: str = ""
    file: dict[str, Any] = {}
    keys: dict[str, str] = {}
    max_age: str = ""
    clean: list[dict[str, Any]] = []


class FeaturesSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Names as `indicators.catalogue` reads them, in the order of the model's columns."""

    names: list[str]


class LabelSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is learnt, `bars` ahead.

    `return`: of the close, for regressors; `net` takes a round trip's costs off. `direction`: the sign of the return, 0
    within `band_bp` (band 0: above 0 or not). `triple_barrier`: which comes first of the profit `take`, the loss `stop`
    (fractions, or multiples of the feature `width`, known at the entry) and the deadline; `deadline` is zero or sign.
    """

    kind: Literal["return", "direction", "triple_barrier"] = "return"
    bars: int = 1
    net: bool = False
    band_bp: float = 0.0
    take: float = 0.0
    stop: float = 0.0
    width: str = ""
    deadline: Literal["zero", "sign"] = "zero"


class SplitSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A split by its name, by times, or by two shares of the span: the forward part is what they leave."""

    name: str = ""
    train: list[str] = []
    backtest: list[str] = []
    forward: list[str] = []
    shares: list[float] = []
    embargo: str = "0s"


class EnsembleSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`bagged`, `boosted` (of the model, `number` fits) or `stacked`, `vote` (of the model and those in `others`)."""

    kind: Literal["bagged", "boosted", "stacked", "vote"]
    number: int = 10
    others: list[str] = []


class ModelSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model of the registry. `weights`: rows count alike (`equal`) or by how unique their labels are."""

    name: str
    params: dict[str, float | int | str | None] = {}
    calibrate: Literal["", "none", "sigmoid", "isotonic"] = ""
    weights: Literal["equal", "uniqueness"] = "equal"
    threshold: float = 0.0
    ensemble: EnsembleSpec | None = None


class CostsSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of every change of position, in basis points of it."""

    fee_bp: float = 10.0
    slippage_bp: float = 2.0


class ValidationSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Within the training part: `folds` refits of the walk-forward, and every choice of `tested` of `groups` blocks."""

    folds: int = 5
    groups: int = 6
    tested: int = 2


class TuningSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A search: metrics with max or min; `space` replaces ranges of the model, as `tuning.space.space_of` reads."""

    objectives: dict[str, Literal["max", "min"]] = msgspec.field(default_factory=lambda: dict(SHARPE))
    sampler: str = "tpe"
    batch: int = 4
    prune_after: int = 8
    seed: int = 1
    space: list[dict[str, Any]] = []


class Spec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    name: str
    dataset: DatasetSpec
    features: FeaturesSpec
    label: LabelSpec
    split: SplitSpec
    model: ModelSpec
    periods_per_year: float
    costs: CostsSpec = CostsSpec()
    seeds: int = 1
    series: list[SeriesSpec] = []
    validation: ValidationSpec = ValidationSpec()
    tuning: TuningSpec = TuningSpec()
