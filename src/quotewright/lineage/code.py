"""Which code made a result: one hash of quotewright's sources and of the user's own files."""

from __future__ import annotations

import functools
import hashlib
import inspect
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import quotewright
from quotewright.domain.errors import InputError
from quotewright.sessions.provenance import code_hash

_DECIDES_NOTHING = ("app", "importers", "reports")  # subpackages whose sources change no model


def code_of(files: Iterable[Path] = ()) -> str:
    """SHA-256 over the package's deciding sources and the files, by name and content, whatever their order.

    Raises InputError for a file that cannot be read.
    """
    digest = hashlib.sha256(code_hash(*_DECIDES_NOTHING).encode())
    for path in sorted({path.resolve() for path in files}):
        try:
            digest.update(b"\0" + path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
        except OSError as error:
            raise InputError("code", str(path), f"cannot be read: {error.strerror}") from error
    return digest.hexdigest()


def code_of_callable(called: Callable[..., Any]) -> str:
    """The same with the file that defines a function, or the class of an object that is called."""
    try:
        path = Path(inspect.getfile(definition_of(called))).resolve()
    except (OSError, TypeError):  # built in, or typed at a prompt: there is no file
        return code_of()
    inside = path.is_relative_to(Path(quotewright.__file__).resolve().parent)
    return code_of() if inside or not path.is_file() else code_of([path])


def definition_of(called: Callable[..., Any]) -> Any:
    """What the source of a callable defines: the function, or the class of an object that is called."""
    while isinstance(called, functools.partial):
        called = called.func
    return called if inspect.isroutine(called) or inspect.isclass(called) else type(called)
