"""Whatever comes over the wire, nothing is raised; and what is not understood is said, or changes nothing."""

from __future__ import annotations

import json
import random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quotewright.domain.events import ASK, BID, LAST
from quotewright.domain.journal import IOC
from quotewright.gateway.port import NewOrder

VALUES = [
    None,
    True,
    -1,
    0,
    2**63,
    2**70,
    1.5,
    "",
    "x",
    "-0",
    "1e5",
    "NaN",
    "99999999999999999999.1",
    [],
    {},
    [[]],
    "\u0660",
]


def overheard(world: Any) -> list[tuple[str, Any, bytes]]:
    """Everything that a short session is told: connection or request, and the text."""
    heard: list[tuple[str, Any, bytes]] = []
    real = world.wire._tell

    def tell(what: str, *given: Any) -> None:
        if what == "on_text":
            heard.append(("text", given[0], given[1]))
        elif what == "on_reply":
            heard.append(("reply", given[1], given[3]))
        real(what, *given)

    world.wire._tell = tell
    world.start()
    adapter = world.adapter
    for number in range(6):
        side = BID if number % 2 else ASK
        price = 101_000 if side == BID else 99_000
        adapter.place(number + 1, NewOrder(f"f{number}", number % 2, side, price, 80, IOC), world.now)
        adapter.place(number + 11, NewOrder(f"r{number}", number % 2, BID, 99_000, 80, 0), world.now)
        world.run(0.05)
    adapter.query_order(31, 0, "r0", world.now)
    adapter.open_orders(32, 0, world.now)
    adapter.trades(33, 0, world.now)
    adapter.balances(34, world.now)
    adapter.cancel(35, 0, "r0", world.now)
    adapter.cancel_all(36, 1, world.now)
    world.run(0.5)
    return heard


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) in a JSON value."""
    found: list[tuple[Any, Any]] = []
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in list(inside):
        found.append((value, key))
        found += places(each)
    return found


def spoilt(text: bytes, rng: random.Random) -> bytes:
    """A message with one thing wrong with it."""
    how = rng.randrange(4)
    if how == 0:
        at = rng.randrange(len(text))
        return text[:at] + bytes([rng.randrange(256)]) + text[at + 1 :]
    if how == 1:
        return text[: rng.randrange(len(text))]
    value = json.loads(text)
    found = places(value)
    if not found:
        return b"[]"
    inside, key = rng.choice(found)
    if how == 2 and isinstance(inside, dict):
        taken = inside.pop(key)
        if rng.random() < 0.5:
            inside[f"{key}New"] = taken
    else:
        inside[key] = rng.choice(VALUES)
    return json.dumps(value, separators=(",", ":")).encode()


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32))
def test_spoilt_messages(make_world: Any, seed: int) -> None:
    rng = random.Random(seed)
    heard = overheard(make_world())
    world = make_world()
    world.start()
    adapter = world.adapter
    for _ in range(150):
        kind, where, text = rng.choice(heard)
        text = spoilt(text, rng)
        if kind == "text":
            line = adapter._api if where.startswith("api") else adapter._market
            if line.serving:
                adapter.on_text(line.serving, text, world.now)
        else:
            asked = dict(adapter._rest._waiting)
            adapter.clock.measure(world.now)
            adapter._rules.read(world.now)
            adapter.feed.ask_venue(0, world.now)
            adapter.feed._snapshots.want(0, world.now)
            for ref in list(adapter._rest._waiting):
                if ref not in asked and rng.random() < 0.8:
                    adapter.on_reply(
                        ref, rng.choice([200, where, 400, 429, 500]), {"retry-after": "1"}, text, world.now
                    )
        world.run(0.02)
    world.run(150)  # back-offs, and a hold of 128 s at most if the last one was of a row
    assert adapter.stream_up
    assert all(stream.synced for stream in adapter.feed.streams)
    for rows in world.chunks:
        assert rows["flags"][-1] & LAST
        assert (rows["price"] >= 0).all()
        assert (rows["qty"] >= 0).all()
