"""Fixtures shared by all tests: where the real recordings are, and a disk that can be full."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parent))

from full_disks import Disk

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real recordings; absent data skips the test, unless QUOTEWRIGHT_REQUIRE_DATA makes it a failure."""
    folder = Path(os.environ.get("QUOTEWRIGHT_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "README.md").is_file():
        reason = f"real recordings are not at {folder}; set QUOTEWRIGHT_DATA to their folder"
        if os.environ.get("QUOTEWRIGHT_REQUIRE_DATA"):
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """The disk of this process, with all the room there is until a test says otherwise."""
    disk = Disk()
    monkeypatch.setattr(os, "write", disk.write)
    return disk
