"""How a venue's fees change its market: the split between makers and takers, and the sum that earns most.

    python examples/08_fee_design.py out [seeds]

Runs on the synthetic market; what its traders are assumed to do is listed in quotewright.research.fee_design.
"""

import sys
from pathlib import Path

from quotewright.research.fee_design import best_sum, fee_point
from quotewright.research.study_page import Figure, write_study
from quotewright.simulation.presets import load_preset

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
seeds = range(1, 1 + int(sys.argv[2] if len(sys.argv) > 2 else 4))
calm, reserve, total = load_preset("calm"), 6.0, 2.0

print(f"a sum of {total:g} ticks, split (ticks)\nmaker  taker  spread   cost  lots/s")
split = [fee_point(calm, maker, total - maker, reserve=reserve, seeds=seeds) for maker in (-6, -4, -3, -2, -1, 0, 1, 2)]
for p in split:
    print(f"{p.maker:5.1f} {p.taker:6.1f} {p.spread:7.2f} {p.cost:6.2f} {p.volume:7.1f}")

print("\nall paid by takers\n  sum  lots/s  revenue")
sums = [fee_point(calm, 0, taker, reserve=reserve, seeds=seeds) for taker in (0, 1, 2, 4, 6, 8, 10, 14, 20)]
for p in sums:
    print(f"{p.taker:5.1f} {p.volume:7.1f} {p.revenue:8.1f}")
peak, most = best_sum(sums)
print(f"the largest revenue is near a sum of {peak:.1f} ticks: {most:.0f} ticks × lots a second")


def line(
    name: str, x: list[float], y: list[float], error: list[float] | None = None, **more: object
) -> dict[str, object]:
    bars = {"error_y": {"type": "data", "array": [1.96 * e for e in error]}} if error else {}
    return {"type": "scatter", "mode": "lines+markers", "name": name, "x": x, "y": y, **bars, **more}


makers = [p.maker for p in split]
paid = [p.taker for p in sums]
page = out / "fee_design.html"
write_study(
    "Fees as a market design",
    [
        Figure(
            f"The same sum of {total:g} ticks, split. What taking costs in all does not move until the spread is one "
            "tick; from there on, more rebate for makers is more cost for takers.",
            [
                line("spread, ticks", makers, [p.spread for p in split], [p.spread_error for p in split]),
                line("cost of taking, ticks", makers, [p.cost for p in split]),
                line("lots a second", makers, [p.volume for p in split], [p.volume_error for p in split], yaxis="y2"),
            ],
            {
                "xaxis": {"title": {"text": "maker's fee, ticks (a rebate is negative)"}},
                "yaxis": {"title": {"text": "ticks"}, "rangemode": "tozero"},
                "yaxis2": {
                    "title": {"text": "lots a second"},
                    "overlaying": "y",
                    "side": "right",
                    "rangemode": "tozero",
                },
                "margin": {"l": 64, "r": 64, "t": 16, "b": 48},
            },
        ),
        Figure(
            f"Revenue over the sum of the fees, with 95 % intervals over seeds; the top is near {peak:.1f} ticks.",
            [line("revenue", paid, [p.revenue for p in sums], [p.revenue_error for p in sums])],
            {
                "xaxis": {"title": {"text": "sum of the fees, ticks"}},
                "yaxis": {"title": {"text": "ticks × lots a second"}, "rangemode": "tozero"},
            },
        ),
    ],
    page,
)
print(page)
