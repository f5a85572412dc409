"""Run folders made by hand: a plain book-keeper that writes the journal the contract asks for.

Money is kept in fractions of the settle asset from the instrument's decimal strings and becomes integer money
units only when a record is written; nothing here uses the accounting package.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from quotewright.domain.instrument import Instrument
from quotewright.domain.journal import (
    ASK_AT_TOUCH,
    BID_AT_TOUCH,
    FEE_IN_BASE,
    FILL_TAKER,
    JOURNAL,
    MARKOUT_HORIZONS,
    Record,
    Refusal,
    Reject,
)

ATOM = Fraction(1, 10**8)
SECOND = 10**9
T0 = 1_723_161_600 * SECOND

SPOT = Instrument(
    venue="alpha", symbol="BTCUSDT", kind="spot", base="BTC", quote="USDT", tick="0.01", lot="0.00001",
    maker_rate="0.001", taker_rate="0.001", fee_asset="received",
)  # fmt: skip
SPOT_REBATE = Instrument(
    venue="alpha", symbol="ETHUSDT", kind="spot", base="ETH", quote="USDT", tick="0.01", lot="0.0001",
    maker_rate="-0.00013", taker_rate="0.00037", fee_asset="received",
)  # fmt: skip
LINEAR = Instrument(
    venue="beta", symbol="BTCUSDT", kind="linear", base="BTC", quote="USDT", tick="0.1", lot="0.001",
    maker_rate="-0.00005", taker_rate="0.0005",
)  # fmt: skip
LINEAR_CONTRACT = Instrument(
    venue="beta", symbol="ETH-10", kind="linear", base="ETH", quote="USDT", tick="0.05", lot="1", contract_size="0.01",
    maker_rate="0.0002", taker_rate="0.0005",
)  # fmt: skip
INVERSE = Instrument(
    venue="gamma", symbol="BTCUSD_PERP", kind="inverse", base="BTC", quote="USD", tick="0.1", lot="1",
    contract_size="100", maker_rate="0.0001", taker_rate="0.0005",
)  # fmt: skip
INVERSE_REBATE = Instrument(
    venue="gamma", symbol="ETHUSD_PERP", kind="inverse", base="ETH", quote="USD", tick="0.01", lot="1",
    contract_size="10", maker_rate="-0.0001", taker_rate="0.0005",
)  # fmt: skip
ALL_KINDS = (SPOT, SPOT_REBATE, LINEAR, LINEAR_CONTRACT, INVERSE, INVERSE_REBATE)


class Keeper:
    """Books of one agent on one instrument, in exact fractions of the settle asset."""

    def __init__(self, instrument: Instrument) -> None:
        self.inverse = instrument.kind == "inverse"
        self.tick, self.lot = Fraction(instrument.tick), Fraction(instrument.lot)
        self.size = Fraction(instrument.contract_size)
        self.maker, self.taker = Fraction(instrument.maker_rate), Fraction(instrument.taker_rate)
        self.received = instrument.fee_asset == "received"
        self.unit = instrument.money_unit
        self.atoms_per_lot = instrument.atoms_per_lot
        self.cash, self.position, self.funding = Fraction(0), 0, Fraction(0)

    def value(self, atoms: int, half_ticks: int) -> Fraction:
        """Value of a size in position atoms at a price in half ticks, always positive."""
        quantity = Fraction(abs(atoms), self.atoms_per_lot) * self.lot * self.size
        price = half_ticks * self.tick / 2
        if not self.inverse:
            return quantity * price
        return math.floor(quantity / price / ATOM + Fraction(1, 2)) * ATOM

    def units(self, amount: Fraction) -> int:
        whole = amount / self.unit
        assert whole.denominator == 1, "a money amount that is not a whole number of money units"
        return whole.numerator

    def fill(self, side: int, lots: int, price: int, taker: bool) -> tuple[int, int]:
        """Book a fill; returns the journal's fee and flags."""
        atoms, rate = lots * self.atoms_per_lot, self.taker if taker else self.maker
        value = self.value(atoms, 2 * price)
        self.cash += side * value if self.inverse else -side * value
        self.position += side * atoms
        flags = FILL_TAKER if taker else 0
        if self.received and side > 0:
            base = math.ceil(atoms * rate)
            self.position -= base
            return base, flags | FEE_IN_BASE
        fee = math.ceil(value * rate / ATOM) * ATOM
        self.cash -= fee
        return self.units(fee), flags

    def fund(self, rate: int, mark: int) -> int:
        """Pay funding; returns what was paid in money units."""
        sign = 1 if self.position > 0 else -1
        exact = sign * self.value(self.position, 2 * mark) * rate / 10**8
        paid = math.ceil(exact / ATOM) * ATOM
        self.cash -= paid
        self.funding += paid
        return self.units(paid)

    def equity(self, mid2: int) -> Fraction:
        if not self.position:
            return self.cash
        sign = (1 if self.position > 0 else -1) * (-1 if self.inverse else 1)
        return self.cash + sign * self.value(self.position, mid2)


@dataclass
class RunBuilder:
    """Collects journal records in any order of time and writes a run folder."""

    instruments: list[Instrument]
    agents: list[dict[str, Any]]
    mark_interval: int = SECOND
    records: list[dict[str, int]] = field(default_factory=list)
    keepers: dict[tuple[int, int], Keeper] = field(default_factory=dict)
    fill_numbers: int = 0
    orders: int = 0

    def keeper(self, agent: int, instrument: int) -> Keeper:
        if (agent, instrument) not in self.keepers:
            self.keepers[agent, instrument] = Keeper(self.instruments[instrument])
        return self.keepers[agent, instrument]

    def add(self, kind: Record, ts: int, agent: int, instrument: int, **fields: int) -> None:
        self.records.append({"kind": int(kind), "ts": ts, "agent": agent, "instrument": instrument, **fields})

    def state(self, kind: Record, ts: int, agent: int, instrument: int, mid2: int, **fields: int) -> None:
        """RUN_START, MARK and RUN_END."""
        keeper = self.keeper(agent, instrument)
        money = {"cash": keeper.units(keeper.cash), "position": keeper.position, "mid2": mid2}
        if kind == Record.MARK:
            money["fee"] = keeper.units(keeper.funding)
        self.add(kind, ts, agent, instrument, **money, **fields)

    def fill(self, ts: int, agent: int, instrument: int, side: int, lots: int, price: int, mid2: int,
             taker: bool = False, **fields: int) -> int:  # fmt: skip
        keeper = self.keeper(agent, instrument)
        fee, flags = keeper.fill(side, lots, price, taker)
        self.fill_numbers += 1
        self.add(Record.FILL, ts, agent, instrument, side=side, qty=lots, price=price, mid2=mid2, fee=fee, flags=flags,
                 cash=keeper.units(keeper.cash), position=keeper.position, ref=self.fill_numbers, **fields)  # fmt: skip
        return self.fill_numbers

    def fund(self, ts: int, agent: int, instrument: int, rate: int, mark: int, mid2: int) -> None:
        keeper = self.keeper(agent, instrument)
        paid = keeper.fund(rate, mark)
        self.add(Record.FUNDING, ts, agent, instrument, qty=rate, price=mark, fee=paid,
                 cash=keeper.units(keeper.cash), position=keeper.position, mid2=mid2)  # fmt: skip

    def write(self, folder: Path, **facts: Any) -> Path:
        """Write `journal.parquet` and `run.json`; `facts` overrides entries of the latter."""
        folder.mkdir(parents=True, exist_ok=True)
        ordered = sorted(self.records, key=lambda r: r["ts"])
        rows = np.zeros(len(ordered), dtype=JOURNAL)
        for seq, record in enumerate(ordered):
            rows[seq]["seq"] = seq
            for name, value in record.items():
                rows[seq][name] = value
        write_journal(folder, rows)
        digest = hashlib.sha256((folder / "journal.parquet").read_bytes()).hexdigest()
        described = {
            "quotewright": "0.1.0",
            "code": "c0de" * 16,
            "command": ["quotewright", "replay", "--store", "my store", "--seed", "7"],
            "dataset": "da7a" * 16,
            "datasets": [described_dataset(n, i) for n, i in enumerate(self.instruments)],
            "instruments": [i.to_dict() for i in self.instruments],
            "agents": self.agents,
            "venue": {
                "queue_model": "risk-averse",
                "power": 2.0,
                "entry_latency_ns": 5_000_000,
                "response_latency_ns": 5_000_000,
                "latency_file": "",
            },
            "seed": 7,
            "mark_interval_ns": self.mark_interval,
            "events": 123_456,
            "first_ts": int(rows["ts"][0]) if len(rows) else T0,
            "last_ts": int(rows["ts"][-1]) if len(rows) else T0,
            "assumptions": ["Our orders do not move the market.", "Recorded cancels were all <behind> us."],
            "journal": {"file": "journal.parquet", "rows": len(rows), "sha256": digest},
        }
        (folder / "run.json").write_text(json.dumps({**described, **facts}))
        return folder


def described_dataset(number: int, instrument: Instrument) -> dict[str, Any]:
    """One entry of `datasets` in run.json."""
    return {
        "name": instrument.name, "hash": f"{number:064x}", "rows": 1000, "first_ts": T0, "last_ts": T0 + 60 * SECOND,
        "clock_offset": 0,
    }  # fmt: skip


def write_journal(folder: Path, rows: Any) -> None:
    table = pa.table({name: pa.array(np.ascontiguousarray(rows[name])) for name in JOURNAL.names or ()})
    pq.write_table(table, folder / "journal.parquet", compression="zstd")


def agent(name: str, instruments: list[int], strategy: str = "symmetric", **params: float) -> dict[str, Any]:
    """One entry of `agents` in run.json."""
    return {
        "name": name, "world": "main", "strategy": strategy, "params": params or {"half_spread": 5.0},
        "limits": {"max_position": 100}, "interval_ns": SECOND // 10, "instruments": instruments,
    }  # fmt: skip


def random_run(seed: int, instruments: list[Instrument], agents: list[dict[str, Any]], seconds: int = 60,
               steps_a_second: int = 10) -> RunBuilder:  # fmt: skip
    """A market maker's journal: a mid that walks, quotes that follow and are lifted, with every kind of record."""
    run = RunBuilder(instruments, agents)
    for a, described in enumerate(agents):
        for i in described["instruments"]:
            _random_leg(run, random.Random(f"{seed}/{a}/{i}"), random.Random(f"{seed}/{i}"), a, i, seconds,
                        steps_a_second)  # fmt: skip
    for i in range(len(instruments)):
        run.add(Record.BOOK_VALID, T0, -1, i)
        run.add(Record.BOOK_INVALID, T0 + seconds * SECOND // 2, -1, i)
        run.add(Record.BOOK_VALID, T0 + seconds * SECOND // 2 + SECOND // 4, -1, i)
    return run


def _random_leg(run: RunBuilder, draw: random.Random, market: random.Random, a: int, i: int, seconds: int,
                steps: int) -> None:  # fmt: skip
    instrument = run.instruments[i]
    price = {"BTC": 60_000, "ETH": 2_500}[instrument.base]
    mid2 = int(2 * price / Fraction(instrument.tick)) | 1
    step = max(2, mid2 // 60_000)
    width = max(2, mid2 // 12_000)
    lots = {"spot": 500, "linear": 5, "inverse": 20}[instrument.kind]
    path, keeper = [], run.keeper(a, i)
    dt = SECOND // steps
    for _ in range(seconds * steps):
        mid2 += round(market.gauss(0, step))
        path.append(mid2)
    run.state(Record.RUN_START, T0, a, i, 0)
    resting: dict[int, tuple[int, int, int, int]] = {}
    for n, mid2 in enumerate(path):
        ts = T0 + (n + 1) * dt
        bid, ask = (mid2 - 1) // 2, (mid2 + 2) // 2
        if n % steps == 0:
            at_touch = draw.choice((0, BID_AT_TOUCH, ASK_AT_TOUCH, BID_AT_TOUCH | ASK_AT_TOUCH))
            run.state(Record.MARK, ts, a, i, mid2, flags=at_touch)
        run.add(Record.DECISION, ts, a, i, price=bid, qty=ask, position=keeper.position, ref=n + 1)
        for order, (side, limit, size, ahead) in list(resting.items()):
            reached = (limit >= mid2 / 2 - width / 4) if side > 0 else (limit <= mid2 / 2 + width / 4)
            if reached and draw.random() < 0.5:
                part = draw.randint(1, size)
                number = run.fill(ts, a, i, side, part, limit, mid2, taker=draw.random() < 0.1, order=order,
                                  exch_ts=ts - 4_000_000, leaves=size - part, ahead=ahead)  # fmt: skip
                for horizon in MARKOUT_HORIZONS:
                    later = n + horizon // dt
                    if later < len(path):
                        run.add(Record.MARKOUT, ts + horizon, a, i, ref=number, qty=horizon, mid2=path[later],
                                side=side, price=limit)  # fmt: skip
                resting[order] = (side, limit, size - part, ahead)
                if part == size:
                    del resting[order]
            elif draw.random() < 0.2:
                run.add(Record.CANCEL, ts, a, i, order=order, side=side, price=limit, leaves=size)
                run.add(Record.CANCELED, ts + 11_000_000, a, i, order=order, side=side, leaves=size,
                        exch_ts=ts + 6_000_000)  # fmt: skip
                del resting[order]
        lean = -keeper.position * width // (lots * keeper.atoms_per_lot * 4)
        for side in (1, -1):
            if draw.random() < 0.6 and not any(r[0] == side for r in resting.values()):
                run.orders += 1
                limit = (mid2 + lean - side * draw.randint(width // 2, 2 * width)) // 2
                limit = min(limit, ask - 1) if side > 0 else max(limit, bid + 1)
                ahead = draw.randint(0, 50)
                run.add(Record.PLACE, ts, a, i, order=run.orders, side=side, price=limit, qty=lots, flags=1)
                run.add(Record.ACCEPTED, ts + draw.randint(8, 14) * 1_000_000, a, i, order=run.orders, side=side,
                        price=limit, qty=lots, ahead=ahead, exch_ts=ts + draw.randint(4, 6) * 1_000_000)  # fmt: skip
                resting[run.orders] = (side, limit, lots, ahead)
        if draw.random() < 0.02:
            run.add(Record.REFUSED, ts, a, i, side=1, price=bid, qty=lots, reason=Refusal.POSITION)
            run.add(Record.REFUSED, ts, a, i, side=1, reason=Refusal.POSITION, ref=3)
        if draw.random() < 0.01:
            run.add(Record.REJECTED, ts, a, i, order=10**9 + n, reason=Reject.POST_ONLY)
        if instrument.kind != "spot" and n and n % (steps * 20) == 0 and keeper.position:
            run.fund(ts, a, i, draw.choice((-5000, 10_000)), bid, mid2)
    end = T0 + seconds * SECOND + 60 * SECOND
    run.state(Record.RUN_END, end, a, i, path[-1])
