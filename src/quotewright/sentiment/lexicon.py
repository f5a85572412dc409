"""A small lexicon scorer: words with weights, negation, intensifiers, and the reason for every score."""

from __future__ import annotations

import hashlib
import re
import tomllib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, NamedTuple

from quotewright.domain.errors import InputError
from quotewright.sentiment.port import Score

HEAVIEST = 3.0
SHRINKAGE = 1.0  # weight of the doubt: a text with one mild word says less than one with five
ADDRESSES = re.compile(r"https?://\S+|www\.\S+|@\w+")
POSSESSIVE = re.compile(r"'s\b")
TOKEN = re.compile(r"\d+(?:[.,:]\d+)+|[^\W_]+(?:'[^\W_]+)*|[.,;:!?…\n]|[\u2600-\u27bf\U0001f300-\U0001faff]")
CLAUSE_ENDS = frozenset(".,;:!?…\n") | {"but", "however", "although", "though"}
INTENSIFIER_REACH = 2


class Hit(NamedTuple):
    """One word or phrase, and its weight after negation and intensifiers."""

    text: str
    weight: float


@dataclass(frozen=True)
class Lexicon:
    """Weights by word or phrase; how negation and intensifiers change them. A scorer (`port.Scorer`)."""

    weights: dict[tuple[str, ...], float]
    negators: frozenset[str]
    negation_reach: int  # words
    negation_share: float  # of the weight that stays, turned
    intensifiers: dict[str, float]

    def __post_init__(self) -> None:
        for words, weight in self.weights.items():
            if not words or not 0 < abs(weight) <= HEAVIEST:
                raise InputError(
                    " ".join(words), weight, f"give a word and a weight of −{HEAVIEST} to {HEAVIEST}, not 0"
                )
        if self.negation_reach < 0 or not 0 <= self.negation_share <= 1:
            given = self.negation_reach, self.negation_share
            raise InputError("negation", given, "give a reach of 0 or more words and a share of 0 to 1")
        if any(not factor > 0 for factor in self.intensifiers.values()):
            raise InputError("intensifiers", self.intensifiers, "give factors above 0")

    @cached_property
    def identity(self) -> str:
        """sha256 of the lexicon and of the version of these rules."""
        meaning = sorted(self.weights.items()), sorted(self.negators), sorted(self.intensifiers.items())
        rules = "rules 2", self.negation_reach, self.negation_share, SHRINKAGE, INTENSIFIER_REACH
        return hashlib.sha256(repr((rules, meaning)).encode()).hexdigest()

    @cached_property
    def _longest(self) -> int:
        return max((len(words) for words in self.weights), default=1)

    def score(self, text: str) -> Score:
        """(P − N)/(P + N + 1), P and N the weights of good and bad hits: in (−1, 1), and near 0 on thin evidence."""
        tokens = tokens_of(text)
        found = self._hits(tokens)
        good = sum(hit.weight for hit in found if hit.weight > 0)
        bad = -sum(hit.weight for hit in found if hit.weight < 0)
        words = sum(token not in CLAUSE_ENDS or token.isalpha() for token in tokens)
        return Score((good - bad) / (good + bad + SHRINKAGE), len(found), words)

    def explain(self, text: str) -> tuple[Hit, ...]:
        """Every word and phrase that made the score, in the order of the text."""
        return tuple(self._hits(tokens_of(text)))

    def _hits(self, tokens: list[str]) -> list[Hit]:
        found: list[Hit] = []
        clause: list[str] = []  # the words before this one that may negate or intensify it
        place = 0
        while place < len(tokens):
            if tokens[place] in CLAUSE_ENDS:
                clause = []
                place += 1
                continue
            words = self._longest_at(tokens, place)
            if words:
                found.append(Hit(" ".join(words), self.weights[words] * self._factor(clause)))
            taken = len(words) or 1
            clause += tokens[place : place + taken]
            place += taken
        return found

    def _longest_at(self, tokens: list[str], place: int) -> tuple[str, ...]:
        for length in range(min(self._longest, len(tokens) - place), 0, -1):
            words = tuple(tokens[place : place + length])
            if words in self.weights:
                return words
        return ()

    def _factor(self, clause: list[str]) -> float:
        factor = 1.0
        for word in clause[-INTENSIFIER_REACH:]:
            factor *= self.intensifiers.get(word, 1.0)
        negations = sum(_negates(word, self.negators) for word in clause[max(0, len(clause) - self.negation_reach) :])
        return factor * self.negation_share * (-1) ** negations if negations else factor


def tokens_of(text: str) -> list[str]:
    """Words in lower case and one form of Unicode (NFKC), emoji, ends of clauses; no links and no @handles."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    return TOKEN.findall(POSSESSIVE.sub("", ADDRESSES.sub(" ", plain)))


@cache
def crypto_lexicon() -> Lexicon:
    """The lexicon that comes with quotewright, `sentiment/lexicon.toml`; English only."""
    return read_lexicon(files("quotewright.sentiment").joinpath("lexicon.toml").read_text(encoding="utf-8"))


def read_lexicon(text: str) -> Lexicon:
    """A lexicon from TOML with the tables inflected, exact, phrases, negation (words, reach, share), intensifiers.

    Raises InputError for text that is not TOML, a table that is missing, or a word that has two weights.
    """
    try:
        tables: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError("lexicon", str(error), "correct the TOML") from None
    try:
        single = {**tables["exact"], **tables["phrases"]}
        inflected, negation, intensifiers = tables["inflected"], tables["negation"], tables["intensifiers"]
        rules = frozenset(map(str, negation["words"])), int(negation["reach"]), float(negation["share"])
    except KeyError as error:
        raise InputError("lexicon", str(error.args[0]), "add this table or entry") from None
    forms = {form: float(weight) for word, weight in inflected.items() for form in inflections(word)}
    twice = (forms.keys() & single.keys()) | (tables["exact"].keys() & tables["phrases"].keys())
    if twice:
        raise InputError("lexicon", sorted(twice), "give each word one weight")
    weights = _by_tokens(forms.items()) | _by_tokens(single.items())
    return Lexicon(weights, *rules, {word: float(factor) for word, factor in intensifiers.items()})


def _by_tokens(entries: Iterable[tuple[str, Any]]) -> dict[tuple[str, ...], float]:
    return {tuple(tokens_of(words)): float(weight) for words, weight in entries}


def inflections(word: str) -> tuple[str, ...]:
    """The word and its regular endings, right or not: forms that do not exist are never met."""
    forms = {word, *(word + ending for ending in ("s", "es", "ed", "ing"))}
    if word.endswith("e"):
        forms |= {word + "d", word[:-1] + "ing"}
    elif word.endswith("y"):
        forms |= {word[:-1] + "ies", word[:-1] + "ied"}
    else:
        forms |= {word + word[-1] + "ed", word + word[-1] + "ing"}
    return tuple(sorted(forms))


def _negates(word: str, negators: frozenset[str]) -> bool:
    return word in negators or word.endswith("n't")
