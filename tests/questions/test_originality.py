"""Our questions are our own: none resembles a published one, and none is built like another of ours.

Two measures of likeness to a published question, both on words in lower case:

* the TF-IDF cosine over single words and pairs of neighbouring words, which a
  free paraphrase still raises because the rare words stay;
* the longest run of words that both have, and the share of our 5-word runs
  that the published one contains, which a copied sentence inside a longer
  question of ours raises.

The thresholds were set by looking at the data. Paraphrases of published
questions, such as those below, reach a cosine of 0.30 and more; our questions
stay below 0.15, and a run of five words is the longest that any of them shares
with a published text. `test_thresholds_separate` keeps that gap open.

For likeness among our own questions numerals and capitalised words are masked
first, so that "What if the Romans had ..." and "What if the Vikings had ..."
become the same.
"""

import gzip
import json
import math
import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import combinations
from pathlib import Path

import pytest

from support.shared_data import shared

COSINE_LIMIT = 0.22
RUN_LIMIT = 8
CONTAINMENT_LIMIT = 0.05
TEMPLATE_COSINE_LIMIT = 0.20
TEMPLATE_RUN_LIMIT = 8
OPENING_SKELETON = 7

SETS = Path(__file__).resolve().parents[2] / "questions"
PER_CATEGORY = {"core-80": 10, "two-turn-16": 2}
CATEGORIES = ["writing", "roleplay", "knowledge", "common-sense", "fermi", "counterfactual", "coding", "math"]

PUBLISHED_QUESTIONS = [
    ("vicuna-bench-2023", "question.jsonl"),
    ("mt-bench", "mt_bench", "question.jsonl"),
    ("arena-hard-v0.1", "question.jsonl.gz"),
    ("arena-bench-v1", "question.jsonl.gz"),
]
PUBLISHED_BASELINES = [
    ("alpaca-eval", "baseline_v1_text_davinci_003.jsonl.gz"),
    ("alpaca-eval", "baseline_v2_gpt4_1106_preview.jsonl.gz"),
]

# Paraphrases of published questions, written for this test; each has to be caught.
PARAPHRASES = [
    "What hints in a conversation suggest that somebody only pretends to understand a topic while really being confused "
    "or uninformed?",
    "How would you tell whether a restaurant attracts mainly tourists or is popular among locals, and why is that useful "
    "to know?",
    "You are the captain of a pirate ship. Say something to motivate your crew to go and search for the hidden treasure.",
    "Estimate how many times an average person blinks over a lifetime, taking the reader through your reasoning step by step.",
    "Find the fewest balloons that could lift a house, as in the movie Up, and explain your answer with your reasoning "
    "step by step.",
    "Suppose the Suez Canal had never been built. What would be different?",
    "What if Vincent van Gogh had been successful as an artist while he lived?",
    "Show me how a queue can be implemented in Python by means of two stacks.",
    "Write a travel blog post on a trip you recently took to Hawaii; it should be engaging, cover cultural experiences "
    "and name the must-see attractions.",
    "Imagine a race in which you have just overtaken the person in second place: what is your current position now, "
    "and where is the one you overtook?",
    "David has three sisters, and each of these sisters has exactly one brother. How many brothers does David have himself?",
    "A boy wakes up one morning and discovers he can travel through time. Craft the intriguing opening paragraph of that "
    "short story.",
    "Which famous actors began their careers on Broadway? Give their names.",
    "Write a folk tune melody in ABC notation.",
    "Give the equation of the straight line perpendicular to 3x + 2y + 4 = 0 that passes through (2, 3).",
    "What does it mean if somebody says they have smaller fish to fry?",
    "Give me three tips on how to stay healthy.",
]
# A published question sitting inside a longer one of our own making; the words around it lower the cosine.
EMBEDDED = [
    "You run the letters page of a small weekly paper and one reader asks: how many balloons would it take to lift a house "
    "like in the movie Up? Reply in at most 150 words, with three numbered steps, a range and one sentence on the assumption "
    "which you trust least, and do not use the word helium. Your editor dislikes exclamation marks, your printer charges by "
    "the line, and last week's answer about the weight of the town's church bells drew four angry letters from "
    "the same retired bell founder. Close with the apology that the crossword in issue 31 deserves, where seven across and "
    "twelve down could both be solved by two different rivers, and mention, without naming her, the baker's widow whose "
    "marmalade took first prize at the harvest supper although the jury had already gone home.",
]
# Pairs built on one template; each has to be caught.
TEMPLATES = [
    (
        "Explain photosynthesis to a ten-year-old who likes trains.",
        "Explain compound interest to a retired fisherman who distrusts banks.",
    ),
    (
        "What if the Romans had built steam engines?",
        "What if the Vikings had settled Florida?",
    ),
    (
        "You are a ship's cook in 1750. Tell the crew why the beer is gone.",
        "You are a bank clerk in 1929. Tell the customers why the counter is closed.",
    ),
    (
        "Estimate the number of piano tuners in Vienna and show your reasoning step by step.",
        "Estimate the number of bicycle shops in Lyon and show your reasoning step by step.",
    ),
    (
        "Write a function that takes a list of numbers and returns the longest run of equal values.",
        "Write a function that takes a list of words and returns the shortest word of even length.",
    ),
]
# Words that carry the form of a request and not its subject.
FORM_WORDS_TEXT = (
    "a an the this that these those i me my we us our you your he him his she her it its they them their who whom whose which "
    "what when where why how if whether and or but nor so as than then of to in on at by for from with without about into over "
    "under between is are was were be been being am do does did have has had can could may might must shall should will would "
    "not no any all each every both some such only one two three please let there here explain describe write tell give list "
    "name show find compare estimate imagine suppose pretend draft design implement prove make say state work calculate "
    "compute many much"
)
FORM_WORDS = frozenset(FORM_WORDS_TEXT.split())

WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
TOKEN = re.compile(r"\d[\d.,:/]*\d|\d|[^\W\d_]+(?:'[^\W\d_]+)?")
SENTENCE_START = re.compile(r"(?:^|[.!?:]|\n)[\s\"“”'‘(`\[]*$")


# ----------------------------------------------------------------------------- measures


def words(text: str) -> list[str]:
    return WORD.findall(text.lower().replace("’", "'"))


def masked(text: str) -> list[str]:
    """The words with every numeral as # and every capitalised word inside a sentence as ~."""
    text = text.replace("’", "'")
    tokens = []
    for found in TOKEN.finditer(text):
        word = found.group()
        if word[0].isdigit():
            tokens.append("#")
        elif word[0].isupper() and word != "I" and not SENTENCE_START.search(text[: found.start()]):
            tokens.append("~")
        else:
            tokens.append(word.lower())
    return tokens


def skeleton(text: str) -> list[str]:
    """The words of form, with every stretch of other words replaced by one underscore."""
    tokens: list[str] = []
    for word in masked(text):
        kept = word if word in FORM_WORDS else "_"
        if kept != "_" or not tokens or tokens[-1] != "_":
            tokens.append(kept)
    return tokens


def runs(tokens: list[str], length: int) -> list[tuple[str, ...]]:
    return [tuple(tokens[start : start + length]) for start in range(len(tokens) - length + 1)]


def longest_shared_run(first: list[str], second: list[str]) -> int:
    best = 0
    above = [0] * (len(second) + 1)
    for word in first:
        row = [0] * (len(second) + 1)
        for column, other in enumerate(second, 1):
            if word == other:
                row[column] = above[column - 1] + 1
                best = max(best, row[column])
        above = row
    return best


class Corpus:
    """Tokenised texts with the two measures of likeness against each of them."""

    def __init__(self, texts: dict[str, str], tokenise: Callable[[str], list[str]]) -> None:
        self.tokenise = tokenise
        self.tokens = {key: tokenise(text) for key, text in texts.items()}
        self.spread: Counter[tuple[str, ...]] = Counter()
        for tokens in self.tokens.values():
            self.spread.update(set(self.terms(tokens)))
        self.holding: dict[tuple[str, ...], list[tuple[str, float]]] = defaultdict(list)
        self.five: dict[tuple[str, ...], set[str]] = defaultdict(set)
        for key, tokens in self.tokens.items():
            for term, weight in self.vector(tokens).items():
                self.holding[term].append((key, weight))
            for run in runs(tokens, 5):
                self.five[run].add(key)

    @staticmethod
    def terms(tokens: list[str]) -> list[tuple[str, ...]]:
        return runs(tokens, 1) + runs(tokens, 2)

    def vector(self, tokens: list[str]) -> dict[tuple[str, ...], float]:
        size = 1 + len(self.tokens)
        raw = {
            term: (1 + math.log(count)) * (1 + math.log(size / (1 + self.spread.get(term, 0))))
            for term, count in Counter(self.terms(tokens)).items()
        }
        length = math.sqrt(sum(weight * weight for weight in raw.values())) or 1.0
        return {term: weight / length for term, weight in raw.items()}

    def cosines(self, text: str) -> dict[str, float]:
        found: dict[str, float] = defaultdict(float)
        for term, weight in self.vector(self.tokenise(text)).items():
            for key, other in self.holding.get(term, ()):
                found[key] += weight * other
        return found

    def copied(self, text: str) -> dict[str, tuple[float, int]]:
        """For each text sharing a 5-word run: the share of our 5-word runs in it, and the longest run shared."""
        tokens = self.tokenise(text)
        own = runs(tokens, 5)
        counts = Counter(key for run in own for key in self.five.get(run, ()))
        return {key: (count / len(own), longest_shared_run(tokens, self.tokens[key])) for key, count in counts.items()}


# ----------------------------------------------------------------------------- data


def lines(path: Path) -> Iterator[dict]:
    raw = path.read_bytes()
    for line in (gzip.decompress(raw) if path.suffix == ".gz" else raw).splitlines():
        if line.strip():
            yield json.loads(line)


def published_texts() -> Iterator[tuple[str, str]]:
    for parts in PUBLISHED_QUESTIONS:
        for row in lines(shared(*parts)):
            for turn in row.get("turns") or [row["text"]]:
                yield f"{parts[0]}/{row['question_id']}", turn if isinstance(turn, str) else turn["content"]
    for parts in PUBLISHED_BASELINES:
        for number, row in enumerate(lines(shared(*parts))):
            yield f"{parts[0]}/{number}", row["instruction"]
    files = sorted(shared("llmbar", "datasets").glob("*.json"))
    assert files
    for path in files:
        for number, row in enumerate(json.loads(path.read_text(encoding="utf-8"))):
            yield f"llmbar/{path.stem}/{number}", row["input"]


@pytest.fixture(scope="module")
def published() -> Corpus:
    """Every distinct published question turn; the key ends in a running number, since ids occur with several turns."""
    distinct: dict[str, str] = {}
    for origin, text in published_texts():
        distinct.setdefault(text, origin)
    return Corpus({f"{origin}#{number}": text for number, (text, origin) in enumerate(distinct.items())}, words)


@cache
def questions(name: str) -> list[dict]:
    return list(lines(SETS / name / "questions.jsonl"))


def own_turns() -> dict[str, str]:
    return {
        f"{row['question_id']}/{turn}": text
        for name in PER_CATEGORY
        for row in questions(name)
        for turn, text in enumerate(row["turns"], 1)
    }


def question_of(key: str) -> str:
    return key.rpartition("/")[0]


def likenesses(published: Corpus, texts: Iterable[str]) -> list[tuple[float, float, int]]:
    """For each text the highest cosine, containment and shared run against any published question."""
    found = []
    for text in texts:
        cosine = max(published.cosines(text).values(), default=0.0)
        copied = published.copied(text).values()
        found.append((cosine, max((share for share, _ in copied), default=0.0), max((run for _, run in copied), default=0)))
    return found


def resembles(published: Corpus, text: str) -> list[str]:
    """What is wrong with a text, one line for each published question that it comes too close to."""
    wrong = [f"cosine {cosine:.2f} with {key}" for key, cosine in published.cosines(text).items() if cosine >= COSINE_LIMIT]
    for key, (share, run) in published.copied(text).items():
        if run >= RUN_LIMIT or share >= CONTAINMENT_LIMIT:
            wrong.append(f"{run} words in a row, {share:.0%} of the 5-word runs, from {key}")
    return wrong


def same_template(texts: dict[str, str]) -> list[str]:
    """Pairs of texts of different questions that are built alike once numerals and names are masked."""
    corpus = Corpus(texts, masked)
    openings = {key: tuple(skeleton(text)[:OPENING_SKELETON]) for key, text in texts.items()}
    wrong = []
    for first, text in texts.items():
        for second, cosine in corpus.cosines(text).items():
            if first < second and question_of(first) != question_of(second) and cosine >= TEMPLATE_COSINE_LIMIT:
                wrong.append(f"{first} and {second}: masked cosine {cosine:.2f}")
    for first, second in combinations(texts, 2):
        if question_of(first) == question_of(second):
            continue
        if openings[first] == openings[second]:
            wrong.append(f"{first} and {second}: same opening form {' '.join(openings[first])!r}")
    for first, text in texts.items():
        for second, (_, run) in corpus.copied(text).items():
            if first < second and question_of(first) != question_of(second) and run >= TEMPLATE_RUN_LIMIT:
                wrong.append(f"{first} and {second}: {run} masked words in a row")
    return wrong


# ----------------------------------------------------------------------------- against the published sets


def test_published_sets_are_complete(published: Corpus) -> None:
    """The comparison runs over all the published sets, about 2,200 distinct questions and turns."""
    origins = Counter(key.split("/")[0] for key in published.tokens)
    assert sum(origins.values()) > 2000
    assert set(origins) == {"vicuna-bench-2023", "mt-bench", "arena-hard-v0.1", "arena-bench-v1", "alpaca-eval", "llmbar"}
    assert min(origins.values()) >= 80


def test_no_question_resembles_a_published_one(published: Corpus) -> None:
    """No turn of any of our questions comes near a published question, by shared rare words or by a copied stretch."""
    wrong = [f"{key}: {line}" for key, text in own_turns().items() for line in resembles(published, text)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("text", PARAPHRASES + EMBEDDED)
def test_paraphrase_of_a_published_question_is_caught(published: Corpus, text: str) -> None:
    """A published question in other words, or copied into a longer one, is recognised."""
    assert resembles(published, text)


def test_published_question_itself_is_caught(published: Corpus) -> None:
    """A published question taken over unchanged is recognised, whichever set it comes from."""
    for number, tokens in enumerate(published.tokens.values()):
        if number % 50 == 0 and tokens:
            assert resembles(published, " ".join(tokens))


def test_thresholds_separate(published: Corpus) -> None:
    """The thresholds lie in a gap: our questions stay well below them and paraphrases well above."""
    ours = likenesses(published, own_turns().values())
    theirs = likenesses(published, PARAPHRASES)
    assert max(cosine for cosine, _, _ in ours) < 0.85 * COSINE_LIMIT
    assert min(cosine for cosine, _, _ in theirs) > 1.3 * COSINE_LIMIT
    assert max(run for _, _, run in ours) <= RUN_LIMIT - 2
    ((cosine, share, run),) = likenesses(published, EMBEDDED)
    assert cosine < COSINE_LIMIT, "the embedded one should need the second measure"
    assert run > RUN_LIMIT
    assert share > 1.5 * CONTAINMENT_LIMIT


# ----------------------------------------------------------------------------- among ourselves


def test_no_two_questions_share_a_template() -> None:
    """No two of our questions, of whichever set and turn, are built alike once numerals and names are masked."""
    wrong = same_template(own_turns())
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("pair", TEMPLATES)
def test_shared_template_is_caught(pair: tuple[str, str]) -> None:
    """Two questions cut from one pattern are recognised, even among all of ours."""
    texts = own_turns() | {"template-a/1": pair[0], "template-b/1": pair[1]}
    assert any(line.startswith("template-a/1 and template-b/1") for line in same_template(texts))


def test_no_two_questions_open_alike() -> None:
    """No two turns of our questions begin with the same four words."""
    openings: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for key, text in own_turns().items():
        openings[tuple(words(text)[:4])].append(key)
    alike = {" ".join(opening): keys for opening, keys in openings.items() if len(keys) > 1}
    assert not alike


@pytest.mark.parametrize("name", PER_CATEGORY)
def test_categories_are_even_and_in_order(name: str) -> None:
    """Every category has its ten (core-80) or two (two-turn-16) questions, in the documented order, with running ids."""
    expected = [category for category in CATEGORIES for _ in range(PER_CATEGORY[name])]
    rows = questions(name)
    assert [row["category"] for row in rows] == expected
    if name == "core-80":
        ids = [f"{category}-{number:02d}" for category in CATEGORIES for number in range(1, 11)]
    else:
        ids = [f"two-turn-{number:02d}" for number in range(1, 17)]
    assert [row["question_id"] for row in rows] == ids
    assert {len(row["turns"]) for row in rows} == {1 if name == "core-80" else 2}


@pytest.mark.parametrize("name", PER_CATEGORY)
def test_lengths_are_varied(name: str) -> None:
    """Questions are not all of one length: the longest tenth is at least twice as long as the shortest tenth."""
    lengths = sorted(len(words(" ".join(row["turns"]))) for row in questions(name))
    tenth = max(1, len(lengths) // 10)
    factor = {"core-80": 2.0, "two-turn-16": 1.5}[name]
    assert statistics.mean(lengths[-tenth:]) >= factor * statistics.mean(lengths[:tenth])
    assert len(set(lengths)) > len(lengths) / 3
