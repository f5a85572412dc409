"""More updates between venue and home than there is room for at first: room is made, nothing is lost or reordered."""

from __future__ import annotations

from collections.abc import Callable

from recording_builder import best, cancel, fills, level, place, snapshot, trade
from reference_records import Result, Update
from scenarios import Scenario, by_compiled, by_reference

from quotewright.domain.events import ASK, BID
from quotewright.simulation.state import UPDATES_ON_THEIR_WAY

UPDATES = 5 * UPDATES_ON_THEIR_WAY


def late(update: Update, delay: int) -> Update:
    return update._replace(local_ts=update.exch_ts + delay)


def recording(delay: Callable[[int], int]) -> list[Update]:
    """Depth, best prices and prints, of which the second kind comes home earlier than the first."""
    found = [late(snapshot(10, {999: 5, 998: 7}, {1001: 4, 1002: 6}), 0)]
    for i in range(UPDATES):
        ts = 20 + 10 * i
        kind = i % 3
        if kind == 0:
            found.append(late(level(ts, BID, 998, 5 + i % 7), delay(i)))
        elif kind == 1:
            found.append(late(best(ts, 999, 3 + i % 5, 1001, 4), delay(i) // 2))
        else:
            found.append(late(trade(ts, ASK, 998, 1 + i % 2), delay(i) // 3))
    return found


def test_a_slow_feed_agrees_with_the_reference() -> None:
    updates = recording(lambda i: 10 * UPDATES)
    places = [place(1_000 + 700 * n, n + 1, BID, 998 - n % 2, 2, agent=n % 3) for n in range(8)]
    cancels = [cancel(4_000 + 900 * n, n + 1, agent=n % 3) for n in range(0, 8, 3)]
    scenario = Scenario(("linear",), tuple(updates), (*places, *cancels), worlds=(0, 1, 2), queue_model="power")
    mine, reference = by_compiled(scenario), by_reference(scenario)
    assert any(fills(mine, n) for n in range(1, 9)), "no fill, so nothing is tested"
    assert by_agent(mine) == by_agent(reference)
    assert mine.resting == reference.resting


def by_agent(result: Result) -> dict[int, list[object]]:
    found: dict[int, list[object]] = {}
    for entry in result.entries:
        found.setdefault(entry.agent, []).append(entry)
    return found
