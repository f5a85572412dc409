"""All that is known of a set of features, in one table: what to keep, and why not the rest."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from quotewright.domain.errors import InputError
from quotewright.selection.choosing import Ranked
from quotewright.selection.clusters import Clusters
from quotewright.selection.decay import Decay
from quotewright.selection.drift import KolmogorovSmirnov, Psi
from quotewright.selection.importance import Importance
from quotewright.selection.information import Information
from quotewright.selection.stationarity import Stationarity


@dataclass(frozen=True)
class FeatureRow:
    """One feature. `psi`, `ks` are None with too few later rows; `importance` where no model was given.

    `alarms` are times, ns, at which ADWIN knew of a change after training; `verdict` is what to do, and why.
    """

    name: str
    stationarity: Stationarity
    information: Information
    mrmr: Ranked
    mrmr_rank: int  # 1 is the first taken
    cluster: int
    importance: Importance | None
    psi: Psi | None
    ks: KolmogorovSmirnov | None
    alarms: tuple[int, ...]
    decay: Decay
    replaced_by: str  # a kept feature that says the same; empty where none
    kept: bool
    verdict: str


@dataclass(frozen=True)
class FeatureReport:
    """Rows in the order of columns; `kept` on training rows alone, the most telling first.

    `left_out` says why features could not be judged; `rows_left_out` counts rows where one of the others is unknown.
    """

    names: tuple[str, ...]
    rows: tuple[FeatureRow, ...]
    kept: tuple[str, ...]
    clusters: Clusters
    cluster_importance: tuple[Importance, ...]
    correlations: tuple[tuple[float, ...], ...]  # Spearman's, over training rows
    training: int  # rows
    later: int
    rows_left_out: int
    left_out: dict[str, str]

    def row(self, name: str) -> FeatureRow:
        """The row of a feature. Raises InputError for an unknown one."""
        if name not in self.names:
            raise InputError("name", name, f"give one of {', '.join(self.names)}")
        return self.rows[self.names.index(name)]

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON takes it; numbers that do not exist, or are infinite, are None."""
        return _plain(self)

    def table(self) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
        """Headers and cells to print, kept features first and the most telling before others."""
        headers = (
            "feature",
            "nats",
            "p",
            "IC",
            "mRMR",
            "cluster",
            "half-life",
            "PSI",
            "KS p",
            "alarms",
            "last IC",
            "verdict",
        )
        order = sorted(self.rows, key=lambda r: (not r.kept, -r.information.nats, r.name))
        return headers, tuple(_cells(row) for row in order)


def _cells(row: FeatureRow) -> tuple[str, ...]:
    blocks = row.decay.blocks
    return (
        row.name,
        f"{row.information.nats:.4f}",
        f"{row.information.p_value:.3f}",
        f"{row.decay.training.value:+.3f}",
        str(row.mrmr_rank),
        str(row.cluster + 1),
        f"{row.stationarity.half_life:.1f}",
        f"{row.psi.value:.3f}" if row.psi else "",
        f"{row.ks.block_p:.3f}" if row.ks else "",
        str(len(row.alarms)),
        f"{blocks[-1].told.value:+.3f}" if blocks else "",
        row.verdict,
    )


def _plain(value: object) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if hasattr(value, "_asdict"):
        return _plain(cast(Any, value)._asdict())
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in cast("Mapping[object, object]", value).items()}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in cast("Sequence[object]", value)]
    return value
