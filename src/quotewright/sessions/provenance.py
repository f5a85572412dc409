"""What a run was made with: version and a hash of the sources, so that it can be repeated exactly."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import quotewright


@cache
def code_hash() -> str:
    """SHA-256 over the package's Python sources, by path."""
    package = Path(quotewright.__file__).parent
    digest = hashlib.sha256()
    for source in sorted(package.rglob("*.py")):
        digest.update(source.relative_to(package).as_posix().encode() + b"\0" + source.read_bytes() + b"\0")
    return digest.hexdigest()
