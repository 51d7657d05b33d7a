"""The page: complete, self-contained, and deaf to whatever models and judges write."""

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from evalh.core.records import Question
from evalh.reports.document import Sheet
from evalh.reports.page import inline_svg, page
from evalh.reports.write import _plots
from reports import builder

ATTRIBUTES = {
    *("aria-hidden", "aria-label", "aria-labelledby", "charset", "class", "content", "data-kind", "data-v", "dir", "focusable"),
    *("href", "http-equiv", "id", "lang", "name", "rel", "role", "scope", "tabindex", "cx", "cy", "d", "r", "viewbox", "width"),
    *("height", "style", "transform", "x", "y", "patternunits", "clip-path", "fill", "fill-opacity", "stroke", "stroke-width"),
    *("stroke-linecap", "stroke-linejoin", "xlink:href", "xmlns", "xmlns:xlink", "stroke-dasharray", "stroke-miterlimit"),
}
VOID = {"meta", "link"}


class Page(HTMLParser):
    """What a browser would see: elements, attributes, ids, and whether everything that opens also closes."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.attributes, self.ids, self.words, self.links = [], {}, set(), [], [], []
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.elements[tag] = self.elements.get(tag, 0) + 1
        for name, value in attrs:
            self.attributes.add(name)
            if name == "id":
                self.ids.append(value)
            if name in ("href", "xlink:href", "src"):
                self.links.append(value)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open, tag
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self):
        return "".join(self.words)


def with_plots(made):
    """The page of a report with all its plots."""
    return page(made, {judge: {name: svg for name, (_, svg) in _plots(made, judge).items()} for judge in made.leaderboards})


@pytest.fixture(scope="module")
def hostile():
    """The page of the report in which every text is an attack."""
    return with_plots(builder.hostile())


def test_no_element_or_attribute_arises_from_a_hostile_text(hostile):
    """The page of attacks has the elements and attributes that our templates and plots write, and no other."""
    seen = Page(hostile)
    friendly = Page(with_plots(builder.report(9)))
    assert set(seen.elements) <= set(friendly.elements)
    assert seen.elements["script"] == seen.elements["h1"] == seen.elements["body"] == seen.elements["style"] == 1
    assert "img" not in seen.elements
    assert seen.attributes <= ATTRIBUTES, seen.attributes - ATTRIBUTES
    assert not any(name.startswith("on") for name in seen.attributes)
    assert "<script>window.hacked" in seen.text
    assert "{{ 7 * 7 }}" in seen.text


def test_nothing_unseen_reaches_the_reader(hostile):
    """Controls, overrides and half surrogates are written out, everywhere on the page."""
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b\ud800-\udfff\U000e0041]", hostile)
    assert "⟨U+202E⟩txt.exe" in hostile


def test_every_id_is_unique_and_every_link_stays_on_the_page():
    """Several judges and plots on one page do not share ids; no link leads out."""
    seen = Page(with_plots(builder.report(3, judges=("gpt-4", "claude"))))
    assert len(seen.ids) == len(set(seen.ids))
    assert all(link == "data:," or link[1:] in seen.ids for link in seen.links)


def test_the_policy_allows_our_script_and_style_and_nothing_else(hostile):
    """Script and style are named by their hashes, everything else is refused."""
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', hostile)[1].replace("&#39;", "'")
    for tag, directive in (("script", "script-src"), ("style", "style-src-elem")):
        body = re.search(rf"<{tag}>(.*?)</{tag}>", hostile, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';")
    assert "base-uri 'none'" in policy
    assert all(link.startswith(("#", "data:,")) for link in Page(hostile).links)


def test_a_very_long_answer_is_cut_with_a_sentence(hostile):
    """A megabyte of one letter: 20,000 are shown, and the page says how many are not and where they are."""
    assert "980,000 more characters are left out here; the full text is in answers.jsonl, answer " in hostile
    assert "the full text is in judgments.jsonl, judgment " in hostile
    assert "a" * 20_000 in hostile
    assert "a" * 20_001 not in hostile


def test_every_answer_and_every_judgment_is_on_the_page():
    """Nothing that was written or said is left out, failures included."""
    made = builder.report(3)
    seen = Page(page(made)).text
    for sheet in made.sheets:
        assert sheet.question.turns[0] in seen
        for answer in sheet.answers:
            assert answer.turns[0] in seen
        for judgment in sheet.judgments:
            assert judgment.explanation in seen


def test_figures_of_the_leaderboard_are_on_the_page_with_intervals():
    """Overall and per category, models and pairs."""
    made = builder.report(3, answers=False)
    seen = Page(page(made)).text
    board = made.leaderboards["gpt-4"]
    for table in (board.overall, *board.categories.values()):
        for row in table.models:
            assert f"{row.mean_score.value:.2f}" in seen
            assert f"{row.mean_score.low:.2f}–{row.mean_score.high:.2f}" in seen
        for pair in table.pairs:
            assert f"{100 * pair.win_rate_a.value:.1f}%" in seen
    assert "8 judgments, 5 without a verdict, 2 cut off before the verdict, 1 with a failed request." in seen
    assert "9f" * 32 in seen
    assert "$3.42" in seen
    assert "koala-13b" in seen


def test_what_a_reader_has_to_know_comes_in_plain_words():
    """A partial run, a judge that is only a floor, agreement with what was known, the judge card."""
    seen = Page(page(builder.baseline())).text
    assert "A floor for LLM judges, not a judge of quality" in seen
    assert "Agreement 76.4% (66.5–84.5), 80 questions: the judge prefers the answer without a recorded defect." in seen
    assert "outcome of the first shown" in seen
    assert "only what models differ by on the whole is taken out" in seen
    broken = Page(page(builder.missing())).text
    assert "stopped by the budget of $1.00 after 40 of 80 questions." in broken
    assert "nan" not in re.findall(r"[a-z]+", broken.lower())


def test_no_leaderboard_at_all_is_still_a_page():
    """A run in which nothing was judged yet has facts, and says nothing it does not know."""
    made = builder.report(2)
    Page(page(replace(made, leaderboards={}, sheets=(Sheet(Question("q", "", ())),))))


@pytest.mark.parametrize(
    ("changed", "shown"),
    [
        ({"verdict": "B", "strength": 2}, "vicuna-13b clearly better"),
        ({"verdict": "A", "strength": 1}, "alpaca-13b slightly better"),
        ({"verdict": "tie"}, "tie"),
        ({"preference": 0.725}, "preference 0.72 for alpaca-13b"),
        ({"ranking": (2, 1)}, "1. vicuna-13b, 2. alpaca-13b"),
        ({"scores": {"overall": (8.0, 7.5)}}, "8 : 7.5"),
        ({"scores": {"help": (8.0, None), "truth": (1.0, 2.0)}}, "help 8 : – · truth 1 : 2"),
        ({"status": "truncated"}, "unscored: cut off before the verdict"),
        ({"status": "new_status"}, "unscored: new_status"),
        ({"verdict": "tie", "turn": 2, "sample": 1, "attempt": 2, "flags": ("late",)}, "turn 2sample 2attempt 3late"),
    ],
)
def test_a_judgment_names_models_not_positions(changed, shown):
    """The judge was shown alpaca first; what it said is told by name."""
    made = builder.report(2)
    sheet = made.sheets[0]
    one = builder.judgment(sheet.question, "gpt-4", (sheet.answers[1], sheet.answers[0]), "pairwise", **changed)
    seen = Page(page(replace(made, sheets=(replace(sheet, judgments=(one,)),)))).text
    assert shown in seen
    assert "A = alpaca-13b, B = vicuna-13b" in seen


def test_turns_and_ends_of_answers_are_told():
    """Two turns are told apart; an answer cut off, repeated or flagged says so."""
    made = builder.report(2)
    question = Question("q", "math", ("first?", "second?"), (None, "two"))
    answer = replace(builder.answer("q", "m"), turns=("uno", "due"), finish_reason="length", flags=("length:2",), sample=1)
    seen = Page(page(replace(made, sheets=(Sheet(question, (answer,)),)))).text
    for words in ("Turn 1\nfirst?", "Turn 2\nsecond?", "Turn 2\ndue", "sample 2ended by lengthlength:2", "Reference answer"):
        assert re.sub(r"\s+", "", words) in re.sub(r"\s+", "", seen)


def test_a_plot_on_the_page_has_a_name_and_the_pages_colours():
    """Title and description for those who cannot see it; no style sheet that would reach beyond it; nothing unparsed."""
    svg = _plots(builder.report(2, answers=False), "gpt-4")["relative-score"][1]
    shown = inline_svg(svg, "j0-bars", "Bars <of> it", "See the table.")
    assert shown.startswith("<svg ")
    assert '<title id="j0-bars-t">Bars &lt;of&gt; it</title>' in shown
    assert 'role="img"' in shown
    assert 'aria-labelledby="j0-bars-t j0-bars-d"' in shown
    assert "var(--ink)" in shown
    assert "<style" not in shown
    assert "<metadata" not in shown
    assert "#1b1b1f" not in shown


def test_first_place_is_told_as_the_ranks_have_it():
    """Alone only if every other model is worse; shared names are listed, many are counted."""
    from evalh.reports.words import headline

    def say(*ranks):
        board = builder.board("j", builder.names(len(ranks)))
        rows = tuple(replace(row, rank=rank) for row, rank in zip(board.overall.models, ranks, strict=True))
        return headline(replace(board, overall=replace(board.overall, models=rows)))

    assert say((1, 1), (2, 2)) == "vicuna-13b is significantly better than every other model."
    assert say((1, 2), (2, 3), (2, 3)) == "No other model is significantly better than vicuna-13b."
    assert say((1, 2), (1, 2)) == "First place is shared: no model is significantly better than vicuna-13b or alpaca-13b."
    assert say(*[(1, 7)] * 7).endswith("vicuna-13b, alpaca-13b, koala-13b, llama-13b or 3 more.")
    assert say(None, None) == say((1, 1), None) == ""
