"""The pains that need a session on real sockets, or one on paper; see `test_pains_orders.py` for the others."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pains_stage import MID, VENUE, quoter, spot
from served_desk import served_desk

import quotewright.live.closing
from quotewright.domain.errors import InputError
from quotewright.domain.events import ASK, BID, CLEAR, EVENT, LAST, LEVEL, TRADE
from quotewright.domain.journal import JOURNAL, Record
from quotewright.exchange.quiet_market import QuietSettings
from quotewright.live.assemble import Place, assemble
from quotewright.live.carry import Carry, read_carry
from quotewright.live.closing import close_run
from quotewright.live.gap import measure_gap
from quotewright.live.recorded import read_recorded
from quotewright.live.repetition import repeat_session
from quotewright.live.runner import Runner
from quotewright.live.settings import Mode, SessionSettings, VenueSettings, read_session
from quotewright.sessions.wiring import Market
from quotewright.storage.session_log import RECORDS, SessionLog

MS = 10**6
SECOND = 10**9
NEXT_VERSION = "99.0.0"
SESSION = """# by hand, with care
[session]
stop = "cancel"
entry_latency = "3ms"
response_latency = "2ms"

[[venue]]
name = "sim"
url = "{url}"
keys = "keys.toml"
instruments = ["AAAUSD", "BBBUSD"]

[[agent]]
name = "ladder"
strategy = "ladder"
interval_ms = 50
params = {{levels = 2, half_spread = 2.0, step = 2.0, order_notional = 20, skew = 1.0}}

[[agent]]
name = "pair"
strategy = "symmetric"
interval_ms = 50
instruments = ["sim:AAAUSD"]
params = {{half_spread = 1.0, order_notional = 30}}
"""


class Played:
    """One configuration on paper, live, and live once more by the next version, on the same venue.

    What lay in its folder before and after, and what the first live session `left`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        markets = [
            QuietSettings(spot(base), 5, MID, 10 * MS, 4, qty=2_000, move=0.4, take=0.6, take_qty=900)
            for base in ("AAA", "BBB")
        ]
        balances = {"AAA": "100", "BBB": "100", "USD": "100000"}
        with served_desk(folder, markets, balances) as (serving, self.account):
            (folder / "session.toml").write_text(SESSION.format(url=serving.rest))
            self.before = self.look()
            self._run("paper")
            self._run("live")
            self.left = read_carry(folder / "live" / "log")
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("quotewright.__version__", NEXT_VERSION)
                self._run("live")

    def _run(self, mode: Mode) -> None:
        settings = read_session(self.folder / "session.toml")
        outcome = asyncio.run(Runner(settings, mode, self.folder / mode, seconds=1.5).run())
        assert outcome.exit_code == 0

    def look(self) -> dict[str, tuple[str, int, int]]:
        """Digest, time and mode of every file that a person wrote."""
        files = sorted(self.folder.glob("*.toml"))
        return {
            path.name: (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns, path.stat().st_mode)
            for path in files
        }


@pytest.fixture(scope="module", name="played")
def _played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    return Played(tmp_path_factory.mktemp("played"))


def test_paper_or_live_equals_replay(played: Played, tmp_path: Path) -> None:
    """freqtrade #5494, #9608: a backtest over the same time trades otherwise than the bot did.

    Repeated from its log a session decides the same, record by record; and a paper session has the very fills that the
    replay of its own feed gives.
    """
    for mode in ("paper", "live"):
        record = close_run(played.folder / mode / "log", tmp_path / mode)
        assert record["mode"] == mode
        again = repeat_session(tmp_path / mode, tmp_path / f"{mode}-again")
        assert again["records"] == record["journal"]["rows"]
        assert again["commands"] > 20
    gap = measure_gap(tmp_path / "paper")
    assert sum(leg.fills_live for leg in gap.legs) > 5
    assert all(leg.agrees for leg in gap.legs)
    assert not any(played.account.open.values())
    assert read_carry(played.folder / "live" / "log").orders == []


def test_upgrade_does_not_overwrite_configuration(
    played: Played, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """#2409: a new version starts, and the settings of the old one are gone.

    Files that a person wrote are read and never written; what a version does not know is refused by name, and what an
    earlier version left behind is taken over.
    """
    assert played.look() == played.before
    assert set(played.before) == {"session.toml", "keys.toml"}
    log = played.folder / "live" / "log"
    begun, left = read_recorded(log).start, played.left
    assert {leg.agent for leg in left.legs} == {"ladder", "pair"}
    assert any(leg.cash and leg.position for leg in left.legs)
    assert begun.session > begun.carry.session == left.session
    assert [(leg.agent, leg.instrument, leg.cash, leg.position) for leg in begun.legs] == [
        (leg.agent, leg.instrument, leg.cash, leg.position) for leg in left.legs
    ]
    monkeypatch.setattr(quotewright.live.closing, "__version__", NEXT_VERSION)
    assert close_run(log, tmp_path / "run")["quotewright"] == NEXT_VERSION
    assert close_run(log, tmp_path / "first", left.session)["session"] == left.session
    newer = tmp_path / "session.toml"
    newer.write_text((played.folder / "session.toml").read_text() + "lever = 3\n")
    kept = newer.read_bytes()
    with pytest.raises(InputError, match=r"agent 2: lever: 3: is not a setting; they are"):
        read_session(newer)
    assert newer.read_bytes() == kept
    assert played.look() == played.before


class Paper:
    """One agent on paper, and a market that is made by hand."""

    def __init__(self, folder: Path, log: SessionLog) -> None:
        venue = VenueSettings(VENUE, "http://nowhere.invalid", ("AAAUSD",))
        settings = SessionSettings((venue,), (quoter("maker", away=10.0),))
        self.now = 1_800_000_000 * SECOND
        self._log, self._folder, self._seq = log, folder, 0
        market = Market(spot("AAA").name, spot("AAA"), False, 2 * MID)
        self.session = assemble(settings, "paper", [Place(venue, [market])], log, Carry(), self.now)

    def rows(self, *given: tuple[int, int, int, int]) -> None:
        """One update, and then a second in which every answer comes home."""
        rows = np.zeros(len(given), EVENT)
        self._seq += 1
        for row, (kind, side, price, qty) in zip(rows, given, strict=True):
            row["kind"], row["side"], row["price"], row["qty"] = kind, side, price, qty
        rows["seq"], rows["exch_ts"] = self._seq, self.now
        rows["flags"][-1] = LAST
        self.session.on_rows(0, rows, self.now)
        end = self.now + SECOND
        while self.session.next_due() <= end:
            self.now = max(self.now, self.session.next_due())
            self.session.on_time(self.now)
        self.now = end

    def fills(self) -> list[tuple[int, int, int]]:
        """Side, price and lots of every fill so far."""
        self._log.flush()
        rows: Any = np.concatenate(list(read_recorded(self._folder).tables(RECORDS, JOURNAL)))
        return [(int(r["side"]), int(r["price"]), int(r["qty"])) for r in rows[rows["kind"] == Record.FILL]]


@pytest.fixture(name="paper")
def _paper(tmp_path: Path) -> Iterator[Paper]:
    with SessionLog(tmp_path / "log", sync_every_ns=0) as log:
        yield Paper(tmp_path / "log", log)


def _book(queue: int = 0) -> list[tuple[int, int, int, int]]:
    """Both sides 20 ticks from the middle, and a queue where the agent's bid of 200 lots will stand."""
    levels = [(LEVEL, side, MID - side * away, 1_000) for side in (BID, ASK) for away in (20, 21, 22)]
    return [(CLEAR, 0, 0, 0), *levels, *([(LEVEL, BID, MID - 10, queue), (LEVEL, ASK, MID + 10, queue)] * (queue > 0))]


def test_paper_fills_respect_size(paper: Paper) -> None:
    """#4877, #5318: on paper an order is filled whole by the smallest trade at its price."""
    paper.rows(*_book())
    paper.rows((TRADE, ASK, MID - 10, 30))
    assert paper.fills() == [(BID, MID - 10, 30)]
    paper.rows((TRADE, ASK, MID - 9, 500))  # of someone better than us
    assert paper.fills() == [(BID, MID - 10, 30)]
    paper.rows((TRADE, BID, MID + 10, 199))
    assert paper.fills()[1:] == [(ASK, MID + 10, 199)]


def test_paper_fills_wait_for_the_queue(paper: Paper) -> None:
    """#4877, #5318, the other half: what stood there before is filled before."""
    paper.rows(*_book(queue=100))
    paper.rows((TRADE, ASK, MID - 10, 90))
    assert paper.fills() == []
    paper.rows((TRADE, ASK, MID - 10, 45))
    assert paper.fills() == [(BID, MID - 10, 35)]
