"""The figure that stands for several aspects: what a folder may say of it, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalh.errors import BadJudge
from evalh.judges.overall import asked, described, expected
from evalh.judges.prompted import PromptedJudge
from evalh.judges.spec import JudgeSpec, load_spec

JUDGES = Path(__file__).parents[2] / "judges"
HEAD = 'model = "openai:x"\n'
PROMPT = "[user]\n{question} {answer}\n"


def variant(name: str, aspects: str = "", extra: str = "", scale: str = "low = 1, high = 5") -> str:
    """A table of a judge.toml."""
    listed = f", aspects = [{aspects}]" if aspects else ""
    kind = f'{{ kind = "rating", {scale}{listed} }}'
    return f'[variants.{name}]\nmode = "absolute"\nprompt = "p.md"\nscale = {kind}\nreader = "aspect-ratings"\n{extra}'


def written(folder: Path, toml: str, prompt: str = PROMPT) -> JudgeSpec:
    """The judge of a folder with this judge.toml."""
    (folder / "mine").mkdir()
    (folder / "mine" / "judge.toml").write_text(toml, "utf-8")
    (folder / "mine" / "p.md").write_text(prompt, "utf-8")
    return load_spec(folder / "mine")


def test_an_aspect_may_stand_for_the_whole(tmp_path: Path) -> None:
    """The mean by default, or the aspect that the folder names."""
    spec = written(tmp_path, HEAD + 'overall = "style"\n' + variant("one", '"style", "truth"'))
    assert spec.overall == "style"
    assert load_spec(JUDGES / "helpsteer").overall == "helpfulness"
    assert load_spec(JUDGES / "ultrafeedback").overall == "mean"


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        (
            'overall = "stile"\n' + variant("one", '"style", "truth"'),
            "'stile' is no aspect of any variant; did you mean style?",
        ),
        ('overall = "xyz"\n' + variant("one", '"style"'), 'one of "mean", style'),
        ("overall = 3\n" + variant("one", '"style"'), "overall: must be text, not 3"),
        (
            'overall = "style"\n' + variant("one", '"style"') + variant("two", '"overall"'),
            "a variant scores 'overall' itself, so nothing else can stand for it",
        ),
        (variant("one", '"style"') + variant("two", '"truth"', scale="low = 0, high = 4"), "different scales says nothing"),
        (
            variant("one")
            + '[variants.list]\nmode = "checklist"\nprompt = "p.md"\nscale = "yes-no"\nreader = "yes-no-items"\n',
            "make two judges of it",
        ),
    ],
)
def test_what_cannot_be_one_figure_is_refused(tmp_path: Path, toml: str, said: str) -> None:
    """A misspelt aspect, two figures for one place, and scores on different scales are faults of the folder."""
    with pytest.raises(BadJudge) as caught:
        written(tmp_path, HEAD + toml, PROMPT.replace("{answer}", "{answer} {checklist}"))
    assert said in str(caught.value)


def test_aspects_on_different_scales_are_fine_where_one_is_named(tmp_path: Path) -> None:
    """Nothing is averaged then."""
    toml = HEAD + 'overall = "style"\n' + variant("one", '"style"') + variant("two", '"truth"', scale="low = 0, high = 4")
    assert written(tmp_path, toml).overall == "style"


def test_a_run_keeps_what_belongs_together(tmp_path: Path) -> None:
    """Which aspects every question is scored in, and which a judgment was asked for, is told by what a run keeps."""
    rubric = 'rubric = "as good as it gets"\n'
    toml = (
        HEAD
        + variant("one", '"style"', rubric)
        + variant("two", '"truth"')
        + variant("code", '"speed"', 'categories = ["coding"]\n')
    )
    about = described("mean", written(tmp_path, toml, PROMPT + "{rubric}").variants.values())
    assert expected(about, 1) == ["style"], "truth has no rubric of its own, so not every question can be scored in it"
    assert expected(about, 2) == expected({}, 1) == []
    assert asked(about, "mine/code") == ("speed",)
    assert asked(about, "other") == asked({}, "mine/code") == ()
    assert described("mean", load_spec(JUDGES / "gpt-4").variants.values()) == {}
    assert PromptedJudge.from_folder(JUDGES / "helpsteer").about["overall"] == "helpfulness"
