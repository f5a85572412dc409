"""The composed quoter against three others on synthetic markets; with `full`, the comparison of the documentation."""

import sys
from pathlib import Path

from quotewright.research.quoter_comparison import ComparisonSpec, compare_quoters, markdown_table

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/example-12")
small = ComparisonSpec(presets=("transitional",), train=1, test=3, seconds=150, sets=8, least_fills=5)
spec = ComparisonSpec() if "full" in sys.argv[2:] else small


def told(what: str, done: int, total: int) -> None:
    print(f"{what}: {done} of {total}", file=sys.stderr)


print(markdown_table(compare_quoters(spec, out, told)))
