"""Which law of returns knows the tails, and what six bad days do to a market maker.

    python examples/13_monte_carlo.py out                     # a planted law, two short markets
    python examples/13_monte_carlo.py out full daily=btc.csv  # files with a column `close`; twelve markets of two kinds

Each series is split: laws are fitted on the first 60 % of its returns and judged on the rest, once as it is, and once
with each part in its own middle-half σ, so that shapes are compared and not how calm the market was.
"""

import json
import sys
from pathlib import Path

import numpy as np
import polars as pl

from quotewright.montecarlo.garch import Garch
from quotewright.montecarlo.paths import KINDS, fit, fits_markdown
from quotewright.montecarlo.pictures import exceedance_figure, qq_figure
from quotewright.montecarlo.scenarios import library
from quotewright.montecarlo.stress import stress, stress_figure, stress_markdown, synthetic_sessions
from quotewright.montecarlo.tail_figures import yardstick
from quotewright.montecarlo.tails import compare_tails, markdown
from quotewright.research.study_page import Figure, write_study
from quotewright.sessions.agents import AgentSpec

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/example-13")
full = "full" in sys.argv[2:]
draws = 400 if full else 50
out.mkdir(parents=True, exist_ok=True)
figures: list[Figure] = []
results: dict[str, object] = {}


def shown(caption: str, figure) -> None:
    plain = figure.to_plotly_json()
    figures.append(Figure(caption, plain["data"], plain["layout"]))


def log_returns(path: str) -> np.ndarray:
    """Of the closes; a return that a bar filled in by its publisher has a part in is left out."""
    bars = pl.read_csv(path)
    made = np.zeros(len(bars), bool)
    if "is_interpolated" in bars.columns:
        made = bars["is_interpolated"].cast(pl.String).to_numpy() == "true"
    return np.diff(np.log(bars["close"].to_numpy()))[~(made[1:] | made[:-1])]


given = [argument.split("=", 1) for argument in sys.argv[2:] if "=" in argument]
series = {name: log_returns(path) for name, path in given}
if not series:
    series["planted GARCH, ν = 4"] = Garch(0.0, 2e-6, 0.1, 0.88, 4.0).draw(np.random.default_rng(7), 1, 2500)[0]

for name, returns in series.items():
    cut = round(0.6 * len(returns))
    print(f"\n### {name}: {len(returns)} returns\n\n{fits_markdown([fit(kind, returns) for kind in KINDS])}")
    first, later = returns[:cut], returns[cut:]
    scaled = first / yardstick(first).sigma, later / yardstick(later).sigma
    for how, one, other in (("as they are", first, later), ("each part in its own σ", *scaled)):
        fits = [fit(kind, one) for kind in KINDS]
        found = compare_tails(fits, other, seed=1, draws=draws, samples=draws // 2)
        results[f"{name}, {how}"] = found.to_dict()
        print(f"\n{name}, {how}: {found.verdict}\n\n{markdown(found, in_sigma=one is scaled[0])}")
        shown(f"{name}, {how}: quantiles of the later 40 % against laws fitted before.", qq_figure(fits, other))
        shown(f"{name}, {how}: how often a size is exceeded.", exceedance_figure(fits, other))

maker = AgentSpec("maker", "glft", {"k": 6.0, "gamma": 0.3, "sigma": 0.25})
for preset in ("calm", "transitional") if full else ("calm",):
    seconds, seeds = (300, range(1, 13)) if full else (120, range(1, 3))
    report = stress([maker], library(seconds), synthetic_sessions(preset, seeds, seconds))
    results[f"stress, {preset}"] = report.to_dict()
    print(f"\n### {preset}, {seconds} s\n\n{stress_markdown(report)}")
    shown(f"{preset}: what each scenario changes of the profit (USDT), market by market.", stress_figure(report))
    shown(f"{preset}: and of the worst drawdown.", stress_figure(report, "drawdown"))

(out / "monte_carlo.json").write_text(json.dumps(results, indent=1, allow_nan=False), encoding="utf-8")
write_study("Tails and stress", figures, out / "monte_carlo.html")
print(out / "monte_carlo.html")
