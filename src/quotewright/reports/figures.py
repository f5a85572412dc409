"""Every figure of a leg that the report shows, as rows of label, value and the records it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from quotewright.accounting.attribution import Attribution
from quotewright.accounting.markouts import horizon_name
from quotewright.accounting.order_flow import Distribution, OrderFlow
from quotewright.accounting.statistics import Statistics
from quotewright.domain.instrument import Instrument
from quotewright.reports.numbers import NOTHING, moment, percent, ratio, span, whole

DAY_NS = 86_400 * 10**9


@dataclass(frozen=True)
class Figure:
    """One row of a table: what it is, its value as text, its journal records, a note for the reader."""

    label: str
    value: str
    source: str
    note: str = ""


@dataclass(frozen=True)
class Group:
    """Figures under one heading."""

    title: str
    figures: tuple[Figure, ...]


def leg_figures(result: Attribution, found: Statistics) -> list[Group]:
    """All tables of a leg, in reading order."""
    return [
        profit_group(result),
        Group("Fills", _fills(found)),
        Group("Risk", _risk(result.instrument, found)),
        Group("Messages", _messages(found.orders)),
        Group("Latency", _latency(found.orders)),
        Group("Markouts", _markouts(found)),
        Group("Refused, rejected, taken off", _refused(found.orders)),
    ]


def profit_group(result: Attribution) -> Group:
    """Profit and its parts, exact."""
    exact, settle = result.decimals(), result.instrument.settle
    inventory_note = f"of which rounding of inverse values {exact['rounding']}" if result.rounding else ""
    rows = (
        ("total", "Total", "RUN_START, RUN_END: cash, position, mid2", "the four parts below add up to it"),
        ("spread", "Spread", "FILL: side, price, qty, mid2", "edge against the mid at the fill"),
        ("inventory", "Inventory", "FILL, FUNDING, MARK, RUN_END: position, mid2", inventory_note),
        ("fees", "Fees", "FILL: fee, flags, mid2", "positive: received"),
        ("funding", "Funding", "FUNDING: fee", "positive: received"),
        ("realised", "Realised", "FILL: side, price, qty, fee", "average cost, before fees and funding"),
        ("unrealised", "Unrealised", "FILL; RUN_END: position, mid2", "average cost, at the last mid"),
    )
    figures = [Figure(label, f"{exact[name]} {settle}", source, note) for name, label, source, note in rows]
    position = result.instrument.position(result.position)
    figures.append(Figure("Position at the end", f"{position} {quantity_unit(result.instrument)}", "RUN_END: position"))
    return Group("Profit, exact", tuple(figures))


def quantity_unit(instrument: Instrument) -> str:
    """What a quantity of an instrument counts."""
    return instrument.base if instrument.kind == "spot" else "contracts"


def _fills(found: Statistics) -> tuple[Figure, ...]:
    orders, touch, ahead = found.orders, found.at_touch, found.orders.queue_ahead
    per_order = f"{orders.filled_orders:,} of {orders.placed_orders:,} orders"
    return (
        Figure("Fills", f"{orders.fills:,}", "FILL", f"{orders.buys:,} buys, {orders.sells:,} sells"),
        Figure("Fill ratio, by quantity", percent(orders.fill_ratio), "FILL: qty; PLACE: qty", "filled / placed"),
        Figure("Fill ratio, by orders", percent(orders.orders_fill_ratio), "FILL, PLACE: order", per_order),
        Figure("Maker share", percent(orders.maker_share), "FILL: flags, qty", "of the filled quantity"),
        Figure("Queue ahead at entry, median", _lots(ahead.p50), "FILL: ahead", "of orders that filled as maker"),
        Figure("Queue ahead at entry, 90 %", _lots(ahead.p90), "FILL: ahead", f"{ahead.count:,} orders"),
        Figure("Time at touch, bid", percent(touch.bid), "MARK: flags", f"of {touch.marks:,} marks"),
        Figure("Time at touch, ask", percent(touch.ask), "MARK: flags"),
        Figure("Time at touch, both", percent(touch.both), "MARK: flags"),
    )


def _lots(value: float | None) -> str:
    return NOTHING if value is None else f"{value:,.0f} lots"


def _risk(instrument: Instrument, found: Statistics) -> tuple[Figure, ...]:
    fall, returns, held = found.drawdown, found.sharpe, found.holdings
    unit = quantity_unit(instrument)
    positions = "FILL, FUNDING, MARK, RUN_END: position"
    equity = "RUN_START, FILL, FUNDING, MARK, RUN_END: cash, position, mid2"
    when = f"{moment(fall.peak_ts)} to {moment(fall.trough_ts)}" if fall.units else ""
    warning = "not meaningful: the run is shorter than a day; " if found.span_ns < DAY_NS else ""
    sampling = f"{warning}equity changes every {span(returns.interval_ns)}, n = {returns.samples:,}, √(365 days)"
    middle = f"{instrument.position(held.quantiles[0])} … {instrument.position(held.quantiles[-1])} {unit}"
    return (
        Figure("Largest drawdown", f"{instrument.money(fall.units)} {instrument.settle}", equity, when),
        Figure("Sharpe ratio, annualised", ratio(returns.annualised, 2), "MARK: cash, position, mid2", sampling),
        Figure("Sharpe ratio, per interval", ratio(returns.per_interval, 4), "MARK: cash, position, mid2"),
        Figure("Turnover", f"{instrument.money(found.turnover)} {instrument.settle}", "FILL: price, qty"),
        Figure("Largest position", f"{instrument.position(held.largest)} {unit}", positions, "either side"),
        Figure("Position, middle 90 % of time", middle, positions, "time-weighted"),
        Figure("Length of the run", span(found.span_ns), "RUN_START, RUN_END: ts"),
        Figure("Book invalid", span(found.book_invalid_ns), "BOOK_INVALID, BOOK_VALID: ts", "never quoted on"),
    )


def _messages(orders: OrderFlow) -> tuple[Figure, ...]:
    return (
        Figure("Decisions", f"{orders.decisions:,}", "DECISION"),
        Figure("Places", f"{orders.places:,}", "PLACE"),
        Figure("Cancels", f"{orders.cancels:,}", "CANCEL"),
        Figure("Amends", f"{orders.amends:,}", "AMEND"),
        Figure("Messages per fill", ratio(orders.messages_per_fill, 1), "PLACE, CANCEL, AMEND; FILL"),
    )


def _latency(orders: OrderFlow) -> tuple[Figure, ...]:
    return (
        *_quantiles("Place to venue", orders.to_venue_ms, "PLACE: ts; ACCEPTED: exch_ts"),
        *_quantiles("Place to answer at home", orders.round_trip_ms, "PLACE: ts; ACCEPTED: ts"),
        *_quantiles("Cancel to answer at home", orders.cancel_round_trip_ms, "CANCEL: ts; CANCELED: ts"),
    )


def _quantiles(label: str, of: Distribution, source: str) -> tuple[Figure, Figure]:
    def text(value: float | None) -> str:
        return NOTHING if value is None else f"{value:,.3f} ms"

    return (
        Figure(f"{label}, median", text(of.p50), source, f"n = {whole(of.count)}"),
        Figure(f"{label}, 99 %", text(of.p99), source),
    )


def _markouts(found: Statistics) -> tuple[Figure, ...]:
    figures: list[Figure] = []
    for markout in found.markouts:
        after = markout.horizon_ns
        value = NOTHING if markout.bp is None else f"{markout.bp:+.3f} bp"
        error = "" if markout.stderr_bp is None else f" ± {markout.stderr_bp:.3f} (one standard error)"
        label = f"After {horizon_name(after)}" if after else "At the fill"
        source = "FILL: ref, price, qty; MARKOUT: mid2" if after else "FILL: price, qty, mid2"
        figures.append(Figure(label, value + error, source, f"n = {markout.fills:,}"))
    return tuple(figures)


def _refused(orders: OrderFlow) -> tuple[Figure, ...]:
    kinds: tuple[tuple[str, Mapping[str, int], str], ...] = (
        ("Refused by risk", orders.refusals, "REFUSED: reason, ref"),
        ("Rejected by the venue", orders.rejects, "REJECTED: reason"),
        ("Cancel came too late", orders.cancel_rejects, "CANCEL_REJECTED: reason"),
        ("Taken off by the venue", orders.taken_off, "CANCELED: reason"),
        ("Halted", orders.halts, "HALT: reason"),
    )
    return tuple(
        Figure(f"{label}: {reason}", f"{count:,}", source)
        for label, counts, source in kinds
        for reason, count in (counts or {"none": 0}).items()
    )
