"""Named studies: what `quotewright research study NAME` runs, each by one signature."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from quotewright.domain.errors import InputError
from quotewright.studies.parts import Engine

if TYPE_CHECKING:
    from quotewright.chain.label_study import LabelStudy

STUDY_FILE, PAGE_FILE = "study.json", "study.html"
ADDRESS_LABELS = Path("onchain/btc_address_labels.parquet")


@dataclass(frozen=True)
class Asked:
    """What a study is given: the folder of data, where its results go, and how much of it to do, by whom.

    `registry` None stands for `out`/registry; `progress` hears parts done, and in all.
    """

    data: Path
    out: Path
    seeds: int = 5
    registry: Path | None = None
    engine: Engine = field(default_factory=Engine)
    progress: Callable[[int, int], None] | None = None


class NamedStudy(NamedTuple):
    """What it is about, and the function that does it: a document for JSON, its page and JSON below `out`."""

    about: str
    run: Callable[[Asked], dict[str, Any]]


def run_study(name: str, asked: Asked) -> dict[str, Any]:
    """Run a study of the catalogue; OUT/study.json and OUT/study.html hold what is returned.

    A run that was killed goes on where it was if the study works in parts. Raises InputError for an unknown name, for
    fewer than one seed, or where `out` is a file.
    """
    found = study_named(name)
    if not 1 <= asked.seeds <= 1000:
        raise InputError("seeds", asked.seeds, "must lie between 1 and 1000")
    if asked.out.exists() and not asked.out.is_dir():
        raise InputError("out", str(asked.out), "is a file; give a folder")
    asked.out.mkdir(parents=True, exist_ok=True)
    return found.run(asked)


def study_named(name: str) -> NamedStudy:
    """The study of this name; raises InputError naming those there are."""
    if name not in STUDIES:
        raise InputError("study", name, f"is not one of {', '.join(STUDIES)}")
    return STUDIES[name]


def _btc_daily(asked: Asked) -> dict[str, Any]:
    from quotewright.studies.daily_page import write_daily_page
    from quotewright.studies.daily_study import DailySpec, run_daily

    study = run_daily(
        asked.data,
        asked.out,
        DailySpec(seeds=asked.seeds),
        engine=asked.engine,
        registry=asked.registry,
        progress=asked.progress,
    )
    write_daily_page(study, asked.out / PAGE_FILE)
    return study


def _tick_signal(asked: Asked) -> dict[str, Any]:
    """One model a recording: its intervals come from the recording drawn again, so seeds make no difference."""
    from quotewright.studies.tick_signals import run_tick_signals

    return run_tick_signals(asked.data, asked.out, progress=asked.progress)


def _owner_labels(asked: Asked) -> dict[str, Any]:
    """Every seed draws other addresses and folds; one after another, in this process."""
    from quotewright.chain.label_study import study_labels
    from quotewright.lineage.documents import plain
    from quotewright.storage.writer import replace_file

    path = asked.data / ADDRESS_LABELS
    if not path.is_file():
        raise InputError("data", str(path), "is not a file; give the folder that holds it")
    found: list[LabelStudy] = []
    for seed in range(1, asked.seeds + 1):
        if asked.progress is not None:
            asked.progress(seed - 1, asked.seeds)
        found.append(study_labels(path, seed=seed))
    if asked.progress is not None:
        asked.progress(asked.seeds, asked.seeds)
    study = plain(
        {
            "study": "owner-labels",
            "seeds": asked.seeds,
            "figures": {weighed: _owner_figures(found, weighed) for weighed in _WEIGHED},
            "runs": [
                {
                    "seed": seed,
                    "categories": one.categories,
                    "owners": one.classified.owners,
                    "recall": one.classified.by_owner.recall,
                    "precision": one.classified.by_owner.precision,
                    "left_out": one.left_out,
                }
                for seed, one in enumerate(found, 1)
            ],
        }
    )
    replace_file(asked.out / STUDY_FILE, json.dumps(study, indent=1).encode())
    _write_owner_page(study, asked.out / PAGE_FILE)
    return study


def _owner_figures(found: Sequence[LabelStudy], weighed: str) -> dict[str, Any]:
    """Each score over seeds; its own interval, over owners, is that of the first seed."""
    import numpy as np

    from quotewright.validation.seeds import over_seeds

    figures: dict[str, Any] = {}
    for name in _SCORES:
        intervals = [getattr(getattr(one.classified, weighed), name) for one in found]
        across = over_seeds(np.array([each.value for each in intervals]))
        first = {"low": intervals[0].low, "high": intervals[0].high}
        figures[name] = {"mean": across.mean, "seeds": {"low": across.low, "high": across.high}, "owners": first}
    return figures


def _write_owner_page(study: Mapping[str, Any], page: Path) -> None:
    from quotewright.research.study_page import Notes, Table, write_study

    def between(told: Mapping[str, float | None]) -> str:
        low, high = told["low"], told["high"]
        return "–" if low is None or high is None else f"{low:.3f} … {high:.3f}"

    rows = [
        (
            weighed.replace("_", " "),
            name.replace("_", " "),
            f"{one['mean']:.3f}",
            between(one["owners"]),
            between(one["seeds"]),
        )
        for weighed, figures in study["figures"].items()
        for name, one in figures.items()
    ]
    headers = ("weighed", "score", "mean over seeds", "95 % over owners, first seed", "95 % over seeds")
    said = [
        "Owners are held out whole: no address of an owner is on both sides of a split.",
        "The baseline always says the commonest category of the training part.",
        "Only the address itself is known: a score near the baseline is what can be expected.",
    ]
    blocks = [Table("Scores on owners held out.", headers, rows, frozenset({2, 3, 4})), Notes("What was done", said)]
    write_study("Kinds of owners from addresses alone", blocks, page)


_WEIGHED = ("by_owner", "baseline", "by_address", "baseline_by_address")
_SCORES = ("accuracy", "balanced_accuracy", "macro_f1")

STUDIES: dict[str, NamedStudy] = {
    "btc-daily-41": NamedStudy("41 models on daily BTC, every figure after fees, ranks with intervals", _btc_daily),
    "tick-signal": NamedStudy(
        "a compiled signal in the composed quoter, on recorded books, against none", _tick_signal
    ),
    "owner-labels": NamedStudy("kinds of owners from their addresses, scored on owners held out", _owner_labels),
}
