"""What a run was made with: version and a hash of the sources, so that it can be repeated exactly."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import quotewright


@cache
def code_hash(*left_out: str) -> str:
    """SHA-256 over the package's Python sources, by path, without those of the subpackages left out."""
    package = Path(quotewright.__file__).parent
    digest = hashlib.sha256()
    for source in sorted(package.rglob("*.py")):
        if source.relative_to(package).parts[0] in left_out:
            continue
        digest.update(source.relative_to(package).as_posix().encode() + b"\0" + source.read_bytes() + b"\0")
    return digest.hexdigest()
