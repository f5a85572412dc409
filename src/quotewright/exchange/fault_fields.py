"""A JSON text as after an unannounced change of the API: a field has another name, or is gone."""

from __future__ import annotations

from typing import cast

import msgspec

_WRAPPERS = ("data", "result", "event", "error")  # of streams, the WebSocket API's answers, user streams


def change_field(text: bytes, field: str, name: str = "") -> bytes | None:
    """The text in which `field`, wherever it stands, is called `name`, or for "" is left out; None if it is not there.

    What a message is wrapped in stays as it is, so that it still finds its reader.
    """
    if b'"%s"' % field.encode() not in text:
        return None
    document = cast(object, msgspec.json.decode(text))
    changed: object = None
    if isinstance(document, dict):
        wrapped = cast(dict[str, object], document)
        inner = next((key for key in _WRAPPERS if key in wrapped), "")
        if inner:
            changed = wrapped | {inner: _changed(wrapped[inner], field, name)}
    if changed is None:
        changed = _changed(cast(object, document), field, name)
    return None if changed == document else msgspec.json.encode(changed)


def _changed(value: object, field: str, name: str) -> object:
    if isinstance(value, list):
        return [_changed(item, field, name) for item in cast(list[object], value)]
    if not isinstance(value, dict):
        return value
    kept: dict[str, object] = {}
    for key, inner in cast(dict[str, object], value).items():
        new = name if key == field else key
        if new:
            kept[new] = _changed(inner, field, name)
    return kept
