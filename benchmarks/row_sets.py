"""Many parameter sets of the maker in one pass of ours, against as many passes of hftbacktest."""

from __future__ import annotations

from typing import Any

from feed import Feed, to_hftbacktest
from ours import Ours
from peer import Peer
from rounds import Family, Row, SameWork, Sample, cpu
from sets import chosen, evenly, parameter_sets
from settings import Settings, need_peer

from quotewright.domain.journal import KEEP_ORDERS

ROWS = 500_000
TARGETS = {64: {"in phase": 70.0, "staggered": 35.0}, 256: {"in phase": 120.0, "staggered": 0.0}}


def families(settings: Settings) -> list[Family]:
    """64 and 256 sets."""
    need_peer()
    return [family(settings, count) for count in TARGETS]


def family(settings: Settings, count: int) -> Family:
    feed = settings.feed(ROWS)
    events = to_hftbacktest(feed.events)
    makers = parameter_sets(count)
    measured = [makers[number] for number in chosen(count)]
    peers = [cpu(lambda maker=maker: Peer(feed, events, "ROIVector", maker, settings.latency_ns)) for maker in measured]

    def all_of_them() -> Sample:
        samples = [peer() for peer in peers]
        return Sample(sum(sample.cost for sample in samples) * count / len(samples), None)

    def one_pass(phases: list[int]) -> Any:
        return cpu(
            lambda: Ours(feed, makers, settings.latency_ns, phases=phases, keep=False, kinds=KEEP_ORDERS),
            lambda ready: ready.outcomes(),
        )

    peer = f"hftbacktest ROIVector × {count}"
    phases = {"in phase": [], "staggered": evenly(count)}
    sides = {peer: all_of_them, **{kind: one_pass(given) for kind, given in phases.items()}}

    def check(outcomes: dict[str, Any]) -> None:
        for kind, given in phases.items():
            alone_as_together(feed, settings.latency_ns, makers, given, outcomes[kind])

    return Family(
        f"sets-{count}",
        [Row(f"{count} sets, {kind}: {peer}", peer, kind, TARGETS[count][kind]) for kind in phases],
        sides,
        dict.fromkeys(sides, len(feed.events) * count),
        check,
        notes=(
            f"of hftbacktest's {count} passes, {len(measured)} are run in every round and their time is multiplied by "
            f"{count // len(measured)}; of our agents, 3 are compared with their runs alone",
        ),
    )


def alone_as_together(feed: Feed, latency_ns: int, makers: Any, phases: list[int], together: Any) -> None:
    """The first, the last and a middle maker must end alone exactly as they did among all; raises SameWork."""
    for number in (0, len(makers) // 2 + 3, len(makers) - 1):
        alone = Ours(feed, [makers[number]], latency_ns, phases=phases[number : number + 1], keep=False)
        alone.run()
        if alone.outcome() != together[number]:
            raise SameWork(f"maker {number} ends at {alone.outcome()} alone, at {together[number]} among the others")
