"""The maker of the comparison in plain Python: the same function, not compiled."""

from __future__ import annotations

from dataclasses import replace

from fixed_maker import STRATEGY as COMPILED

STRATEGY = replace(COMPILED, name="python_maker", compiled=False)
