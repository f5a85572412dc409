"""The lexicon scorer: known sentences, negation, intensifiers, texts in any state, and its own file."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotewright.domain.errors import InputError
from quotewright.sentiment.lexicon import Hit, Lexicon, crypto_lexicon, inflections, read_lexicon, tokens_of
from quotewright.sentiment.port import Scorer

LEXICON = crypto_lexicon()
SMALL = Lexicon({("good",): 2.0, ("bad",): -2.0, ("rug", "pull"): -3.0}, frozenset({"not"}), 3, 0.5, {"very": 1.5})

GOOD = (
    "Bitcoin soars to all-time high as spot ETF approved",
    "BTC rallies past resistance, bulls celebrate",
    "Major bank embraces crypto; adoption is growing 🚀",
    "Ether rebounds sharply after upgrade",
    "Inflows boost optimism, analysts turn bullish",
    "Court win for the exchange: shares jump",
    "Not a scam: audit finds proof of reserves in order, confidence recovers",
    "The crash isn't coming, says a confident fund after strong gains",
)
BAD = (
    "Exchange halts withdrawals after massive hack",
    "BTC plunges 15% as liquidations top $1bn",
    "SEC sues lender over alleged fraud",
    "Stablecoin depegs, panic spreads",
    "Miners capitulate; hash rate tumbles and losses mount",
    "Regulator bans token sales, founder arrested",
    "No relief: bearish traders flee, contagion fears grow",
    "Outages and outflows: the failed upgrade sinks the token",
)


def test_headlines_have_the_right_sign() -> None:
    """Ours, like the lexicon: this holds the rules together, it does not measure them on texts of others."""
    assert [text for text in GOOD if LEXICON.score(text).value <= 0] == []
    assert [text for text in BAD if LEXICON.score(text).value >= 0] == []


def test_what_it_cannot_read() -> None:
    """Stated in the reference: a negation that comes after, and what a fall would be good for."""
    assert LEXICON.score("The rally won't last").value > 0
    assert LEXICON.score("Inflation drops").value < 0


def test_the_score_by_hand() -> None:
    assert SMALL.score("good") == (2 / 3, 1, 1)
    assert SMALL.score("good and bad") == (0.0, 2, 3)
    assert SMALL.score("very good, rug-pull") == ((3 - 3) / 7, 2, 4)
    assert SMALL.explain("very good, rug-pull") == (Hit("good", 3.0), Hit("rug pull", -3.0))
    assert SMALL.score("nothing to say") == (0.0, 0, 3)


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("not good", -1.0),
        ("not at all good", -1.0),
        ("not one of those good", 2.0),  # out of reach
        ("not 1.5% good", -1.0),  # the point of a number ends no clause
        ("not by $60,000.50. good", 2.0),
        ("not, good", 2.0),  # another clause
        ("not this but good", 2.0),
        ("isn't good", -1.0),
        ("isn’t good", -1.0),
        ("not not good", 1.0),
        ("very good", 3.0),
        ("not very good", -1.5),
        ("very very good", 4.5),
        ("good not", 2.0),
    ],
)
def test_negation_and_intensifiers(text: str, weight: float) -> None:
    assert SMALL.explain(text) == (Hit("good", weight),)


@pytest.mark.parametrize(
    "text",
    ["", " \n\t", "...!?", "🤷", "比特币创下历史新高", "﷽", "\x00", "'", "n't", "https://good.example/bad @good"],
)
def test_texts_without_a_known_word_score_nothing(text: str) -> None:
    assert LEXICON.score(text)[:2] == (0.0, 0)


@pytest.mark.parametrize(
    "text", ["ＣＲＡＳＨ", "CRASH", "crash's", "#Crash", "$crash", "«crash»", "e\u0301 crash", "crash\u200d!"]
)
def test_one_word_in_other_clothes(text: str) -> None:
    assert [hit.text for hit in LEXICON.explain(text)] == ["crash"]


@given(st.text(max_size=200))
def test_any_text_has_a_finite_score_and_always_the_same(text: str) -> None:
    first = LEXICON.score(text)
    assert -1 < first.value < 1
    assert 0 <= first.hits <= first.words
    assert first == LEXICON.score(text)


@given(st.lists(st.sampled_from(["soars", "crash", "not", "very", "the", ",", "but", "rug pull", "🚀"]), max_size=12))
def test_the_score_is_what_its_explanation_adds_up_to(words: list[str]) -> None:
    text = " ".join(words)
    weights = [hit.weight for hit in LEXICON.explain(text)]
    total = math.fsum(map(abs, weights))
    assert LEXICON.score(text).value == pytest.approx(math.fsum(weights) / (total + 1), abs=1e-12)


def test_more_of_the_same_says_more() -> None:
    scores = [LEXICON.score("crash, " * n).value for n in range(1, 6)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == -0.75


def test_inflections() -> None:
    assert {"plunges", "plunged", "plunging"} <= set(inflections("plunge"))
    assert {"rallies", "rallied", "rallying"} <= set(inflections("rally"))
    assert {"bans", "banned", "banning"} <= set(inflections("ban"))
    assert "bank" not in inflections("ban")


def test_the_file_holds_no_word_twice_and_negators_carry_no_weight() -> None:
    assert len(LEXICON.weights) > 200
    assert not {words for words in LEXICON.weights if len(words) == 1 and words[0] in LEXICON.negators}
    assert not {words for words in LEXICON.weights if len(words) == 1 and words[0] in LEXICON.intensifiers}
    assert all(tokens_of(" ".join(words)) == list(words) for words in LEXICON.weights)


def test_the_identity_follows_all_that_matters() -> None:
    scorer: Scorer = SMALL
    others = [
        Lexicon(SMALL.weights | {("bad",): -1.0}, SMALL.negators, 3, 0.5, SMALL.intensifiers),
        Lexicon(SMALL.weights, frozenset(), 3, 0.5, SMALL.intensifiers),
        Lexicon(SMALL.weights, SMALL.negators, 2, 0.5, SMALL.intensifiers),
        Lexicon(SMALL.weights, SMALL.negators, 3, 0.5, {}),
    ]
    assert len({scorer.identity, *(other.identity for other in others)}) == 5
    reordered = dict(reversed(SMALL.weights.items()))
    assert Lexicon(reordered, SMALL.negators, 3, 0.5, SMALL.intensifiers).identity == scorer.identity


WHOLE = """
[inflected]
crash = -3
[exact]
moon = 2
[phrases]
"all time high" = 3
[negation]
reach = 3
share = 0.5
words = ["not"]
[intensifiers]
very = 1.5
"""


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("lexicon", lambda: read_lexicon("[inflected")),
        ("lexicon", lambda: read_lexicon(WHOLE.replace("[phrases]", "[phrase]"))),
        ("lexicon", lambda: read_lexicon(WHOLE.replace("share = 0.5", ""))),
        ("lexicon", lambda: read_lexicon(WHOLE.replace("moon", "crashes"))),
        ("moon", lambda: read_lexicon(WHOLE.replace("moon = 2", "moon = 4"))),
        ("moon", lambda: read_lexicon(WHOLE.replace("moon = 2", "moon = 0"))),
        ("negation", lambda: read_lexicon(WHOLE.replace("share = 0.5", "share = 2"))),
        ("intensifiers", lambda: read_lexicon(WHOLE.replace("very = 1.5", "very = 0"))),
    ],
)
def test_a_wrong_lexicon_is_refused(field: str, make: Callable[[], Lexicon]) -> None:
    assert read_lexicon(WHOLE).score("not crashing").value > 0
    with pytest.raises(InputError) as refused:
        make()
    assert refused.value.field == field
