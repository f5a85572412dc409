"""The port: whatever turns a text into a number, be it a lexicon, a model or a service."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Score(NamedTuple):
    """What a scorer says of one text; a text in which it finds nothing scores 0 with no hits."""

    value: float  # −1 (all bad) to 1 (all good) for the price
    hits: int  # words or phrases that it judged
    words: int  # that the text has


class Scorer(Protocol):
    """Deterministic: one text and one identity always give one score."""

    @property
    def identity(self) -> str:
        """A hash of all that scores depend on, for the lineage of what is trained on them."""
        ...

    def score(self, text: str) -> Score:
        """The score of a text in any state: empty, of one emoji, in a script the scorer cannot read."""
        ...
