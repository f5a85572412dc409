"""The fault plane: a venue's failures, as its schedule of rules says, each drawn from one generator.

The same rules, generator and order of calls give the same faults. `applied` counts them by kind when they strike: a
rule that no request and no frame has met counts nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

import msgspec

from quotewright.exchange.fault_control import answer
from quotewright.exchange.fault_fields import change_field
from quotewright.exchange.fault_schedule import KINDS, NEVER, SECOND, FaultRule, FaultSchedule
from quotewright.exchange.hooks import HttpReply, Outcome, Request, VenueEvent

_MS = 10**6
_TOO_MANY = "Too many requests; current limit of IP is 6000 requests per 1 minute."
_EVENTS = {"gap": "gap", "disconnect": "disconnect", "shutdown_notice": "shutdown", "end_user_stream": "terminate"}


class ActiveRule(msgspec.Struct):
    """A rule in force at a plane: `number` names it, `struck` counts its faults, `due` is a timed one's next time."""

    number: int
    rule: FaultRule
    begin: int
    end: int
    due: int = NEVER
    struck: int = 0

    def spent(self) -> bool:
        """Whether it has struck as often as it may."""
        return 0 < self.rule.times <= self.struck


class FaultPlane:
    """Faults for a venue that starts at `start` ns; rules' windows count from there."""

    def __init__(self, rng: Random, schedule: FaultSchedule | Iterable[FaultRule] = (), start: int = 0) -> None:
        self.applied: dict[str, int] = {}
        self.rules: dict[int, ActiveRule] = {}
        self._rng = rng
        self._last_number = 0
        self._open: dict[str, list[ActiveRule]] = {}  # by kind, those whose window is open
        self._change = 0  # when a window opens or closes next
        self._timed: list[ActiveRule] = []
        self._cuts: list[tuple[int, FaultRule]] = []  # connections end after a notice of shutdown
        self._bans: dict[str, int] = {}
        self._limits: dict[str, int] = {}
        self._frozen: dict[tuple[int, int, str, str], bool] = {}
        self._behind: dict[int, int] = {}  # by connection, when the last frame that keeps its order is due
        for rule in schedule.rules if isinstance(schedule, FaultSchedule) else schedule:
            self.add(rule, start)

    def add(self, rule: FaultRule, start: int) -> int:
        """Put a rule in force, its window counted from `start` ns; returns its number."""
        self._last_number += 1
        begin = start + rule.start
        active = ActiveRule(self._last_number, rule, begin, NEVER if rule.end == NEVER else start + rule.end)
        self.rules[active.number] = active
        if KINDS[rule.kind].timed:
            active.due = begin
            self._timed.append(active)
        self._change = 0
        return active.number

    def clear(self, number: int | None = None) -> int:
        """Take a rule, or all, out of force, with the bans, limits and silences they began; returns how many."""
        gone = [active for active in self.rules.values() if number in (None, active.number)]
        for active in gone:
            del self.rules[active.number]
        self._timed = [active for active in self._timed if active.number in self.rules]
        if not self.rules:
            self._bans, self._limits, self._cuts, self._behind = {}, {}, [], {}
        self._frozen = {key: value for key, value in self._frozen.items() if key[0] in self.rules}
        self._change = 0
        return len(gone)

    def control(self, method: str, path: str, body: bytes, now: int) -> HttpReply:
        """A request to the control port."""
        return answer(self, method, path, body, now)

    def before_request(self, request: Request, now: int) -> Outcome | None:
        """A request vanishes, fails, or is refused for a limit, before it is carried out."""
        open_rules = self._at(now)
        until = self._limits.get(request.address, 0)
        if now < until:
            return self._limited("limit", 429, until - now)
        if not open_rules:
            return None
        if self._strikes("drop", request):
            return Outcome(drop=True)
        if rule := self._strikes("ban", request):
            self._bans[request.address] = now + rule.magnitude * SECOND
            return self._limited("", 418, rule.magnitude * SECOND)
        if rule := self._strikes("limit", request):
            self._limits[request.address] = now + rule.magnitude * SECOND
            return self._limited("", 429, rule.magnitude * SECOND)
        if rule := self._strikes("error_before", request):
            return _server_error(rule.magnitude)
        if rule := self._strikes("unknown_status", request, half=1):
            return _unknown(rule.magnitude)
        return None

    def after_request(self, request: Request, payload: bytes, now: int) -> Outcome | None:
        """The answer is lost, late, changed, or says that the venue failed though it did not."""
        if not self._at(now):
            return None
        if self._strikes("lost_ack", request):
            return Outcome(drop=True)
        late = rule.magnitude * _MS if (rule := self._strikes("delay", request)) else 0
        if rule := self._strikes("error_after", request):
            return _server_error(rule.magnitude, late)
        if rule := self._strikes("unknown_status", request, half=2):
            return _unknown(rule.magnitude, late)
        changed = self._changed(payload, "request", request.kind, request.symbol, request.account)
        if late or changed is not None:
            return Outcome(delay=late, payload=changed)
        return None

    def on_frame(self, conn: int, stream: str, symbol: str, payload: bytes, now: int) -> list[tuple[int, bytes]] | None:
        """A frame is lost, late, doubled, overtaken or changed.

        A late frame holds up those behind it, as on a TCP connection; a reordered one lets them pass.
        """
        open_rules = self._at(now)
        behind = self._behind.get(conn, 0)
        if not open_rules and behind <= now:
            return None
        if self._strikes_frame("drop", stream, symbol):
            return []
        changed = self._changed(payload, "stream", stream, symbol)
        frame = payload if changed is None else changed
        copies = 1 + (rule.magnitude if (rule := self._strikes_frame("duplicate", stream, symbol)) else 0)
        if rule := self._strikes_frame("reorder", stream, symbol):
            return [(max(now, behind) + rule.magnitude * _MS, frame)] * copies
        due = max(now, behind)
        if rule := self._strikes_frame("delay", stream, symbol):
            due = max(due, now + rule.magnitude * _MS)
            self._behind[conn] = due
        return [(due, frame)] * copies

    def refuse_connect(self, path: str, address: str, now: int) -> bool:
        """A connection is refused."""
        kind = "api" if path.startswith("/ws-api") else "market"
        for active in self._at(now).get("refuse_connect", ()):
            if active.rule.connection in ("", kind) and self._draw(active):
                return True
        return False

    def clock_skew(self, now: int) -> int:
        """How far the venue's clock is off: a step for the whole window, or a drift that grows through it."""
        total = 0
        for active in self._at(now).get("clock_skew", ()):
            if self._decided(active):
                skew = active.rule.magnitude * _MS
                if active.rule.shape == "drift":
                    skew = skew * (now - active.begin) // (active.end - active.begin)
                total += skew
        return total

    def engine_delay(self, now: int) -> int:
        """How long the matching engine keeps a request waiting."""
        return self._longest("slow_engine", now)

    def balance_lag(self, now: int) -> int:
        """How far queries lag."""
        return self._longest("balance_lag", now)

    def frozen(self, conn: int, stream: str, symbol: str, now: int) -> bool:
        """Whether a stream is silent, or for a rule that names no stream the whole connection: drawn once a window."""
        silent = False
        for active in self._at(now).get("frozen_stream", ()):
            if active.rule.hits_stream(stream, symbol):
                key = (active.number, conn, stream if active.rule.stream else "", symbol if active.rule.symbol else "")
                if key not in self._frozen:
                    self._frozen[key] = self._draw(active)
                silent = silent or self._frozen[key]
        return silent

    def banned(self, address: str, now: int) -> int:
        """Until when an address is banned."""
        until = self._bans.get(address, 0)
        return until if now < until else 0

    def due_events(self, now: int) -> list[VenueEvent]:
        """Cuts, notices, gaps and ends of user streams that are due; each once."""
        if now < self.next_due():
            return []
        events = [VenueEvent("disconnect", path=rule.connection) for due, rule in self._cuts if due <= now]
        self._cuts = [cut for cut in self._cuts if cut[0] > now]
        for active in self._timed:
            while active.due <= now:
                rule = active.rule
                if self._draw(active):
                    event = VenueEvent(_EVENTS[rule.kind], path=rule.connection, symbol=rule.symbol)  # pyright: ignore[reportArgumentType]
                    events += [event] * (rule.magnitude if rule.kind == "gap" else 1)
                    if rule.kind == "shutdown_notice":
                        self._cuts.append((active.due + rule.magnitude * SECOND, rule))
                later = active.due + rule.every if rule.every else NEVER
                active.due = NEVER if active.spent() or later >= active.end else later
        return events

    def next_due(self) -> int:
        """When `due_events` has something next."""
        return min([NEVER, *(due for due, _ in self._cuts), *(active.due for active in self._timed)])

    def _at(self, now: int) -> dict[str, list[ActiveRule]]:
        """The rules whose window is open, by kind."""
        if now >= self._change:
            self._open = {}
            self._change = NEVER
            for active in self.rules.values():
                if active.begin <= now < active.end and not KINDS[active.rule.kind].timed:
                    self._open.setdefault(active.rule.kind, []).append(active)
                for edge in (active.begin, active.end):
                    if edge > now:
                        self._change = min(self._change, edge)
            self._frozen = {key: value for key, value in self._frozen.items() if self.rules[key[0]].end > now}
            self._behind = {conn: due for conn, due in self._behind.items() if due > now}
        return self._open

    def _draw(self, active: ActiveRule, probability: float | None = None) -> bool:
        if active.spent():
            return False
        chance = active.rule.probability if probability is None else probability
        struck = chance >= 1 or self._rng.random() < chance
        if struck:
            active.struck += 1
            self.applied[active.rule.kind] = self.applied.get(active.rule.kind, 0) + 1
        return struck

    def _strikes(self, kind: str, request: Request, half: int = 0) -> FaultRule | None:
        """The rule that strikes a request; of `unknown_status` half strikes before acceptance, half after it."""
        for active in self._open.get(kind, ()):
            rule = active.rule
            if rule.aims_at("request") and rule.hits_request(request.kind, request.symbol, request.account):
                chance = None
                if half:
                    before = rule.probability / 2
                    chance = before if half == 1 else before / (1 - before)
                if self._draw(active, chance):
                    return rule
        return None

    def _strikes_frame(self, kind: str, stream: str, symbol: str) -> FaultRule | None:
        for active in self._open.get(kind, ()):
            rule = active.rule
            if rule.aims_at("stream") and rule.hits_stream(stream, symbol) and self._draw(active):
                return rule
        return None

    def _changed(self, payload: bytes, what: str, target: str, symbol: str, account: str = "") -> bytes | None:
        """The JSON text with a field renamed or missing, or None; a text without the field is not struck."""
        changed: bytes | None = None
        for kind in ("renamed_field", "missing_field"):
            for active in self._open.get(kind, ()):
                rule = active.rule
                if what == "request":
                    hits = rule.hits_request(target, symbol, account)
                else:
                    hits = rule.hits_stream(target, symbol)
                if hits and rule.aims_at(what):
                    text = change_field(payload if changed is None else changed, rule.field, _new_name(rule))
                    if text is not None and self._draw(active):
                        changed = text
        return changed

    def _decided(self, active: ActiveRule) -> bool:
        """Whether a rule that holds for its whole window does: drawn when it is first asked for."""
        key = (active.number, 0, "", "")
        if key not in self._frozen:
            self._frozen[key] = self._draw(active)
        return self._frozen[key]

    def _longest(self, kind: str, now: int) -> int:
        return max(
            (active.rule.magnitude * _MS for active in self._at(now).get(kind, ()) if self._draw(active)), default=0
        )

    def _limited(self, kind: str, status: int, rest: int) -> Outcome:
        if kind:
            self.applied[kind] = self.applied.get(kind, 0) + 1
        return Outcome(status=status, code=-1003, message=_TOO_MANY, retry_after=-(-rest // SECOND))


def _new_name(rule: FaultRule) -> str:
    if rule.kind == "missing_field":
        return ""
    return rule.name or f"{rule.field}New"


def _server_error(status: int, delay: int = 0) -> Outcome:
    if status in (502, 504):
        return Outcome(status=status, delay=delay)
    return Outcome(
        status=status, code=-1000, message="An unknown error occurred while processing the request.", delay=delay
    )


def _unknown(code: int, delay: int = 0) -> Outcome:
    if code == 1006:
        message = "An unexpected response was received from the message bus. Execution status unknown."
        return Outcome(status=500, code=-1006, message=message, delay=delay)
    message = "Timeout waiting for response from backend server. Send status unknown; execution status unknown."
    return Outcome(status=504, code=-1007, message=message, delay=delay)
