import json

import pyarrow
import pyarrow.parquet
import pytest
import torch

from engine import checkpoint as checkpoints
from engine.errors import UserError
from engine.semantics import read_analogies, words_of
from engine.session import Session
from model.lexicon import Analogy, held_out
from tests.engine.test_engine import engine_of, train, weights

MODEL = {"size": "tiny", "vocabulary": 400, "turns": 40, "layers": 1, "width": 32, "start": "meaning"}


@pytest.fixture
def family(tmp_path):
    """A file in which words of the lexicon are used alike."""
    path = tmp_path / "family.jsonl"
    rows = [
        {"turns": [f"Who is the {person}?", f"The {person} is a {person} in a {place}. She is {mood}, zyxo."]}
        for person in ("king", "queen", "man", "woman", "boy", "girl")
        for place in ("house", "garden", "school")
        for mood in ("happy", "sad", "old", "young")
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def of_meaning(tiny, family, **changes):
    return tiny(model=MODEL | changes, data={"paths": [str(family)]})


def test_arithmetic_holds_after_training_and_evolution_is_kept(tmp_path, tiny, family):
    engine = engine_of(tmp_path, of_meaning(tiny, family))
    assert train(engine).state == "finished"
    words = words_of(engine.session)
    assert words.step == 30 and words.space.axes[0] == "life"
    terms = words.terms("King - man + woman")
    assert [term.word for term in terms] == ["king", "man", "woman"]
    first = words.space.nearest(words.space.point(terms), 1, without={term.word for term in terms})[0]
    assert (first.word, round(first.distance, 3)) == ("queen", 0)
    started = words.among_started()
    report = words.space.report(started)
    assert report is not None and report.total.mean < 1e-3 and report.total.first == 1
    assert all(words.started.issuperset((one.first, one.second, one.third, one.answer)) for one in started)

    rows = engine.word_turns()
    assert [row.step for row in rows] == [5, 10, 12, 17, 22, 27, 30]
    names = dict(rows[-1].words)
    assert rows[-1].axes == words.space.axes and len(names["king"]) == 16
    assert names["king"] == pytest.approx(words.space.vector("king")[:16].tolist(), abs=0.01)
    others = [word for word, _ in rows[0].words if word not in words.lexicon.words]
    assert any(dict(rows[0].words)[word] != names[word] for word in others)


def test_resuming_needs_nothing_but_the_checkpoint_to_be_exact(tmp_path, tiny, family):
    recipe = of_meaning(tiny, family)
    whole = engine_of(tmp_path, recipe, "whole")
    train(whole)
    assert train(engine_of(tmp_path, recipe, "parts", max_steps=7)).state == "stopped"
    parts = engine_of(tmp_path, recipe, "parts")
    assert train(parts).state == "finished"
    expected = weights(whole)
    assert "started.values" in expected
    assert all(torch.equal(tensor, expected[name]) for name, tensor in weights(parts).items())
    assert [(row.step, row.words) for row in parts.word_turns()] == [
        (row.step, row.words) for row in whole.word_turns()
    ]


def test_held_out_words_are_not_started(tmp_path, tiny, family):
    engine = engine_of(tmp_path, of_meaning(tiny, family, held_out_words=True), max_steps=1)
    train(engine)
    words = words_of(engine.session)
    assert words.held_out and all(map(held_out, words.held_out))
    assert not words.held_out & words.started
    stated = {word: words.lexicon.words[word] for word in words.started}
    assert min(r for r in words.space.correlations(stated) if r == r) > 0.9


def test_what_cannot_be_reckoned_with_is_one_line(tmp_path, tiny, family):
    session = Session.open(tmp_path / "sessions", "new", tiny())
    with pytest.raises(UserError, match="'new' has no checkpoint yet"):
        words_of(session)
    plain = engine_of(tmp_path, tiny(), "plain", max_steps=1)
    train(plain)
    with pytest.raises(UserError, match="'plain' has no named axes"):
        words_of(plain.session)
    engine = engine_of(tmp_path, of_meaning(tiny, family), "meaning", max_steps=1)
    train(engine)
    words = words_of(engine.session)
    with pytest.raises(UserError, match=r"'kinq' is not a word .* in pieces \(.*'q'\); did you mean 'king'\?"):
        words.terms("kinq + man")
    with pytest.raises(UserError, match=r"'king - \+ man': a word is wanted at column 8"):
        words.terms("king - + man")
    assert checkpoints.steps(engine.session.checkpoints) == [1]


def test_never_started_are_words_of_the_vocabulary_outside_the_lexicon(tmp_path, tiny, family):
    engine = engine_of(tmp_path, of_meaning(tiny, family), max_steps=1)
    train(engine)
    words = words_of(engine.session)
    assert words.space.find("zyxo") == "zyxo"
    outside, inside = Analogy("x", *["zyxo"] * 4), Analogy("x", "zyxo", "zyxo", "king", "zyxo")
    unknown = Analogy("x", "zyxo", "zyxo", "nosuch", "zyxo")
    assert words.never_started([outside, inside, unknown]) == [outside]


def test_analogies_are_read_from_text_and_parquet(tmp_path):
    wanted = [Analogy("family", "girl", "boy", "brother", "sister")]
    text = tmp_path / "more.txt"
    text.write_text(": family\n\nboy girl brother sister\n")
    assert read_analogies(text) == wanted
    table = {"category": ["family"], "a": ["boy"], "b": ["girl"], "c": ["brother"], "d": ["sister"]}
    path = tmp_path / "more.parquet"
    pyarrow.parquet.write_table(pyarrow.table(table), path)
    assert read_analogies(path) == wanted
    pyarrow.parquet.write_table(pyarrow.table({"a": ["x"]}), path)
    with pytest.raises(UserError, match="no column 'b'"):
        read_analogies(path)
    path.write_bytes(b"PAR1 no")
    with pytest.raises(UserError, match="not a readable parquet file"):
        read_analogies(path)
    text.write_text("one two three\n")
    with pytest.raises(UserError, match="line 1: four words are wanted"):
        read_analogies(text)
    with pytest.raises(UserError, match="cannot be read"):
        read_analogies(tmp_path / "nosuch.txt")
