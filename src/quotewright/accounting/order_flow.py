"""Orders and messages of a leg: how much filled, what was asked of the venue, what came back, how fast."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.accounting.runs import Leg
from quotewright.domain.journal import FILL_TAKER, Record, Refusal, Reject


@dataclass(frozen=True)
class Distribution:
    """Mean and nearest-rank quantiles of `count` values; None where there are none."""

    count: int
    mean: float | None
    p10: float | None
    p50: float | None
    p90: float | None
    p99: float | None

    @classmethod
    def of(cls, values: npt.NDArray[Any], scale: float = 1.0) -> Distribution:
        """Of `values` times `scale`; quantiles are observed values (inverted CDF), never interpolated."""
        if not len(values):
            return cls(0, None, None, None, None, None)
        points = np.quantile(values, (0.1, 0.5, 0.9, 0.99), method="inverted_cdf")
        return cls(len(values), float(np.mean(values)) * scale, *(float(p) * scale for p in points))


@dataclass(frozen=True)
class OrderFlow:
    """Orders, fills and messages; quantities in lots, latencies in ms, queue in lots.

    `fill_ratio` is filled / placed quantity, `orders_fill_ratio` the share of placed orders with a fill,
    `maker_share` the maker part of the filled quantity; None where nothing was placed or filled.
    """

    decisions: int
    fills: int
    maker_fills: int
    buys: int
    sells: int
    placed_orders: int
    filled_orders: int
    placed_lots: int
    filled_lots: int
    fill_ratio: float | None
    orders_fill_ratio: float | None
    maker_share: float | None
    places: int
    cancels: int
    amends: int
    messages_per_fill: float | None
    queue_ahead: Distribution
    to_venue_ms: Distribution
    round_trip_ms: Distribution
    cancel_round_trip_ms: Distribution
    refusals: Mapping[str, int]
    rejects: Mapping[str, int]
    cancel_rejects: Mapping[str, int]
    taken_off: Mapping[str, int]
    halts: Mapping[str, int]


def order_flow(leg: Leg) -> OrderFlow:
    """Order and message statistics of one leg."""
    fills, places = leg.of(Record.FILL), leg.of(Record.PLACE)
    cancels, amends = leg.of(Record.CANCEL), leg.of(Record.AMEND)
    accepted, canceled = leg.of(Record.ACCEPTED), leg.of(Record.CANCELED)
    maker = (fills["flags"] & FILL_TAKER) == 0
    placed, filled = sum(places["qty"].tolist()), sum(fills["qty"].tolist())
    filled_orders = len(np.unique(fills["order"]))
    messages = len(places) + len(cancels) + len(amends)
    return OrderFlow(
        decisions=len(leg.of(Record.DECISION)),
        fills=len(fills),
        maker_fills=int(maker.sum()),
        buys=int((fills["side"] > 0).sum()),
        sells=int((fills["side"] < 0).sum()),
        placed_orders=len(places),
        filled_orders=filled_orders,
        placed_lots=placed,
        filled_lots=filled,
        fill_ratio=_share(filled, placed),
        orders_fill_ratio=_share(filled_orders, len(places)),
        maker_share=_share(sum(fills["qty"][maker].tolist()), filled),
        places=len(places),
        cancels=len(cancels),
        amends=len(amends),
        messages_per_fill=_share(messages, len(fills)),
        queue_ahead=Distribution.of(_ahead_at_entry(fills[maker])),
        to_venue_ms=Distribution.of(_delay(places, accepted, "exch_ts"), 1e-6),
        round_trip_ms=Distribution.of(_delay(places, accepted, "ts"), 1e-6),
        cancel_round_trip_ms=Distribution.of(_delay(cancels, canceled[canceled["reason"] == 0], "ts"), 1e-6),
        refusals=_refusals(leg),
        rejects=_reasons(leg.of(Record.REJECTED)["reason"], Reject),
        cancel_rejects=_reasons(leg.of(Record.CANCEL_REJECTED)["reason"], Reject),
        taken_off=_reasons(canceled["reason"][canceled["reason"] != 0], Reject),
        halts=_reasons(leg.of(Record.HALT)["reason"], Refusal),
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _ahead_at_entry(maker_fills: Any) -> npt.NDArray[Any]:
    """Queue ahead at entry of every order that filled as maker, once an order."""
    ahead = dict(zip(maker_fills["order"].tolist(), maker_fills["ahead"].tolist(), strict=True))
    return np.array(list(ahead.values()), dtype=np.int64)


def _delay(sent: Any, answered: Any, clock: str) -> npt.NDArray[Any]:
    """Time from sending to the answer, ns, of the orders that have both; the latest message an order counts."""
    sent_at = dict(zip(sent["order"].tolist(), sent["ts"].tolist(), strict=True))
    pairs = zip(answered["order"].tolist(), answered[clock].tolist(), strict=True)
    return np.array([at - sent_at[order] for order, at in pairs if order in sent_at], dtype=np.int64)


def _refusals(leg: Leg) -> dict[str, int]:
    """Refusals by reason; `ref` of a record counts repeats of the refusal journaled before it."""
    counts: Counter[str] = Counter()
    rows = leg.of(Record.REFUSED)
    for reason, repeats in zip(rows["reason"].tolist(), rows["ref"].tolist(), strict=True):
        counts[_name(reason, Refusal)] += max(1, repeats)
    return _by_count(counts)


def _reasons(codes: Iterable[Any], names: type[IntEnum]) -> dict[str, int]:
    return _by_count(Counter(_name(int(code), names) for code in codes))


def _name(code: int, names: type[IntEnum]) -> str:
    return next((reason.name for reason in names if reason == code), f"code {code}")


def _by_count(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
