"""Write docs/protocols.md from the judge folders and the tests that pin them. Run it after changing either:

    python docs/generate_protocols.py

`tests/test_protocols.py` fails while the page is stale, a folder has no test named here, or a test named here is not there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from evalh.judges.scale import NUMERIC, OVERALL, Scale
from evalh.judges.spec import JudgeSpec, load_spec

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = Path(__file__).with_name("protocols.md")
OWN: Final = "; "  # what a citation says after this is about our wording

PAIRWISE: Final = "e2e/test_protocols.py::test_every_pairwise_protocol_gives_the_verdicts_that_were_said"
SCORES: Final = "e2e/test_protocols.py::test_judgelm_and_the_absolute_forms_give_the_scores_that_were_said"
FOLDERS: Final = "judges/test_protocol_folders.py"
REPLAYS: Final = "judges/test_stored_replies.py::test_every_reply_is_read_as_stored_or_the_difference_is_explained"
PINNED: Final[dict[str, tuple[str, ...]]] = {
    "alpaca-eval-1": ("judges/test_rank_list.py::test_the_one_ranking_that_the_judge_gives_is_read", PAIRWISE),
    "alpaca-eval-1-fn": (
        f"{FOLDERS}::test_alpaca_eval_1_forces_the_call_of_one_tool",
        "e2e/test_protocols.py::test_a_ranking_comes_as_a_tool_call_or_as_text",
    ),
    "alpaca-eval-2": (
        f"{FOLDERS}::test_alpaca_eval_2_asks_for_one_token_and_its_probability",
        "e2e/test_protocols.py::test_a_preference_run_gives_the_win_rate_worked_by_hand",
        REPLAYS,
    ),
    "alpaca-eval-2-cot": ("judges/test_tokens.py::test_behind_reasons_the_last_word_is_read",),
    "arena-hard": (
        f"{FOLDERS}::test_arena_hard_writes_its_own_answer_first_but_not_for_creative_writing",
        PAIRWISE,
        REPLAYS,
    ),
    "auto-j": (
        f"{FOLDERS}::test_auto_j_prompts_have_the_data_block",
        "judges/test_tuned.py::test_auto_j_states_a_final_decision",
        PAIRWISE,
    ),
    "baseline": ("judges/test_card.py::test_the_figures_are_what_the_data_give",),
    "checklist": ("judges/test_items.py::test_every_item_is_read", "judges/test_items.py::test_what_cannot_be_read_has_a_name"),
    "gpt-4": ("judges/test_replies.py::test_a_rating_is_the_number_the_judge_states", REPLAYS),
    "helpsteer": (
        "judges/test_aspects.py::test_every_aspect_is_read",
        "judges/test_aspects.py::test_what_cannot_be_read_has_a_name",
    ),
    "judgelm": (
        f"{FOLDERS}::test_pandalm_and_judgelm_prompts_end_where_the_model_goes_on",
        "judges/test_tuned.py::test_judgelm_scores_on_its_first_line",
        SCORES,
    ),
    "llmbar": ("judges/test_outputs.py::test_the_name_alone_on_the_first_line", REPLAYS),
    "llmbar-cot": ("judges/test_outputs.py::test_the_sentence_wherever_the_judge_states_it", REPLAYS),
    "nectar": (
        "judges/test_rankings.py::test_the_stated_order_is_read",
        "judges/test_rankings.py::test_any_number_of_answers_can_be_ordered",
    ),
    "pandalm": (
        f"{FOLDERS}::test_pandalm_and_judgelm_prompts_end_where_the_model_goes_on",
        "judges/test_tuned.py::test_pandalm_unreadable_is_not_a_tie",
        PAIRWISE,
    ),
    "prometheus-2": (
        f"{FOLDERS}::test_prometheus_prompts_have_the_blocks_that_it_was_trained_on",
        "judges/test_tuned.py::test_prometheus_rates_at_the_end",
        SCORES,
    ),
    "rubric-5": ("judges/test_replies.py::test_a_rating_is_the_number_the_judge_states",),
    "ultrafeedback": (
        "judges/test_aspects.py::test_one_aspect_alone",
        "judges/test_aspects.py::test_ultrafeedback_s_own_reading",
    ),
    "vicuna-2023": ("judges/test_vicuna_reviews.py::test_every_math_review_is_read_as_its_text_says", REPLAYS),
    "vicuna-aspects": ("judges/test_aspects.py::test_every_aspect_is_read",),
    "wildbench": ("judges/test_objects.py::test_a_choice_in_an_object", "judges/test_objects.py::test_wildbench_s_own_reading"),
}
"""Judge folder -> the tests, under tests/, that fail when its protocol is read or asked otherwise."""

IMPORTS: Final = (
    (
        "`fastchat FILE`",
        "FastChat's `judge_prompts.jsonl` (MT-bench), and its `prompt.jsonl` of March 2023",
        ("importers/test_judges_fastchat.py::test_every_stored_request_of_mt_bench_is_rendered_again_to_the_byte",),
    ),
    (
        "`alpaca-eval DIR`",
        "a folder of AlpacaEval's `evaluators_configs`",
        ("importers/test_judges_alpaca_eval.py::test_the_messages_are_those_that_alpaca_eval_makes",),
    ),
    (
        "`arena-hard FILE`",
        "an Arena-Hard configuration, of the present form or that before 2025",
        (
            "importers/test_judges_arena_hard.py::test_the_present_form_takes_a_system_prompt_for_each_category",
            "importers/test_judges_arena_hard.py::test_the_earlier_form_is_a_file_by_itself",
        ),
    ),
)

HEAD: Final = """\
# Protocols

This page is made from the judge folders by `python docs/generate_protocols.py`; do not edit it by hand.

Every judging protocol that is built in: where it comes from, the folder that describes it, the values it gives, the reader that
reads its replies ([judges.md](judges.md#readers)), and the tests that pin it. That stored replies are read as their authors
read them is shown row by row in [replies.md](replies.md).

| protocol | source | folder | modes | scale | reader | pinned by |
| --- | --- | --- | --- | --- | --- | --- |
"""
AFTER: Final = """
The prompts are our own wording. Where the exact wording is the protocol, bring the original's file, and
`evalh judges import FORMAT PATH` makes a judge of it whose requests are the original's to the byte:

| `evalh judges import` | takes | pinned by |
| --- | --- | --- |
"""


def folders() -> list[str]:
    """The judges that are built in: the folders with a judge.toml, and the one that computes."""
    return sorted(
        path.name for path in (ROOT / "judges").iterdir() if (path / "judge.toml").is_file() or path.name == "baseline"
    )


def _row(name: str) -> str:
    if name == "baseline":
        cells = ["baseline, computes", "this project", "[baseline](../judges/baseline/README.md)", "absolute, pairwise"]
        cells += ["1 to 10, one decimal; A, B, tie", "none: it asks nobody"]
    else:
        spec = load_spec(ROOT / "judges" / name)
        variants = spec.variants.values()
        cells = [spec.title, _cited(spec), f"[{name}](../judges/{name}/judge.toml)"]
        cells += [
            _each(v.mode for v in variants),
            _each(_words(v.scale) for v in variants),
            _each(f"`{v.reader}`" for v in variants),
        ]
    return f"| {' | '.join([*cells, _tests(PINNED[name])])} |"


def _cited(spec: JudgeSpec) -> str:
    return spec.citation.partition(OWN)[0] or "this project"


def _each(words: object) -> str:
    return "; ".join(dict.fromkeys(words))  # type: ignore[call-overload, no-any-return]


def _words(scale: Scale) -> str:
    """A scale in a few words for the table."""
    if scale.kind in NUMERIC:
        words = [f"{scale.low:g} to {scale.high:g}"]
        words += ["decimals"] if scale.decimals else []
        words += ["one for each answer"] if scale.kind == "two-scores" else []
        words += [f"for {', '.join(scale.aspects)}"] if scale.aspects != (OVERALL,) else []
        return ", ".join(words)
    return {
        "three-way": "A, B, tie",
        "two-way": "A, B",
        "five-step": "A>>B … B>>A",
        "preference": f"0 to 1, from the probabilities of {' and '.join(f'`{token}`' for token in scale.tokens)}",
        "ranking": "an order of all answers",
        "yes-no": "yes or no, for each item",
    }[scale.kind]


def _tests(names: tuple[str, ...]) -> str:
    return "; ".join(f"`{name}`" for name in names)


def page() -> str:
    """The whole page.

    Raises:
        KeyError: a judge folder that no test is named for.
    """
    rows = [_row(name) for name in folders()]
    imports = [f"| {form} | {takes} | {_tests(tests)} |" for form, takes, tests in IMPORTS]
    return HEAD + "\n".join(rows) + "\n" + AFTER + "\n".join(imports) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
