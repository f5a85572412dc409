"""Requests to Binance Spot as bytes: WebSocket API and REST, signed.

A signature covers the parameters in the order of their names, joined as in a query. Orders and cancels are put
together from pieces made beforehand, since every microsecond between decision and socket counts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from urllib.parse import quote

from quotewright.domain.events import BID
from quotewright.domain.instrument import Instrument
from quotewright.domain.journal import FOK, IOC, POST_ONLY, REDUCE_ONLY
from quotewright.domain.units import Step
from quotewright.gateway.port import NewOrder
from quotewright.venues.signing import Key

_MOST_TEXTS = 100_000
_KINDS = {  # by flags: parameters that follow the symbol, and the type
    0: (("timeInForce", "GTC"), "LIMIT"),
    POST_ONLY: (None, "LIMIT_MAKER"),
    IOC: (("timeInForce", "IOC"), "LIMIT"),
    FOK: (("timeInForce", "FOK"), "LIMIT"),
}
Parameters = Sequence[tuple[str, str | int]]


class StepTexts(dict[int, bytes]):
    """Counts of a step as decimal text; remembers, since quotes repeat the same few."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self._step = step

    def __missing__(self, count: int) -> bytes:
        if len(self) >= _MOST_TEXTS:
            self.clear()
        text = self[count] = self._step.format(count).encode()
        return text


class Requests:
    """Puts requests together; `timestamp` is the venue's time in ms."""

    def __init__(self, instruments: Sequence[Instrument], key: Key | None, recv_window_ms: int) -> None:
        self.key = key
        self.symbols = [instrument.symbol.upper() for instrument in instruments]
        self._window = recv_window_ms
        self._prices = [StepTexts(instrument.price_step) for instrument in instruments]
        self._qtys = [StepTexts(instrument.qty_step) for instrument in instruments]
        self._signed_each = key is not None and not key.sessions
        self._places: dict[tuple[int, int, int], tuple[bytes, bytes]] = {}
        self._cancels: dict[int, tuple[bytes, bytes]] = {}

    def place(self, number: int, order: NewOrder, timestamp: int) -> bytes | None:
        """A message that places an order; None for a kind of order that the venue does not have."""
        form = (order.instrument, order.side, order.flags)
        templates = self._places.get(form)
        if templates is None:
            if order.flags & REDUCE_ONLY or order.flags not in _KINDS:
                return None
            templates = self._places[form] = self._place_templates(form)
        fields = (
            order.client_id.encode(),
            self._prices[order.instrument][order.price],
            self._qtys[order.instrument][order.qty],
            timestamp,
        )
        return self._finish(templates, number, fields)

    def cancel(self, number: int, instrument: int, client_id: str, timestamp: int) -> bytes:
        """A message that cancels an order."""
        templates = self._cancels.get(instrument)
        if templates is None:
            parameters = (("origClientOrderId", "%b"), ("symbol", self.symbols[instrument]))
            templates = self._cancels[instrument] = self._templates("order.cancel", parameters)
        return self._finish(templates, number, (client_id.encode(), timestamp))

    def call(self, number: int, method: str, parameters: Parameters, timestamp: int, *, each: bool = False) -> bytes:
        """Any other message; `each`: signed even where the connection is logged on."""
        payload, inner = self._join(parameters, timestamp, each=each)
        if payload and self.key is not None:
            inner += f',"signature":"{self.key.sign(payload.encode()).decode()}"'
        return f'{{"id":{number},"method":"{method}","params":{{{inner}}}}}'.encode()

    def _finish(self, templates: tuple[bytes, bytes], number: int, fields: tuple[bytes | int, ...]) -> bytes:
        payload, text = templates
        if payload:
            assert self.key is not None  # there is a payload to sign only with a key
            return text % (number, *fields, self.key.sign(payload % fields))
        return text % (number, *fields)

    def _place_templates(self, form: tuple[int, int, int]) -> tuple[bytes, bytes]:
        instrument, side, flags = form
        in_force, kind = _KINDS[flags]
        parameters: list[tuple[str, str | int]] = [
            ("newClientOrderId", "%b"),
            ("newOrderRespType", "FULL"),
            ("price", "%b"),
            ("quantity", "%b"),
            ("side", "BUY" if side == BID else "SELL"),
            ("symbol", self.symbols[instrument]),
            ("type", kind),
        ]
        if in_force is not None:
            parameters.append(in_force)
        return self._templates("order.place", parameters)

    def _templates(self, method: str, parameters: Parameters) -> tuple[bytes, bytes]:
        """What is signed (empty: nothing) and the message, with places for what changes from one to the next."""
        payload, inner = self._join(parameters, "%d")
        if payload:
            inner += ',"signature":"%b"'
        return payload.encode(), f'{{"id":%d,"method":"{method}","params":{{{inner}}}}}'.encode()

    def _join(self, parameters: Parameters, timestamp: int | str, *, each: bool = False) -> tuple[str, str]:
        """What is signed (empty: nothing), and the parameters as members of a JSON object."""
        complete: dict[str, str | int] = {**dict(parameters), "timestamp": timestamp, "recvWindow": self._window}
        signed = self.key is not None and (each or self._signed_each)
        if signed and self.key is not None:
            complete["apiKey"] = self.key.name
        names = sorted(complete)
        payload = "&".join(f"{name}={_plain(complete[name])}" for name in names) if signed else ""
        return payload, ",".join(f'"{name}":{_json(complete[name])}' for name in names)

    def query(self, parameters: Parameters, timestamp: int) -> str:
        """The signed query of a REST request."""
        assert self.key is not None
        complete = [*parameters, ("recvWindow", self._window), ("timestamp", timestamp)]
        payload = "&".join(f"{name}={quote(_plain(value), safe='-_.')}" for name, value in complete)
        return f"{payload}&signature={quote(self.key.sign(payload.encode()).decode(), safe='')}"


def bare_call(number: int, method: str) -> bytes:
    """A message without parameters, for what needs no signature."""
    return b'{"id":%d,"method":"%b"}' % (number, method.encode())


def _plain(value: str | int) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _json(value: str | int) -> str:
    return _plain(value) if isinstance(value, int) or value == "%d" else json.dumps(value)
