from __future__ import annotations

import io
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from engine.conversation import Conversation, Document, Message, Text
from engine.data import builtin, files
from engine.data.filters import FilterReport, FilterStage, FilterState, filtered
from engine.recipe import FilterSettings

ALL_OFF = FilterSettings(
    structure=False, shortest=0, longest=0, proper=False, language="", friendly=False, duplicates=0.0, balance=0.0
)
GOOD = Text("The fox walked up the hill to find the river.")
BAD: dict[str, Document] = {
    "structure": Conversation((Message("user", "Is anybody there at all?"),)),
    "length": Text("Too short"),
    "proper": Text("<b>The fox walked up the hill.</b>"),
    "language": Text("Der Fuchs ging auf den Berg, um den Fluss zu suchen."),
    "friendly": Text("The fox said that the damn river was gone."),
    "duplicates": GOOD,
}


def stream(count: int) -> Iterator[Document]:
    """Yield documents of the corpus with bad ones, doubles and one style among them."""
    parts = [builtin.documents(name, "train", 1) for name in ("stories", "smalltalk", "headlines")]
    for number in range(count):
        document = next(parts[number % 3])
        yield document
        if number % 7 == 0:
            yield document
        if number % 5 == 0:
            yield list(BAD.values())[number // 5 % len(BAD)]
        yield Text(f"Once upon a time there was a {number}. It met {number + 1}.")


@pytest.mark.parametrize("name", BAD)
def test_each_filter_drops_and_counts_what_is_its_own(name):
    report = FilterReport()
    assert list(filtered([GOOD, BAD[name]], FilterSettings(), report)) == [GOOD]
    assert report.documents == 2 and report.dropped == 1
    count = report.filters[name]
    assert (count.kept, count.repaired, count.dropped) == (1, 0, 1)
    said = BAD[name].content if isinstance(BAD[name], Text) else BAD[name].messages[0].content
    assert count.characters == len(said) and count.examples[0] in said
    assert all(other.dropped == 0 for other_name, other in report.filters.items() if other_name != name)


@pytest.mark.parametrize(
    ("name", "off"),
    [
        ("structure", {"structure": False, "proper": False}),
        ("length", {"shortest": 0}),
        ("proper", {"proper": False}),
        ("language", {"language": ""}),
        ("friendly", {"friendly": False}),
        ("duplicates", {"duplicates": 0.0}),
    ],
)
def test_each_filter_can_be_switched_off(name, off):
    assert list(filtered([GOOD, BAD[name]], FilterSettings(**off), FilterReport())) == [GOOD, BAD[name]]


def test_with_all_filters_off_everything_passes_and_nothing_is_counted():
    documents = list(stream(40))
    report = FilterReport()
    assert list(filtered(documents, ALL_OFF, report)) == documents
    assert report.rows() == [] and report.documents == len(documents)


@pytest.mark.parametrize("name", ["structure", "shortest", "proper", "language", "friendly", "duplicates", "balance"])
def test_no_filter_needs_another_for_strange_documents(name):
    on = getattr(FilterSettings(), name)
    settings = FilterSettings(**{**ALL_OFF.model_dump(), name: on})
    system = Message("system", "Be kind.")
    strange = [Conversation(()), Conversation((system,)), Text(""), Text("\ud800"), Text("\n \n"), Text("x" * 100_000)]
    assert set(filtered(strange, settings, FilterReport())) <= set(strange)


def test_a_conversation_is_repaired_and_what_was_cut_is_counted():
    said = [
        "Would you like some tea?",
        "Yes, I would like some tea.",
        "Here is the damn tea.",
        "Oh, thank you so much.",
    ]
    conversation = Conversation(
        tuple(Message("assistant" if place % 2 else "user", content) for place, content in enumerate(said))
    )
    report = FilterReport()
    assert list(filtered([conversation], FilterSettings(), report)) == [Conversation(conversation.messages[:2])]
    count = report.filters["friendly"]
    assert (count.repaired, count.dropped, count.characters) == (1, 0, len(said[2]) + len(said[3]))
    assert count.examples == ["Here is the damn tea."]
    assert ("friendly", 0, 1, 0, len(said[2]) + len(said[3])) in report.rows()


def test_the_report_is_plain_bounded_and_printable():
    report = FilterReport()
    bad = [Text(f"\x1b[31m<b>{'very long ' * 40}</b> {number}") for number in range(9)]
    assert list(filtered(bad, FilterSettings(), report)) == []
    restored = FilterReport.from_dict(json.loads(json.dumps(report.as_dict())))
    assert restored == report
    examples = report.filters["proper"].examples
    assert len(examples) == 5 and all(len(one) <= 160 and one.isprintable() for one in examples)
    assert all(count.why.endswith(".") for count in report.filters.values())


def test_a_report_adds_up_over_sources():
    report = FilterReport()
    for _ in range(2):
        list(filtered([GOOD, BAD["length"]], FilterSettings(), report))
    assert report.documents == 4 and report.filters["length"].dropped == 2


@pytest.mark.parametrize("stop", [0, 1, 150, 399])
def test_a_stage_that_is_stopped_and_restored_goes_on_in_the_same_way(stop):
    settings = FilterSettings(balance=0.1)
    whole, first, second = (FilterStage(settings, seed=3) for _ in range(3))
    documents = list(stream(200))
    expected = [whole.apply(document) for document in documents]
    assert None in expected and whole.report.filters["balance"].dropped and whole.report.filters["duplicates"].dropped
    found = [first.apply(document) for document in documents[:stop]]
    second.restore(_saved(first.state()))
    assert found + [second.apply(document) for document in documents[stop:]] == expected
    assert second.report == whole.report


def test_the_same_seed_gives_the_same_documents():
    one, other = (list(filtered(stream(60), FilterSettings(), FilterReport(), seed=5)) for _ in range(2))
    assert one == other


def test_the_corpus_passes():
    for name, source in builtin.SOURCES.items():
        report = FilterReport()
        kept = list(filtered(islice(builtin.documents(name, "train", 1), 300), FilterSettings(shortest=1), report))
        lost = {row[0]: row[3] for row in report.rows() if row[0] not in {"duplicates", "balance", "length"}}
        assert sum(lost.values()) <= 3, (name, source.kind, lost, report.filters["proper"].examples)
        assert kept


# The least share of documents that stay, and of their characters, in corpora that are clean but for what is named.
CLEAN = {
    "phase2/daily_dialog": (0.9, 0.8),  # 6 % are near duplicates; short messages
    "phase2/empathetic_dialogues": (0.97, 0.9),
    "phase2/persona_chat": (0.95, 0.9),
    "phase3/dream_dialogues": (0.95, 0.85),
    "phase1/simple_wikipedia": (0.93, 0.9),
    "phase1/wikipedia_passages": (0.92, 0.9),
    "phase1/wikisplit_sentences": (0.96, 0.96),
    "phase1/mctest_stories": (0.97, 0.97),
    "phase1/children_books": (0.9, 0.9),
    "phase1/openstax_textbooks": (0.9, 0.9),
    "phase1/abc_headlines": (0.95, 0.95),
    "phase1/ag_news": (0.95, 0.95),
}


@pytest.mark.parametrize("name", CLEAN)
def test_clean_text_is_kept(real_data: Path, name: str) -> None:
    documents = list(islice(files.read([real_data / f"{name}-train.parquet"], "train"), 2000))
    kept = list(filtered(documents, FilterSettings(), FilterReport()))
    least_documents, least_characters = CLEAN[name]
    assert len(kept) >= least_documents * len(documents)
    assert sum(map(_characters, kept)) >= least_characters * sum(map(_characters, documents))


def test_dominating_openings_of_real_stories_are_thinned(real_data: Path) -> None:
    documents = list(files.read([real_data / "phase1/tinystories_sample-train.parquet"], "train"))
    kept = list(filtered(documents, FilterSettings(), FilterReport()))

    def share(chosen: list[Document]) -> float:
        return sum(isinstance(one, Text) and one.content.startswith("Once upon a") for one in chosen) / len(chosen)

    assert share(documents) > 0.5 and share(kept) <= 0.2


def _characters(document: Document) -> int:
    return len(document.content) if isinstance(document, Text) else sum(len(one.content) for one in document.messages)


def _saved(state: FilterState) -> FilterState:
    """Return a state as it comes back from a JSON file and a .npy file."""
    array = io.BytesIO()
    np.save(array, state["signatures"], allow_pickle=False)
    array.seek(0)
    plain = json.loads(json.dumps({**state, "signatures": None}))
    restored: FilterState = {**plain, "signatures": np.load(array, allow_pickle=False)}
    return restored
