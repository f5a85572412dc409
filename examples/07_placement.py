"""Where to stand between three venues: a map of what each place on Earth is worth to a flow of signals.

python examples/07_placement.py out
"""

import sys
from pathlib import Path

import numpy as np

from quotewright.research.placement import Leg, Network, Place, Signal, best_place, best_site, value_at
from quotewright.research.study_page import Figure, write_study

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
tokyo, london, virginia = Place("Tokyo", 35.68, 139.77), Place("London", 51.51, -0.09), Place("Virginia", 39.04, -77.49)
network = Network((tokyo, london, virginia), detour=1.4)


def pair(one: str, other: str, rate: float, decay: float) -> Signal:
    """A spread between two venues: both prices must be known, both legs traded."""
    return Signal((one, other), (Leg(one, 0.5, decay), Leg(other, 0.5, decay)), rate, edge=1.0)


signals = [
    pair("Tokyo", "London", 1.0, 8.0),
    pair("Tokyo", "Virginia", 1.0, 8.0),
    pair("London", "Virginia", 2.0, 8.0),
    Signal(("Virginia",), (Leg("Tokyo", 1.0, 8.0),), rate=1.0, edge=1.0),  # Virginia moves first, Tokyo follows
]

best = best_place(network, signals)
where = f"{best.place.north:.1f}° north, {best.place.east:.1f}° east"
print(f"best place: {where}, worth {best.value:.3f} a second")
for name, seconds in best.latencies.items():
    print(f"  {seconds * 1e3:5.1f} ms to {name}")
sites = [*network.venues, Place("Stockholm", 59.33, 18.07), Place("Seattle", 47.61, -122.33)]
for found in best_site(network, signals, sites):
    print(f"{found.place.name:>10}: {found.value / best.value:6.1%} of it")

north, east = np.arange(-88.0, 90, 2), np.arange(-180.0, 180, 2)
worth = value_at(network, signals, *np.meshgrid(north, east, indexing="ij"))
points = [(v.name, v.north, v.east) for v in network.venues] + [("best", best.place.north, best.place.east)]
page = out / "placement.html"
write_study(
    "Where to stand between three venues",
    [
        Figure(
            f"Worth of each place to the flow, as a share of the best one ({where}).",
            [
                {"type": "heatmap", "x": east, "y": north, "z": worth / best.value, "colorscale": "Viridis"},
                {
                    "type": "scatter",
                    "mode": "markers+text",
                    "x": [p[2] for p in points],
                    "y": [p[1] for p in points],
                    "text": [p[0] for p in points],
                    "textposition": "top center",
                    "textfont": {"color": ["#fff"] * 3 + ["#1c2024"]},
                    "marker": {"size": 11, "color": ["#fff"] * 3 + ["#c2410c"], "symbol": ["circle"] * 3 + ["star"]},
                    "showlegend": False,
                },
            ],
            {"xaxis": {"title": {"text": "degrees east"}}, "yaxis": {"title": {"text": "degrees north"}}},
        )
    ],
    page,
)
print(page)
