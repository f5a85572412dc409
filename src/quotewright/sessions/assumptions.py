"""What a replay assumes, in words, printed with every report."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from quotewright.sessions.venue_options import VenueOptions
from quotewright.storage.store import Dataset

_QUEUE = {
    "risk-averse": "Recorded cancels at our price are all taken to be behind us: only trades move us forward.",
    "proportional": "Recorded cancels at our price are spread evenly over the queue, before and behind us.",
    "power": "Recorded cancels at our price are placed before or behind us by the power model of queue position.",
    "log": "Recorded cancels at our price are placed before or behind us by the logarithmic model of queue position.",
}


def assumptions_of(datasets: Sequence[Dataset], options: VenueOptions) -> list[str]:
    """One sentence each: what was assumed, and what real trading will do differently."""
    said = ["Our orders do not move the market: nobody reacts to them. Real quotes change what others do."]
    if any(not dataset.manifest["l3"] for dataset in datasets):
        said.append(f"{_QUEUE[options.queue_model]} On price levels the true queue is not recorded.")
    if any(dataset.manifest["l3"] for dataset in datasets):
        said.append("Where single orders are recorded, our place in the queue is exact.")
    said += [
        "A trade fills us by no more than its volume, shared between the orders of one world in queue order.",
        "A recorded order that reaches ours fills us at our price, by no more than its size.",
        "What a world takes stays taken until the venue next reports the level; then it is there again.",
        _latency(options),
        "The venue never fails, throttles or rejects beyond its stated rules. Real venues do.",
        "Fees are the rates stored with the instrument; a real account's tier may differ.",
    ]
    for dataset in datasets:
        if dataset.clock_offset:
            said.append(
                f"{dataset.name}: {dataset.clock_offset / 1e6:.3f} ms were added to the recorder's clock "
                f"({dataset.manifest['clock_offset_chosen']}); the true one-way delay is unknown."
            )
    return said


def feature_assumptions(
    datasets: Sequence[Dataset], settings: Collection[str], learned_until_ns: Mapping[str, int]
) -> list[str]:
    """One sentence for each instrument whose features were not learned, or learned on what is replayed."""
    said: list[str] = []
    for dataset in datasets:
        first, last = (dataset.manifest[at] + dataset.clock_offset for at in ("first_ts", "last_ts"))
        until = learned_until_ns.get(dataset.name, first)
        if dataset.name not in settings:
            said.append(
                f"{dataset.name}: what is usual was not learned, so regimes and stress say little; "
                "`quotewright features fit` learns it, `replay --features` reads it."
            )
        elif until > first:
            share = min((until - first) / max(last - first, 1), 1.0)
            said.append(
                f"{dataset.name}: features were learned on the first {share:.0%} of this: that part is in sample."
            )
    return said


def _latency(options: VenueOptions) -> str:
    if options.latency_file:
        return "Order latency is taken from a file of measurements; it does not react to market load."
    return (
        f"Orders take {options.entry_latency_ns / 1e6:g} ms to the venue and answers "
        f"{options.response_latency_ns / 1e6:g} ms back, always; real latency varies and is worst when it matters."
    )
