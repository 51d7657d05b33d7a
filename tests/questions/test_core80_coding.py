"""The coding references of core-80 run and satisfy assertions they were not written from."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

QUESTIONS = Path(__file__).resolve().parents[2] / "questions" / "core-80" / "questions.jsonl"
TIME_LIMIT = 10
FEWEST_ASSERTIONS = 4

PRELUDE = """
def _raises(kind, call, *args):
    try:
        call(*args)
    except kind as error:
        return str(error) or True
    return False
"""

ASSERTIONS = {
    "coding-01": """
busy = [("12:00", "13:00"), ("09:30", "10:00")]
gaps = [("09:00", "09:30"), ("10:00", "12:00"), ("13:00", "17:00")]
assert free_slots(busy, "09:00", "17:00", 30) == gaps
assert busy == [("12:00", "13:00"), ("09:30", "10:00")]
assert free_slots([], "08:00", "09:00", 60) == [("08:00", "09:00")]
assert free_slots([], "08:00", "09:00", 61) == []
nested = [("09:00", "12:00"), ("09:30", "10:00")]
assert free_slots(nested, "09:00", "13:00", 15) == [("12:00", "13:00")]
assert free_slots([("09:00", "10:00"), ("10:00", "11:00")], "09:00", "11:00", 1) == []
assert free_slots([("10:00", "10:00")], "09:00", "11:00", 90) == [("09:00", "11:00")]
assert free_slots([("07:00", "08:30")], "08:00", "09:30", 60) == [("08:30", "09:30")]
assert free_slots([("16:30", "19:00")], "16:00", "17:00", 30) == [("16:00", "16:30")]
assert free_slots([("06:00", "07:00")], "08:00", "09:00", 60) == [("08:00", "09:00")]
assert free_slots([("18:00", "19:00")], "08:00", "09:00", 30) == [("08:00", "09:00")]
assert free_slots([("00:00", "24:00")], "08:00", "24:00", 1) == []
assert free_slots([("09:00", "23:15")], "09:00", "24:00", 45) == [("23:15", "24:00")]
""",
    "coding-02": """
assert count_paths([]) == 0
assert count_paths([""]) == 0
assert count_paths(["."]) == 1
assert count_paths(["#"]) == 0
assert count_paths(["...", "...", "..."]) == 6
assert count_paths(["...", ".#.", "..."]) == 2
assert count_paths(["...", "...", "..."]) == 6
assert count_paths([".#", "#."]) == 0
assert count_paths(["#..", "..."]) == 0
assert count_paths(["...", "..#"]) == 0
assert count_paths(["....."]) == 1
assert count_paths([".", "#", "."]) == 0
assert count_paths(["..#.", "...."]) == 2
from math import comb
assert count_paths(["." * 20] * 20) == comb(38, 19)
assert count_paths(["." * 600] * 600) == comb(1198, 599)
""",
    "coding-03": """
def slow(times, window):
    n = len(times)
    return sum(abs(times[i] - times[j]) <= window for i in range(n) for j in range(i + 1, n))
assert close_pairs([], 5) == 0
assert close_pairs([7], 5) == 0
assert close_pairs([3, 3, 3], 0) == 3
assert close_pairs([1, 2, 3], -1) == 0
assert close_pairs([5, 5], -0.5) == 0
assert close_pairs([9, 1, 5], 4) == 2
assert close_pairs([2.1, 1.5], 0.6) == slow([2.1, 1.5], 0.6) == 0
import random
generator = random.Random(80)
for _ in range(300):
    sample = [generator.randint(0, 60) / 10 for _ in range(generator.randint(0, 12))]
    width = generator.randint(-3, 30) / 10
    assert close_pairs(sample, width) == slow(sample, width)
kept = [4, 1, 3, 2]
close_pairs(kept, 1)
assert kept == [4, 1, 3, 2]
assert close_pairs(list(range(200000, 0, -1)), 2) == 199999 + 199998
assert close_pairs([1] * 200000, 0) == 200000 * 199999 // 2
""",
    "coding-04": """
assert [round(p, 2) for p in [0.125, 0.375, 2.675, 1.005]] == [0.12, 0.38, 2.67, 1.0]
assert (round(0.5), round(1.5), round(2.5)) == (0, 2, 2)
assert money("2.675") == "2.68"
assert money("-2.675") == "-2.68"
assert money("1.005") == "1.01"
assert money("0.125") == "0.13"
assert money(" 7 ") == "7.00"
assert money("+0.994999") == "0.99"
assert money("-0.001") == "0.00"
assert money("-0") == "0.00"
assert money("-0.005") == "-0.01"
assert money("9.999") == "10.00"
assert money("0" * 3 + "12.5") == "12.50"
assert money("9" * 48 + ".5") == "9" * 48 + ".50"
assert money("9" * 47 + ".995") == "1" + "0" * 47 + ".00"
signs = ["--1", "+-1", "- 1"]
for bad in ["", " ", "1e3", "nan", "inf", "5.", ".5", "1,5", "1_000", "1 2", "\\u0663", *signs]:
    assert _raises(ValueError, money, bad), bad
""",
    "coding-05": """
class Clock:
    now = 0.0
    def __call__(self):
        return self.now
def fresh(capacity=2, ttl=10):
    clock = Clock()
    return TTLCache(capacity, ttl, clock), clock
cache, clock = fresh()
cache.put("a", 1)
clock.now = 9.999
assert cache.get("a") == 1
clock.now = 10
assert cache.get("a") is None and cache.get("a", "gone") == "gone"
assert len(cache) == 0
cache, clock = fresh()
cache.put("a", 1); cache.put("b", 2)
assert cache.get("a") == 1
cache.put("c", 3)
assert cache.get("b") is None and cache.get("a") == 1 and cache.get("c") == 3
cache, clock = fresh()
cache.put("a", 1); clock.now = 5; cache.get("a"); clock.now = 10
assert cache.get("a") is None
cache, clock = fresh()
cache.put("a", 1); clock.now = 6; cache.put("a", 2); clock.now = 12
assert cache.get("a") == 2 and len(cache) == 1
cache, clock = fresh()
cache.put("old", 1); clock.now = 5; cache.put("young", 2)
clock.now = 6; cache.get("old"); clock.now = 11
cache.put("new", 3)
assert cache.get("young") == 2 and cache.get("new") == 3 and len(cache) == 2
cache, clock = fresh()
cache.put("a", 1); cache.put("b", 2); cache.put("a", 3); cache.put("c", 4)
assert cache.get("a") == 3 and cache.get("b") is None
cache, clock = fresh(1)
cache.put("n", None)
assert cache.get("n", "default") is None and len(cache) == 1
cache.put("m", 0)
assert cache.get("m", "default") == 0 and cache.get("n", "default") == "default"
cache, clock = fresh(3)
cache.put("a", 1); clock.now = 4; cache.put("b", 2); clock.now = 10
assert len(cache) == 1
assert _raises(ValueError, TTLCache, 0, 10, clock)
assert _raises(ValueError, TTLCache, -1, 10, clock)
""",
    "coding-06": """
from fractions import Fraction as F
assert evaluate("1+2*3") == 7
assert isinstance(evaluate("7"), F)
assert evaluate("-2^2") == -4
assert evaluate("(-2)^2") == 4
assert evaluate("2^3^2") == 512
assert evaluate("2^-1") == F(1, 2)
assert evaluate("2^-2^2") == F(1, 16)
assert evaluate("0.1+0.2") == F(3, 10)
assert evaluate("8/4/2") == 1
assert evaluate("10-4-3") == 3
assert evaluate("2*-3") == -6
assert evaluate("--+-1") == -1
assert evaluate("-2*-(3 - 5)") == -4
assert evaluate(" ( 1 + 2 ) / ( 3 ) ") == 1
assert evaluate("4^(1/2*4)") == 16
assert evaluate("0^0") == 1
shapes = ["", "  ", "1 2", "2*", "(1", "1)", "()", "*2", "2**3", "2^", "(2)(3)"]
for bad in [*shapes, ".5", "5.", "1..2", "2 $ 3", "4^0.5", "a", "1e3"]:
    assert _raises(ValueError, evaluate, bad), bad
for bad in ["1/0", "0^-1", "2/(1-1)"]:
    assert _raises(ZeroDivisionError, evaluate, bad), bad
""",
    "coding-07": """
def is_cycle(message, deps):
    names = message.split(" -> ")
    closed = len(names) > 1 and names[0] == names[-1] and len(set(names)) == len(names) - 1
    return closed and all(b in deps[a] for a, b in zip(names, names[1:]))
assert build_order({}) == []
assert build_order({"b": [], "a": []}) == ["a", "b"]
assert build_order({"a": ["z"], "b": []}) == ["b", "z", "a"]
assert build_order({"app": ["lib", "lib"], "lib": ["core"]}) == ["core", "lib", "app"]
assert build_order({"d": ["b", "c"], "b": ["a"], "c": ["a"]}) == ["a", "b", "c", "d"]
assert build_order({"a": ["c"], "b": ["c"], "c": [], "aa": []}) == ["aa", "c", "a", "b"]
assert _raises(ValueError, build_order, {"a": ["a"]}) == "a -> a"
assert _raises(ValueError, build_order, {"a": ["b"], "b": ["a"]}) in ("a -> b -> a", "b -> a -> b")
tangled = {"a": ["b"], "b": ["c", "x"], "c": ["d"], "d": ["b"], "x": [], "user": ["a"]}
assert is_cycle(_raises(ValueError, build_order, tangled), tangled)
given = {"a": ["b", "b"]}
build_order(given)
assert given == {"a": ["b", "b"]}
chain = {f"t{i:05d}": [f"t{i + 1:05d}"] for i in range(49999)}
assert build_order(chain) == [f"t{i:05d}" for i in range(49999, -1, -1)]
ring = {f"t{i:05d}": [f"t{(i + 1) % 50000:05d}"] for i in range(50000)}
assert is_cycle(_raises(ValueError, build_order, ring), ring)
""",
    "coding-08": """
import sys
import threading
def finishes(call, *args, seconds=3):
    box = []
    thread = threading.Thread(target=lambda: box.append(call(*args)), daemon=True)
    thread.start()
    thread.join(seconds)
    return box[0] if box else "frozen"
a, b = Account(100), Account(5)
assert transfer(a, b, 100) is True and (a.balance, b.balance) == (0, 105)
assert transfer(a, b, 1) is False and (a.balance, b.balance) == (0, 105)
assert _raises(ValueError, transfer, a, b, 0) and _raises(ValueError, transfer, a, b, -5)
assert _raises(ValueError, transfer, a, a, 0)
assert finishes(transfer, b, b, 105) is True and b.balance == 105
assert finishes(transfer, b, b, 106) is False and b.balance == 105
sys.setswitchinterval(1e-6)
x, y = Account(1000), Account(1000)
def shuttle(src, dst):
    for _ in range(4000):
        transfer(src, dst, 7)
    return "done"
pairs = [(x, y), (y, x)] * 3
threads = [threading.Thread(target=shuttle, args=pair, daemon=True) for pair in pairs]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join(7)
assert not any(thread.is_alive() for thread in threads)
assert x.balance + y.balance == 2000 and x.balance >= 0 and y.balance >= 0
c, d, e, f = (Account(10) for _ in range(4))
c.lock.acquire()
waiting = threading.Thread(target=transfer, args=(c, d, 1), daemon=True)
waiting.start()
waiting.join(0.2)
assert waiting.is_alive()
assert finishes(transfer, e, f, 4) is True and (e.balance, f.balance) == (6, 14)
c.lock.release()
waiting.join(3)
assert (c.balance, d.balance) == (9, 11)
""",
    "coding-09": """
def exact(report):
    sides = ("old", "new")
    return [(e["op"], e["path"], {k: repr(e[k]) for k in sides if k in e}) for e in report]
assert diff_config({}, {}) == []
assert diff_config({"a": {"b": 1}}, {"a": {"b": 1}}) == []
entry = {"op": "changed", "path": ("a", "b"), "old": 1, "new": 2}
assert diff_config({"a": {"b": 1}}, {"a": {"b": 2}}) == [entry]
entry = ("changed", ("x",), {"old": "1", "new": "True"})
assert exact(diff_config({"x": 1}, {"x": True})) == [entry]
entry = ("changed", ("x",), {"old": "1", "new": "1.0"})
assert exact(diff_config({"x": 1}, {"x": 1.0})) == [entry]
assert len(diff_config({"x": [1, [0]]}, {"x": [1, [False]]})) == 1
assert len(diff_config({"x": [{"k": 1}]}, {"x": [{"k": 1.0}]})) == 1
assert diff_config({"x": [{"k": 1}]}, {"x": [{"k": 1}]}) == []
entry = {"op": "removed", "path": ("x",), "old": None}
assert diff_config({"x": None}, {}) == [entry]
assert diff_config({}, {"x": None}) == [{"op": "added", "path": ("x",), "new": None}]
entry = {"op": "added", "path": ("s",), "new": {"a": {"b": 1}}}
assert diff_config({}, {"s": {"a": {"b": 1}}}) == [entry]
entry = {"op": "changed", "path": ("s",), "old": {"a": 1}, "new": 3}
assert diff_config({"s": {"a": 1}}, {"s": 3}) == [entry]
entry = {"op": "added", "path": ("s", "a"), "new": 1}
assert diff_config({"s": {}}, {"s": {"a": 1}}) == [entry]
before = {"b": 1, "a": {"z": 1, "y": 2}, "a.z": 5}
mixed = diff_config(before, {"c": 1, "a": {"z": 2}, "a.z": 6})
assert [e["path"] for e in mixed] == [("a", "y"), ("a", "z"), ("a.z",), ("b",), ("c",)]
assert [e["op"] for e in mixed] == ["removed", "changed", "changed", "removed", "added"]
""",
    "coding-10": """
import unicodedata
mark = "\\u0301"
assert split_utf8("", 5) == []
assert split_utf8("abcdef", 4) == ["abcd", "ef"]
assert split_utf8("abcd", 4) == ["abcd"]
assert split_utf8("a\\u20acb", 3) == ["a", "\\u20ac", "b"]
assert split_utf8("ab\\u20ac", 4) == ["ab", "\\u20ac"]
assert split_utf8("ae" + mark + "b", 3) == ["a", "e" + mark, "b"]
assert split_utf8("ab" + "e" + mark, 3) == ["ab", "e" + mark]
assert split_utf8(mark + mark + "a", 4) == [mark + mark, "a"]
assert split_utf8("\\U0001f600" * 3, 8) == ["\\U0001f600" * 2, "\\U0001f600"]
assert _raises(ValueError, split_utf8, "\\u20ac", 2)
assert _raises(ValueError, split_utf8, "e" + mark * 2, 4)
assert _raises(ValueError, split_utf8, "abc", 0)
assert _raises(ValueError, split_utf8, "", 0)
text = "na\\u00efve e" + mark + mark + " \\u20ac5 \\U0001f600 o" + "\\u0308" + "x" * 9
for limit in range(5, 40):
    parts = split_utf8(text, limit)
    assert "".join(parts) == text and all(0 < len(p.encode()) <= limit for p in parts)
    assert not any(unicodedata.combining(p[0]) for p in parts)
long = ("e" + mark + "ab\\u20ac") * 200000
assert "".join(split_utf8(long, 160)) == long
assert len(split_utf8(long, 10 ** 9)) == 1
""",
}


def coding_questions():
    lines = QUESTIONS.read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines if line.strip()]
    return {row["question_id"]: row for row in rows if row["category"] == "coding"}


def reference_code(question):
    blocks = re.findall(r"```python\n(.*?)```", question["reference"][0], flags=re.DOTALL)
    assert len(blocks) == 1
    return blocks[0]


def execute(code, assertions):
    return subprocess.run(
        [sys.executable, "-I", "-c", "\n".join([code, PRELUDE, assertions])],
        capture_output=True,
        encoding="utf-8",
        timeout=TIME_LIMIT,
        check=False,
    )


def test_every_coding_question_has_assertions():
    """Every coding question has hidden assertions here, and no assertions are left over."""
    assert set(coding_questions()) == set(ASSERTIONS)


@pytest.mark.parametrize("question_id", sorted(ASSERTIONS))
def test_there_are_enough_assertions(question_id):
    """Each coding question is checked by at least four assertions."""
    nodes = ast.walk(ast.parse(ASSERTIONS[question_id]))
    assert sum(isinstance(node, ast.Assert) for node in nodes) >= FEWEST_ASSERTIONS


@pytest.mark.parametrize("question_id", sorted(ASSERTIONS))
def test_the_reference_defines_its_entry_point(question_id):
    """The reference defines the entry point that metadata names and the question mentions."""
    question = coding_questions()[question_id]
    name = question["metadata"]["entry_point"]
    body = ast.parse(reference_code(question)).body
    defined = {node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assert name in defined
    assert name in question["turns"][0]


@pytest.mark.parametrize("question_id", sorted(ASSERTIONS))
def test_the_reference_uses_the_standard_library_only(question_id):
    """A reference imports nothing outside the standard library."""
    tree = ast.parse(reference_code(coding_questions()[question_id]))
    modules = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            modules.add(node.module.split(".")[0])
    assert modules <= sys.stdlib_module_names


@pytest.mark.parametrize("question_id", sorted(ASSERTIONS))
def test_the_reference_passes_the_hidden_assertions(question_id):
    """The reference, run alone in an isolated interpreter, satisfies every hidden assertion."""
    code = reference_code(coding_questions()[question_id])
    result = execute(code, ASSERTIONS[question_id])
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("question_id", sorted(ASSERTIONS))
def test_the_assertions_can_fail(question_id):
    """An entry point that only returns None does not get past the assertions of its question."""
    name = coding_questions()[question_id]["metadata"]["entry_point"]
    result = execute(f"def {name}(*args, **kwargs):\n    return None\n", ASSERTIONS[question_id])
    assert result.returncode != 0
