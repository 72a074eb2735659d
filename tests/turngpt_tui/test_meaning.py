from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import engine.semantics
from engine.data.tokenizer import ChatTokenizer
from engine.errors import UserError
from engine.recipe import load_recipe
from engine.semantics import Words
from engine.session import Session
from model.lexicon import Analogy, load_lexicon
from model.semantics import Space
from turngpt_tui import cli, meaning

LEXICON = load_lexicon()
AXES = [axis.name for axis in LEXICON.axes]


def words(held_out: frozenset[str] = frozenset(), anchor: float = 0.0) -> Words:
    names = [*LEXICON.words, "[b]zyx", "zyy", "zyz", "zyw"]
    values = np.zeros((len(names), 20))
    values[: len(LEXICON.words), :16] = np.array(list(LEXICON.words.values()))
    values[len(LEXICON.words) :] = np.random.default_rng(1).uniform(-9, 9, (4, 20))
    tokenizer = ChatTokenizer.train(["a small text"], 262)
    started = frozenset(LEXICON.words) - held_out
    return Words(7, Space(names, values, AXES), LEXICON, started, held_out, tokenizer, anchor)


def test_arithmetic_is_shown_axis_by_axis() -> None:
    shown = meaning.arithmetic(words(), "king - man + woman", as_json=False).splitlines()
    assert shown[0] == "king - man + woman, on the turns of step 7"
    assert shown[2].split() == ["axis", "king", "-", "man", "+", "woman", "result", "queen"]
    gender = next(line.split() for line in shown if line.startswith("gender"))
    assert gender[1:] == ["-8.0", "-8.0", "8.0", "8.0", "8.0"]
    assert any(line.startswith("named axes") and "queen 0.0" in line for line in shown)
    assert any(line.startswith("all 20 turns") for line in shown)


def test_long_expressions_keep_to_the_result() -> None:
    shown = meaning.arithmetic(words(), " + ".join(["king", "queen"] * 6), as_json=False).splitlines()
    assert shown[2].split()[:2] == ["axis", "result"]


def test_arithmetic_for_programs() -> None:
    found = json.loads(meaning.arithmetic(words(), "king - man + woman", as_json=True))
    assert found["terms"][1] == {"sign": -1, "word": "man"} and found["axes"]["gender"] == 8
    assert found["nearest"]["named"][0] == {"word": "queen", "distance": 0} and len(found["nearest"]["all"]) == 5


def test_axes_have_words_at_both_ends_and_the_held_out_words_where_there_are_some() -> None:
    plain = meaning.axes(words(), as_json=False)
    assert len(plain.splitlines()) == 17 and "held-out" not in plain
    held = frozenset(list(LEXICON.words)[:100])
    shown = meaning.axes(words(held), as_json=False)
    assert "correlation of 100 words not started" in shown and "mean 1.00" in shown
    found = json.loads(meaning.axes(words(held), as_json=True))
    assert found["held_out_words"] == 100 and found["axes"][0]["held_out_correlation"] == 1
    assert json.loads(meaning.axes(words(), as_json=True))["axes"][0]["held_out_correlation"] is None


def test_analogies_are_reported_by_kind_beside_chance() -> None:
    others = [Analogy("odd", "[b]zyx", "zyy", "zyz", "zyw"), Analogy("odd", "king", "man", "woman", "queen")]
    shown = meaning.analogies(words(), others, as_json=False)
    assert f"started: {len(LEXICON.analogies)} of {len(LEXICON.analogies)} analogies" in shown
    assert "this holds" in shown and "never started: 1 of 2 analogies" in shown
    found = json.loads(meaning.analogies(words(), others, as_json=True))["sets"]
    assert found["started"]["named axes"]["holds"] and found["started"]["named axes"]["total"]["first"] == 1
    assert found["never started"]["all turns"]["total"]["count"] == 1
    assert json.loads(meaning.analogies(words(), [], as_json=True))["sets"]["never started"]["named axes"] is None


def test_what_was_put_back_is_not_said_to_be_learned() -> None:
    assert "not of learning" not in meaning.analogies(words(), None, as_json=False)
    assert "put back 100% of the way" in meaning.analogies(words(anchor=1.0), None, as_json=False)
    assert json.loads(meaning.analogies(words(anchor=1.0), None, as_json=True))["anchor"] == 1.0


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setenv("TURNGPT_SESSIONS", str(tmp_path))
    monkeypatch.setattr(engine.semantics, "words_of", lambda session: words())
    return Session.open(tmp_path, "demo", load_recipe("quick"))


def test_the_command_does_each(session: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = tmp_path / "more.txt"
    more.write_text("man king woman queen\n")
    for arguments, said in (
        (["king - man + woman"], "queen 0.0"),
        ([], "gender"),
        (["--analogies"], "this holds"),
        (["--analogies", "--file", str(more)], "never started: 0 of 1"),
    ):
        assert cli.main(["turns", *arguments, "--session", "demo"]) == 0
        assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["king +", "--session", "demo"], "a word is wanted at the end, column 7"),
        (["kingg", "--session", "demo"], "did you mean 'king'?"),
        (["king", "--session", "nosuch"], "no session named 'nosuch'"),
        (["king", "--analogies", "--session", "demo"], "--analogies goes without an expression"),
        (["--file", "x.txt", "--session", "demo"], "--file goes with --analogies"),
        (["--analogies", "--file", "nosuch.txt", "--session", "demo"], "nosuch.txt: cannot be read"),
        (["\x1b[31mx", "--session", "demo"], "column 1"),
    ],
)
def test_what_is_wrong_is_one_line(
    session: Session, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert cli.main(["turns", *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.count("\n") == 1 and said in shown.err and "\x1b" not in shown.err


def test_a_lexicon_of_ones_own_starts_from_meaning(tmp_path: Path) -> None:
    from turngpt_tui.arguments import overrides_of

    file = tmp_path / "medical.toml"
    file.write_text("")
    recipe = load_recipe("quick", overrides_of([], [], None, None, [str(file)]))
    assert (recipe.model.start, recipe.model.lexicons) == ("meaning", (str(file),))
    kept = load_recipe("quick", overrides_of(["model.start=statistics"], [], None, None, [str(file)]))
    assert kept.model.start == "statistics"
    with pytest.raises(UserError, match=r"--lexicon nosuch\.toml: there is no such file"):
        overrides_of([], [], None, None, ["nosuch.toml"])
