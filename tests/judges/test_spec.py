"""Judge folders: reading them, naming what is wrong with them, and hashing what they fix."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from evalh.errors import BadJudge
from evalh.judges.prompt import parse_prompt
from evalh.judges.prompted import PromptedJudge
from evalh.judges.spec import JudgeSpec, load_spec

ROOT = Path(__file__).parents[2]
TOML = """\
name = "mine"
model = "openai:some-model"
attempts = 2
[params]
temperature = 0.0
[variants.single]
mode = "absolute"
prompt = "prompts/single.md"
scale = { kind = "rating", low = 1, high = 5 }
reader = "bracket-rating"
"""
PROMPT = "[system]\nGrade on {scale}.\n\n[user]\n{question}\n\n{answer}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A judge folder of a user's own."""
    (tmp_path / "mine" / "prompts").mkdir(parents=True)
    (tmp_path / "mine" / "judge.toml").write_text(TOML, "utf-8")
    (tmp_path / "mine" / "prompts" / "single.md").write_text(PROMPT, "utf-8")
    return tmp_path / "mine"


def faults(folder: Path, toml: str = TOML, prompt: str = PROMPT) -> str:
    """The message of the error that a folder gives."""
    (folder / "judge.toml").write_text(toml, "utf-8")
    (folder / "prompts" / "single.md").write_text(prompt, "utf-8")
    with pytest.raises(BadJudge) as error:
        load_spec(folder)
    return str(error.value)


def test_a_folder_of_ones_own_loads(folder: Path) -> None:
    """A judge.toml and one prompt file are a judge."""
    spec = load_spec(folder)
    variant = spec.variants["single"]
    assert (spec.name, spec.model, spec.attempts, spec.folder) == ("mine", "openai:some-model", 2, folder)
    assert (variant.mode, variant.turns, variant.reference, variant.orders, variant.reading) == (
        "absolute",
        1,
        False,
        1,
        "strict",
    )
    assert (variant.scale.low, variant.scale.high, variant.scale.decimals) == (1, 5, 0)
    assert spec.parameters("single", {"seed": 7}) == {"temperature": 0.0, "seed": 7}


def test_the_name_may_be_left_to_the_folder(folder: Path) -> None:
    """A judge is called like its folder."""
    (folder / "judge.toml").write_text(TOML.replace('name = "mine"\n', "schema = 1\n"), "utf-8")
    assert load_spec(str(folder)).name == "mine"


@pytest.mark.parametrize(
    ("name", "modes", "variants"), [("gpt-4", ("absolute", "pairwise"), 8), ("vicuna-2023", ("two-score",), 3)]
)
def test_the_built_in_folders_load(name: str, modes: tuple[str, ...], variants: int) -> None:
    """Every folder that ships is a judge, says where its protocol comes from, and uses every prompt file it has."""
    judge = PromptedJudge.from_folder(ROOT / "judges" / name)
    assert (judge.name, judge.modes, len(judge.spec.variants)) == (name, modes, variants)
    assert judge.spec.citation
    assert judge.spec.licence
    assert len(list((ROOT / "judges" / name / "prompts").iterdir())) == variants
    assert len({judge.hash(variant) for variant in judge.spec.variants}) == variants


WRONG = [
    ('name = "mine"', 'name = "yours"', "judge.toml: name: 'yours' is not the folder's name, 'mine'"),
    ('name = "mine"', 'nmae = "mine"', "nmae: unknown key; did you mean name"),
    ('name = "mine"', "schema = 2", "schema: this evalh reads schema 1, not 2"),
    ('name = "mine"', "title = 3", "title: must be text, not 3"),
    ("attempts = 2", "attempts = 0", "attempts: must be from 1 to 20, not 0"),
    ("attempts = 2", "attempts = true", "attempts: must be a whole number, not True"),
    ("temperature = 0.0", "temperature = nan", "params.temperature: must be text, a finite number"),
    ("temperature = 0.0", "stop = [2024-01-01]", "params.stop: must be text"),
    (
        "[variants.single]",
        "[variants.single]\nreferences = true",
        "variants.single.references: unknown key; did you mean reference",
    ),
    ("[variants.single]", '[variants."a b"]', "variants.a b: a variant's name is letters"),
    ('mode = "absolute"', "", "variants.single.mode: is missing; one of absolute, pairwise, two-score"),
    ('mode = "absolute"', 'mode = "absolut"', "variants.single.mode: unknown mode 'absolut'; did you mean absolute"),
    ('mode = "absolute"', "mode = 3", "variants.single.mode: unknown mode 3; one of absolute"),
    ('mode = "absolute"', 'mode = "absolute"\nturns = 0', "variants.single.turns: must be from 1 to 9"),
    ('mode = "absolute"', 'mode = "absolute"\nreference = "no"', "variants.single.reference: must be true or false"),
    ('mode = "absolute"', 'mode = "absolute"\ncategories = [1]', "variants.single.categories: must be a list of texts"),
    ('mode = "absolute"', 'mode = "absolute"\ncategories = "math"', "variants.single.categories: must be a list, not 'math'"),
    ('mode = "absolute"', 'mode = "absolute"\norders = 2', "variants.single.orders: one answer has one order"),
    (
        'mode = "absolute"',
        'mode = "absolute"\nreading = "lax"',
        "variants.single.reading: unknown reading 'lax'; one of strict, published",
    ),
    ('mode = "absolute"', 'mode = "absolute"\nparams = 3', "variants.single.params: must be a table"),
    ('mode = "absolute"', 'mode = "pairwise"', "a rating scale belongs to mode 'absolute', not 'pairwise'"),
    ('"prompts/single.md"', '"prompts/other.md"', "other.md cannot be read: No such file"),
    ('"prompts/single.md"', '"../../x.md"', "'../../x.md' lies outside the judge's folder"),
    ('"prompts/single.md"', "1", "variants.single.prompt: is missing"),
    (
        '{ kind = "rating", low = 1, high = 5 }',
        "5",
        "variants.single.scale: must be rating, two-scores, three-way, two-way, five-step, preference, ranking, yes-no, or a",
    ),
    (
        '{ kind = "rating", low = 1, high = 5 }',
        '"ratings"',
        "variants.single.scale.kind: unknown kind 'ratings'; did you mean rating",
    ),
    ('{ kind = "rating", low = 1, high = 5 }', '{ kind = "rating", max = 5 }', "variants.single.scale.max: unknown key"),
    ("low = 1", 'low = "1"', "variants.single.scale.low: must be a finite number, not '1'"),
    ("low = 1", "low = 5", "variants.single.scale: low (5) must be below high (5)"),
    ("high = 5", "high = inf", "variants.single.scale.high: must be a finite number"),
    ("high = 5", "decimals = -1", "variants.single.scale.decimals: must be from 0 to 6"),
    ('kind = "rating", low = 1, high = 5', 'kind = "three-way", low = 1', "a three-way scale has no such key"),
    ('"bracket-rating"', '"bracket-ratings"', "unknown reader 'bracket-ratings'; did you mean bracket-rating"),
    ('"bracket-rating"', '"bracket-verdict"', "'bracket-verdict' reads a three-way scale, not a rating one"),
]


@pytest.mark.parametrize(("old", "new", "message"), WRONG)
def test_a_fault_names_file_key_and_what_is_wrong(folder: Path, old: str, new: str, message: str) -> None:
    """Each fault of a judge.toml is named, with the nearest valid word where there is one."""
    assert old in TOML
    said = faults(folder, TOML.replace(old, new))
    assert message in said
    assert str(folder) in said


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("[user]\n{question}\n{anwser} {answer}\n", "single.md:3: unknown field {anwser}; did you mean answer"),
        (
            "[user]\n{question} {answer}\n{reference}\n",
            "single.md:3: unknown field {reference}; set reference = true to use it",
        ),
        ("[user]\n{question} {answer_2} {answer}\n", "single.md:2: unknown field {answer_2}"),
        ("[user]\n{question} {fense} {answer}\n", "single.md:2: unknown field {fense}; did you mean fence"),
        ("[user]\n{question}\n", "the field {answer} is not used"),
        ("[user]\n{answer}\n", "the field {question} is not used"),
        ("hello\n[user]\n{question} {answer}\n", "single.md:1: text before the first part"),
        ("[system]\n{question} {answer}\n", "single.md:1: there is no [user] part"),
    ],
)
def test_a_fault_of_a_prompt_names_its_line(folder: Path, prompt: str, message: str) -> None:
    """Fields that do not exist, or are missing, are found when the folder is read."""
    assert message in faults(folder, prompt=prompt)


def test_all_faults_are_listed_together(folder: Path) -> None:
    """One reading of the folder finds everything that is wrong with it."""
    said = faults(
        folder, TOML.replace('"bracket-rating"', '"x"').replace("attempts = 2", "attempts = 99"), "[user]\n{answer}\n"
    )
    assert said.startswith("judge 'mine' cannot be used:\n  ")
    assert said.count("\n") == 3


def test_a_folder_without_variants_or_with_a_broken_file_says_so(folder: Path) -> None:
    """What cannot be read at all is an error of its own."""
    assert "variants: there is none" in faults(folder, 'model = "m:x"\n')
    assert "variants.single: must be a table" in faults(folder, "[variants]\nsingle = 3\n")
    assert "is not TOML" in faults(folder, "name = \n")
    (folder / "judge.toml").write_bytes(b"name = '\xff'")
    with pytest.raises(BadJudge, match="is not UTF-8"):
        load_spec(folder)
    (folder / "judge.toml").unlink()
    with pytest.raises(BadJudge, match="cannot be read: No such file"):
        load_spec(folder)


def test_a_prompt_that_is_not_utf_8_says_so(folder: Path) -> None:
    """A prompt file has to be UTF-8."""
    (folder / "prompts" / "single.md").write_bytes(b"[user]\n\xff")
    with pytest.raises(BadJudge, match="it is not UTF-8"):
        load_spec(folder)


def test_params_may_hold_lists_and_tables(folder: Path) -> None:
    """Whatever JSON can say can be a parameter."""
    (folder / "judge.toml").write_text(TOML.replace("temperature = 0.0", 'stop = ["x"]\nextra = { a = [1, true] }'), "utf-8")
    assert load_spec(folder).parameters("single") == {"stop": ["x"], "extra": {"a": [1, True]}}


def changed(spec: JudgeSpec, **values: object) -> JudgeSpec:
    return replace(spec, variants={"single": replace(spec.variants["single"], **values)})  # type: ignore[arg-type]


def test_the_hash_changes_with_what_matters(folder: Path) -> None:
    """Prompt, scale, reader, reading, parameters and model are part of the hash, each by itself."""
    spec = load_spec(folder)
    scale = spec.variants["single"].scale
    hashes = [
        spec.hash("single"),
        changed(spec, prompt=parse_prompt(PROMPT + "!")[0]).hash("single"),
        changed(spec, prompt=parse_prompt(PROMPT.replace("Grade", "Rate"))[0]).hash("single"),
        changed(spec, scale=replace(scale, high=6)).hash("single"),
        changed(spec, scale=replace(scale, decimals=1)).hash("single"),
        changed(spec, reader="score-tuple").hash("single"),
        spec.with_reading("published").hash("single"),
        changed(spec, params={"top_p": 0.5}).hash("single"),
        replace(spec, params={"temperature": 0.5}).hash("single"),
        spec.hash("single", "openai:another"),
        spec.hash("single", params={"seed": 1}),
    ]
    assert len(set(hashes)) == len(hashes)
    assert all(re.fullmatch(r"[0-9a-f]{16}", each) for each in hashes)


def test_the_hash_ignores_what_does_not_matter(folder: Path) -> None:
    """Names, titles, attempts, line ends, 0 or 0.0, and options that repeat what is already so change nothing."""
    spec = load_spec(folder)
    same = spec.hash("single")
    other = replace(spec, name="x", title="y", note="z", attempts=9, params={"temperature": 0}, folder=None)
    assert other.hash("single") == same
    assert changed(spec, name="other", categories=("math",), orders=2).hash("single") == same
    assert spec.hash("single", "openai:some-model", {"temperature": 0.0}) == same
    (folder / "prompts" / "single.md").write_bytes(PROMPT.replace("\n", "\r\n").encode())
    assert load_spec(folder).hash("single") == same


def test_the_documented_judge_is_a_judge(tmp_path: Path) -> None:
    """The walk through writing a judge in docs/judges.md ends with a folder that loads."""
    page = (ROOT / "docs" / "judges.md").read_text("utf-8")
    files = dict(re.findall(r"<!-- file: (\S+) -->\n```\w*\n(.*?)```", page, re.S))
    assert set(files) == {"judge.toml", "prompts/single.md", "prompts/pair.md"}
    for name, text in files.items():
        path = tmp_path / "plain-words" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    judge = PromptedJudge.from_folder(tmp_path / "plain-words")
    assert judge.modes == ("absolute", "pairwise")


def test_a_fence_is_chosen_for_the_judge_or_for_a_variant(folder: Path) -> None:
    """Texts are fenced unless the judge or, before it, the variant says otherwise; without a fence there is no code to name."""
    assert load_spec(folder).variants["single"].fenced
    (folder / "judge.toml").write_text("fenced = false\n" + TOML, "utf-8")
    assert not load_spec(folder).variants["single"].fenced
    (folder / "judge.toml").write_text("fenced = false\n" + TOML + "fenced = true\n", "utf-8")
    assert load_spec(folder).variants["single"].fenced
    assert "single.md:2: unknown field {fence}; set fenced = true to use it" in faults(
        folder, "fenced = false\n" + TOML, "[user]\n{fence} {question} {answer}\n"
    )
    assert "variants.single.fenced: must be true or false, not 'no'" in faults(folder, TOML + 'fenced = "no"\n')


def test_a_prompt_to_the_letter_is_never_fenced(folder: Path) -> None:
    """A .json prompt is sent as it is, so it has no fence, and asking for one is a fault."""
    (folder / "prompts" / "single.json").write_text('{"user": "{question} {answer}"}', "utf-8")
    toml = TOML.replace("single.md", "single.json")
    (folder / "judge.toml").write_text(toml, "utf-8")
    assert not load_spec(folder).variants["single"].fenced
    assert "variants.single.fenced: a .json prompt is sent to the letter" in faults(folder, toml + "fenced = true\n")


def test_an_aspect_that_may_not_apply_is_another_scale(folder: Path) -> None:
    """Ratings may be "N/A" where the scale says so, which changes the judge's hash; no other scale has the key."""
    plain = load_spec(folder)
    (folder / "judge.toml").write_text(TOML.replace("high = 5", "high = 5, not_applicable = true"), "utf-8")
    spec = load_spec(folder)
    assert spec.variants["single"].scale.not_applicable
    assert spec.hash("single") != plain.hash("single")
    two = TOML.replace('"absolute"', '"two-score"').replace(
        '"rating", low = 1, high = 5', '"two-scores", not_applicable = true'
    )
    assert "scale.not_applicable: a two-scores scale has no such key" in faults(folder, two)


def test_a_checklist_can_be_shown_in_any_mode(folder: Path) -> None:
    """It guides a score as well; where yes and no are asked for, it has to be shown."""
    (folder / "prompts" / "single.md").write_text("[user]\n{question} {answer} {checklist}\n", "utf-8")
    assert "checklist" in load_spec(folder).variants["single"].prompt.fields
    toml = TOML.replace('"absolute"', '"checklist"').replace('{ kind = "rating", low = 1, high = 5 }', '"yes-no"')
    said = faults(folder, toml.replace("bracket-rating", "yes-no-items"))
    assert "the field {checklist} is not used; a judge has to be shown it" in said


def test_strong_verdicts_may_count_more_than_once(folder: Path) -> None:
    """`strong_weight` is kept in the spec and in what runs keep of the judge; it needs a scale with strong verdicts."""
    assert load_spec(folder).strong_weight == 1
    assert "strong_weight" not in PromptedJudge.from_folder(folder).about
    arena = PromptedJudge.from_folder(ROOT / "judges" / "arena-hard")
    assert (arena.spec.strong_weight, arena.about["strong_weight"]) == (3, 3)
    assert "strong_weight: no variant has a five-step scale" in faults(folder, "strong_weight = 3\n" + TOML)
    assert "strong_weight: must be from 1 to 10" in faults(folder, "strong_weight = 0\n" + TOML)
