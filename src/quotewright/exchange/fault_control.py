"""The control port: faults are listed, added, cleared and counted while the venue runs.

    GET    /faults          the rules in force, with their numbers and how often each has struck
    POST   /faults          a rule, or a list of rules, its window counted from now; answers with their numbers
    DELETE /faults[/N]      takes rule N, or all, out of force
    GET    /faults/count    faults that really happened, by kind

Errors are 400 with {"field", "value", "fix"}, or 404.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import msgspec

from quotewright.domain.errors import InputError
from quotewright.exchange.fault_schedule import rule_from_dict, rules_from_list
from quotewright.exchange.hooks import HttpReply

if TYPE_CHECKING:
    from quotewright.exchange.faults import FaultPlane


def answer(plane: FaultPlane, method: str, path: str, body: bytes, now: int) -> HttpReply:
    """What the control port answers to one request."""
    place = path.strip("/").split("/")
    match (method, *place):
        case ("GET", "faults"):
            return _reply(200, [_shown(plane, number) for number in plane.rules])
        case ("GET", "faults", "count"):
            return _reply(200, {"applied": plane.applied, "total": sum(plane.applied.values())})
        case ("POST", "faults"):
            return _add(plane, body, now)
        case ("DELETE", "faults"):
            return _reply(200, {"cleared": plane.clear()})
        case ("DELETE", "faults", number) if number.isdecimal():
            if int(number) in plane.rules:
                return _reply(200, {"cleared": plane.clear(int(number))})
            return _reply(404, {"field": "number", "value": number, "fix": "GET /faults lists those in force"})
        case _:
            fix = "GET, POST or DELETE /faults, DELETE /faults/N, or GET /faults/count"
            return _reply(404, {"field": "path", "value": f"{method} {path}", "fix": fix})


def _shown(plane: FaultPlane, number: int) -> dict[str, object]:
    active = plane.rules[number]
    return {"number": number, "struck": active.struck, **active.rule.to_dict()}


def _add(plane: FaultPlane, body: bytes, now: int) -> HttpReply:
    try:
        given: object = msgspec.json.decode(body)
        rules = rules_from_list(cast(object, given)) if isinstance(given, list) else (rule_from_dict(given),)
    except msgspec.DecodeError as error:
        return _reply(400, {"field": "body", "value": body[:80].decode(errors="replace"), "fix": f"send JSON: {error}"})
    except InputError as error:
        return _reply(400, {"field": error.field, "value": str(error.value), "fix": error.fix})
    return _reply(200, {"added": [plane.add(rule, now) for rule in rules]})


def _reply(status: int, content: object) -> HttpReply:
    return HttpReply(status, {"content-type": "application/json"}, msgspec.json.encode(content))
