"""The study of a signal in quotes on every recording of order books in a folder, and its page."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from quotewright.domain.catalogue import find_instrument
from quotewright.domain.errors import InputError
from quotewright.research.study_page import Figure, Notes, Table, write_study
from quotewright.sessions.importing import import_recording
from quotewright.storage.store import Store
from quotewright.storage.writer import replace_file
from quotewright.studies.tick_signal import SignalSpec, study_signal

NAME = "tick-signal"


class Recording(NamedTuple):
    """Files of one recording below the data folder, oldest first."""

    venue: str
    symbol: str
    form: str
    files: tuple[str, ...]


def _binance(venue: str, symbol: str, *names: str) -> Recording:
    return Recording(venue, symbol, "binance-ws", tuple(f"tick/binance_ws/{name}.gz" for name in names))


RECORDINGS = (
    _binance("binance-spot", "BTCUSDT", "spot_btcusdt_20240808"),
    _binance("binance-spot", "ETHUSDT", "spot_ethusdt_20240808", "spot_ethusdt_20240809"),
    _binance("binance-usdm", "BTCUSDT", "usdm_btcusdt_20240808"),
    _binance("binance-usdm", "ETHUSDT", "usdm_ethusdt_20240718", "usdm_ethusdt_20240719"),
    _binance("binance-coinm", "BTCUSD_PERP", "cm_btcusd_perp_20240808"),
    _binance("binance-coinm", "ETHUSD_PERP", "cm_ethusd_perp_20240808", "cm_ethusd_perp_20240809"),
    Recording("bitstamp", "BTCUSD", "bitstamp-l3", ("tick/bitstamp_l3_20260502",)),
)

ASSUMPTIONS = (
    "Each recording is cut by time: half to learn, a quarter to choose risk aversion and the signal's weight, and a "
    "quarter that nothing was chosen on.",
    "With and without the signal all else is the same: features, σ, k, A, risk aversion, size.",
    "The replay's assumptions: nobody reacts to the quotes, 5 ms each way, the risk-averse queue, base-tier fees.",
    "Minutes of one day say little of another: the intervals are of these minutes drawn again, not of other days.",
)


def run_tick_signals(
    data: Path,
    out: Path,
    spec: SignalSpec | None = None,
    *,
    recordings: Sequence[Recording] = RECORDINGS,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Import each recording into `out`/store, study each recording, write study.json and study.html.

    What cannot be studied is named under `left_out`. Raises InputError if there is none of the recordings below `data`.
    """
    there = [each for each in recordings if all((data / file).exists() for file in each.files)]
    if not there:
        raise InputError(
            "data", str(data), f"holds none of {', '.join(file for each in recordings for file in each.files)}"
        )
    studies: list[dict[str, Any]] = []
    left_out = {f"{each.venue}:{each.symbol}": "its files are not there" for each in recordings if each not in there}
    for done, each in enumerate(there):
        if progress is not None:
            progress(done, len(there))
        dataset = _dataset(data, out / "store", each)
        try:
            studies.append(study_signal(dataset, spec))
        except InputError as error:  # too few trades to calibrate on, say
            left_out[dataset.name] = str(error)
    if not studies:
        raise InputError("data", str(data), f"no recording there is enough to learn from: {left_out}")
    study = {
        "study": NAME,
        "recordings": studies,
        "left_out": left_out,
        "assumptions": list(ASSUMPTIONS),
        "findings": [*findings(studies), *(f"{name} is left out: {why}." for name, why in left_out.items())],
    }
    replace_file(out / "study.json", json.dumps(study, indent=1).encode())
    write_signal_page(study, out / "study.html")
    if progress is not None:
        progress(len(there), len(there))
    return study


def _dataset(data: Path, store: Path, recording: Recording) -> Any:
    instrument = find_instrument(recording.venue, recording.symbol)
    paths = [data / file for file in recording.files]
    import_recording(store, recording.form, paths, instrument, "auto", None, replace=True)
    return Store(store).dataset(instrument.name)


def findings(studies: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the differences say, counted."""
    better = [one["instrument"] for one in studies if one["difference"]["low"] > 0]
    worse = [one["instrument"] for one in studies if one["difference"]["high"] < 0]
    open_ = len(studies) - len(better) - len(worse)
    told = [
        f"With the signal the quoter did better on {len(better)} of {len(studies)} recordings"
        + (f" ({', '.join(better)})" if better else "")
        + f", worse on {len(worse)}"
        + (f" ({', '.join(worse)})" if worse else "")
        + f"; on {open_} the interval holds 0."
    ]
    sure = [one["instrument"] for one in studies if one["forecast"]["correlation"]["low"] > 0]
    told.append(f"The model foretells the mid of the forward part better than chance on {len(sure)} of {len(studies)}.")
    losing = sum(one["forward"]["with"]["profit"] < 0 for one in studies)
    told.append(
        f"With the signal {losing} of {len(studies)} still lose after fees: a better quote is not yet a business."
    )
    return told


def write_signal_page(study: Mapping[str, Any], path: Path) -> None:
    """Write the page of a document of `run_tick_signals`."""
    studies = study["recordings"]
    headers = (
        "recording", "forward s", "correlation", "95 % interval", "weight", "gamma",
        "profit with", "without", "difference", "95 % interval", "fills with", "without",
    )  # fmt: skip
    rows = [
        (
            one["instrument"],
            f"{one['seconds']['forward']:.0f}",
            f"{one['forecast']['correlation']['value']:.3f}",
            _between(one["forecast"]["correlation"]),
            f"{one['chosen']['weight']:g}",
            f"{one['chosen']['gamma']:g}",
            f"{one['forward']['with']['profit']:.4g} {one['settle']}",
            f"{one['forward']['without']['profit']:.4g}",
            f"{one['difference']['value']:.3g}",
            _between(one["difference"]),
            f"{one['forward']['with']['fills']}",
            f"{one['forward']['without']['fills']}",
        )
        for one in studies
    ]
    scale = [abs(one["forward"]["without"]["profit"]) or 1.0 for one in studies]
    trace = {
        "type": "scatter",
        "mode": "markers",
        "x": [one["difference"]["value"] / by for one, by in zip(studies, scale, strict=True)],
        "y": [one["instrument"] for one in studies],
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [
                (one["difference"]["high"] - one["difference"]["value"]) / by
                for one, by in zip(studies, scale, strict=True)
            ],
            "arrayminus": [
                (one["difference"]["value"] - one["difference"]["low"]) / by
                for one, by in zip(studies, scale, strict=True)
            ],
        },
    }
    layout = {
        "xaxis": {"title": {"text": "difference, as a share of the profit or loss without the signal"}},
        "margin": {"l": 190, "r": 16, "t": 16, "b": 48},
    }
    blocks: list[Figure | Table | Notes] = [
        Notes("What it says", study["findings"]),
        Figure("Profit with the signal less without it, on the part that nothing was chosen on.", [trace], layout),
        Table("Each recording's forward part.", headers, rows, frozenset(range(1, len(headers)))),
        Notes("Assumptions", study["assumptions"]),
    ]
    write_study("A signal in the quotes", blocks, path)


def _between(mean: Mapping[str, float]) -> str:
    return f"{mean['low']:.3g} … {mean['high']:.3g}".replace("-", "−")
