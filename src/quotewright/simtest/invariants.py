"""What must hold when a run has ended: journal, venue and account agree, and nothing rests.

The others are judged while the run goes on, in `observer` and `world`:

    no order twice      the venue never sees a client id again
    no stranger         every order and fill at the venue is of one of our sessions
    no order unknown    what rests at the venue is known to the gateway, at every look
    position limit      position and all that rests on a side never pass the limit, by the venue's own word
    open limit          nor does the notional of what rests
    cancel reserve      the venue never refuses a cancel for request weight
    weight limit        nor any other message that is the gateway's to budget
    order limit         nor for the number of orders
    it settles          after the last fault every hold, alarm and doubt ends
    stop is confirmed   the stop at the end does too
    no error            nothing raises
    the journal replays the step decides the same again (where asked for)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np

from quotewright.domain.instrument import ASSET_ATOM
from quotewright.domain.journal import Record
from quotewright.domain.messages import RESPONSE
from quotewright.exchange.server import ExchangeServer
from quotewright.live.carry import StartFrame, read_carry
from quotewright.simtest.observer import ACCOUNT, Observer, Violations
from quotewright.simtest.plan import Plan
from quotewright.storage.session_log import ANSWERS, META, RECORDS, read_log

_FIELDS = ("leg", "trade", "side", "price", "qty", "fee")

Fill = tuple[str, str, int, int, int, int, int]  # agent, instrument, trade, side, price, lots, fee


def check_end(
    plan: Plan,
    folder: Path,
    server: ExchangeServer,
    observer: Observer,
    begun: Mapping[str, int],
    violations: Violations,
    now: int,
) -> None:
    """Judge a run that has ended; `begun` is what the account had at first, in atoms by asset."""
    for client_id in observer.open_ids():
        violations.add("nothing rests", f"{client_id} is open after the stop", now)
    _check_fills(plan, folder, server, observer, violations, now)
    _check_money(plan, folder, observer, begun, violations, now)


def _check_fills(
    plan: Plan, folder: Path, server: ExchangeServer, observer: Observer, violations: Violations, now: int
) -> None:
    """Every fill at the venue is in the log once, for the agent whose order it was, with its fee."""
    account = server.accounts[ACCOUNT]
    at_venue: Counter[Fill] = Counter()
    oldest: dict[str, int] = {}  # the venue remembers no fills, or not their orders, before
    for instrument in plan.instruments:
        fills = account.fills.get(instrument.symbol, ())
        known = [(instrument.symbol, fill.order) in account.orders for fill in fills]
        forgotten = len(known) - known[::-1].index(False) if False in known else 0
        kept = list(fills)[forgotten:]
        cut = forgotten or len(fills) == server.venue.settings.history
        oldest[instrument.name] = kept[0].id if kept and cut else 0
        for fill in kept:
            owner = observer.owner(account.orders[instrument.symbol, fill.order].client_id)
            fee = fill.fee if fill.fee_asset == instrument.base else int(fill.fee * ASSET_ATOM / instrument.money_unit)
            key = (owner[0] if owner else "", instrument.name, fill.id, fill.side, fill.price, fill.qty, fee)
            at_venue[key] += 1
    booked = _booked(folder)
    for key in sorted((at_venue - booked).keys()):
        violations.add("each fill booked once", f"missing from the log: {key}", now)
    for key in sorted(key for key in (booked - at_venue) if key[2] >= oldest.get(key[1], 0)):
        violations.add("each fill booked once", f"not at the venue, or booked before: {key}", now)


def _booked(folder: Path) -> Counter[Fill]:
    """Fills that were answered and then recorded: answers at the very end of a write that broke off are neither."""
    found: Counter[Fill] = Counter()
    legs: list[tuple[str, str]] = []
    waiting: list[Fill] = []
    for frame in read_log(folder):
        if frame.kind == META:
            start = msgspec.json.decode(frame.payload, type=StartFrame)
            legs, waiting = [(leg.agent, leg.instrument) for leg in start.legs], []
        elif frame.kind == RECORDS:
            found.update(waiting)
            waiting = []
        elif frame.kind == ANSWERS:
            rows = np.frombuffer(frame.payload, RESPONSE)
            for row in rows[rows["kind"] == Record.FILL]:
                leg, trade, side, price, qty, fee = (int(row[name]) for name in _FIELDS)
                agent, instrument = legs[leg] if 0 <= leg < len(legs) else ("", "")
                waiting.append((agent, instrument, trade, side, price, qty, fee))
    return found


def _check_money(
    plan: Plan, folder: Path, observer: Observer, begun: Mapping[str, int], violations: Violations, now: int
) -> None:
    """Positions and cash of all agents add up to what has changed on the account, to the atom."""
    carry = read_carry(folder)
    for order in carry.orders:
        violations.add("nothing rests", f"the journal leaves order {order.number} of session {order.session} open", now)
    units = {instrument.name: instrument for instrument in plan.instruments}
    changed = {asset: total - begun.get(asset, 0) for asset, total in observer.totals().items()}
    booked = dict.fromkeys(changed, 0)
    for leg in carry.legs:
        instrument = units[leg.instrument]
        atoms = leg.position * instrument.qty_step.fraction / instrument.atoms_per_lot / ASSET_ATOM
        booked[instrument.base] += int(atoms)
        booked[instrument.quote] += int(leg.cash * instrument.money_unit / ASSET_ATOM)
    for asset, atoms in sorted(changed.items()):
        if booked[asset] != atoms:
            text = f"{asset}: the account changed by {atoms} atoms, agents booked {booked[asset]}"
            violations.add("position and cash", text, now)
