"""The synthetic market: an order-level market that anyone can trade in, deterministic from its seed.

`generate` gives its events as a recording would; `SyntheticMarket` runs it step by step and takes orders from outside,
which meet the same queues as everyone's and to which the others react.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import HaltError, InputError
from quotewright.domain.events import LAST, EventArray, empty_events
from quotewright.simulation import synthetic_loop
from quotewright.simulation.matching import as_records, records
from quotewright.simulation.presets import MOST_LAYERS, PARAMS, Preset
from quotewright.simulation.synthetic_exchange import Answer, Executions, MatchingEngine
from quotewright.simulation.synthetic_state import (
    FIRST_MAKER,
    HISTORY,
    MAKER,
    MARKET,
    PARTICIPANT,
    STREAMS,
    VALUE_STEP,
    stamp_local,
)

SECOND = 10**9
MILLISECOND = 10**6
DRAWS = 1 << 15  # random numbers held for each stream


class SyntheticMarket:
    """One market of `preset` and `seed`, warmed up and standing at the preset's start.

    Times in ns, prices in ticks, quantities in lots. Raises InputError for a seed outside 0 … 2⁶³ − 1.
    """

    def __init__(self, preset: Preset, seed: int) -> None:
        if not 0 <= seed < 2**63:
            raise InputError("seed", seed, "must lie between 0 and 2^63 - 1")
        self.preset = preset
        self.engine = MatchingEngine(rows=1 << 14)
        self._params: Any = records(1, PARAMS)
        self._params[:] = preset.to_record()
        self._market: Any = records(1, MARKET)
        self._makers = _makers(preset)
        sources = [np.random.PCG64(s) for s in np.random.SeedSequence(seed).spawn(STREAMS + 1)]
        *self._streams, self._feed = [np.random.Generator(source) for source in sources]
        self._draws = np.stack([stream.random(DRAWS) for stream in self._streams])
        self._used = np.zeros(STREAMS, dtype=np.int64)
        self._history = np.full(HISTORY, float(preset.start_price))
        self._pool = np.zeros(1024, dtype=np.int64)
        self._wanted = np.zeros((2, MOST_LAYERS), dtype=np.int64)
        self._received = 0
        self._warm_up()

    @property
    def now(self) -> int:
        """Venue time."""
        return int(self._market[0]["now"])

    @property
    def value(self) -> float:
        """The latent value, ticks; for studies, no participant can see it."""
        return float(self._market[0]["value"])

    def run_until(self, time: int, *, most_rows: int = 1 << 62) -> bool:
        """Run everything due before `time`; stops early, returning False, once `most_rows` rows wait."""
        while True:
            status = synthetic_loop.run(
                self._market,
                self._params,
                self._makers,
                self._used,
                self._draws,
                self._history,
                self._pool,
                self._wanted,
                *self.engine.arrays,
                time,
                most_rows,
            )
            if status == synthetic_loop.REACHED:
                return True
            if status == synthetic_loop.ROWS_FULL:
                return False
            if status == synthetic_loop.NEEDS_ROOM:
                self._make_room()
            elif status == synthetic_loop.NEEDS_DRAWS:
                self._draw_more()
            else:
                raise HaltError(f"the synthetic market broke its own rules: book status {status}")

    def submit(self, side: int, price: int, qty: int, *, owner: int = PARTICIPANT, flags: int = 0) -> Answer:
        """An order from outside, at the market's present time; `owner` must be PARTICIPANT or above."""
        if owner < PARTICIPANT:
            raise InputError("owner", owner, f"must be {PARTICIPANT} or above; lower numbers are the market's own")
        return self.engine.submit(side, price, qty, now=self.now, owner=owner, flags=flags)

    def cancel(self, order_id: int) -> Answer:
        """Cancel an order at the market's present time."""
        return self.engine.cancel(order_id, now=self.now)

    def snapshot(self) -> None:
        """Write the whole book as one update (CLEAR and ADD rows)."""
        self.engine.snapshot(now=self.now)

    def take_events(self) -> EventArray:
        """The rows since the last call, with receive times."""
        rows = self.engine.take_events()
        updates = int(np.count_nonzero(rows["flags"] & LAST))
        params = self.preset.params
        self._received = stamp_local(
            as_records(rows),
            len(rows),
            self._received,
            params.feed_delay * MILLISECOND,
            params.feed_spread,
            np.zeros(1, dtype=np.int64),
            self._feed.random((1, 2 * updates)),
        )
        return rows

    def take_executions(self) -> Executions:
        """The executions since the last call, of everyone (dtype EXECUTION)."""
        engine = self.engine
        state = self._market, self._params, self._makers, self._used, self._draws
        if synthetic_loop.absorb_all(*state, engine.head, engine.executions) == synthetic_loop.NEEDS_DRAWS:
            self._draw_more()
            synthetic_loop.absorb_all(*state, engine.head, engine.executions)
        return engine.take_executions()

    def _warm_up(self) -> None:
        """Run the market into its typical state, then forget what was written."""
        start = self.preset.start_ns
        began = start - int(self.preset.params.warm_up * SECOND)
        if began < 0:
            raise InputError("start_ns", start, "must leave room for the warm-up before it")
        market = self._market[0]
        market["now"] = market["excited_at"] = market["next_flow"] = began
        market["next_value"] = began + VALUE_STEP
        market["value"] = market["mid"] = market["fast"] = market["slow"] = float(self.preset.start_price)
        self._makers["wake"] = began + np.arange(len(self._makers)) * MILLISECOND
        while not self.run_until(start, most_rows=1 << 13):
            self._forget()
        self._forget()

    def _forget(self) -> None:
        self.take_executions()
        self.engine.take_events()

    def _make_room(self) -> None:
        spare = 2 * synthetic_loop.SPARE
        self.engine.make_room(4 * self.engine.open_orders + spare, spare)
        used = int(self._market[0]["pool"])
        if used + spare > len(self._pool):
            self._pool = np.concatenate([self._pool, np.zeros(len(self._pool) + spare, dtype=np.int64)])

    def _draw_more(self) -> None:
        """Refill each stream behind what it has not used yet."""
        for i, stream in enumerate(self._streams):
            rest = self._draws[i, self._used[i] :].copy()
            self._draws[i, : len(rest)] = rest
            self._draws[i, len(rest) :] = stream.random(DRAWS - len(rest))
        self._used[:] = 0


def _makers(preset: Preset) -> npt.NDArray[Any]:
    """Makers from the fastest and tightest to the slowest and widest; the last ones are the penny-jumpers."""
    params = preset.params
    makers: Any = records(params.makers, MAKER)
    for i in range(params.makers):
        rank = i / max(params.makers - 1, 1)
        delay = params.maker_delay + rank * params.maker_delay_spread
        makers[i]["owner"] = FIRST_MAKER + i
        makers[i]["delay_steps"] = round(delay * MILLISECOND / VALUE_STEP)
        makers[i]["half_spread"] = params.maker_half_spread * (1.0 + 0.5 * rank)
        makers[i]["jumper"] = int(i >= params.makers - params.jumpers)
    return makers


def generate(preset: Preset, seed: int, duration_ns: int, *, chunk_rows: int = 1 << 16) -> Iterator[EventArray]:
    """L3 events of `duration_ns` of market, in arrays of about `chunk_rows` rows that end with an update.

    The first update is a snapshot (CLEAR and ADD rows) at the preset's start. Two calls with equal preset, seed
    and duration give equal bytes, whatever the chunks. Raises InputError for a duration or chunk below 1.
    """
    if duration_ns < 1:
        raise InputError("duration", duration_ns, "must be at least a nanosecond")
    if chunk_rows < 1:
        raise InputError("chunk_rows", chunk_rows, "must be at least 1")
    market = SyntheticMarket(preset, seed)
    market.snapshot()
    finished = False
    while not finished:
        finished = market.run_until(preset.start_ns + duration_ns, most_rows=chunk_rows)
        rows = market.take_events()
        market.take_executions()
        if len(rows):
            yield rows


def generate_all(preset: Preset, seed: int, duration_ns: int) -> EventArray:
    """What `generate` yields, as one array."""
    chunks = list(generate(preset, seed, duration_ns))
    return np.concatenate(chunks) if chunks else empty_events(0)
