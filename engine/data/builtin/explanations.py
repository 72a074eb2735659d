"""Why and how: a question and a few sentences that answer it, told as a text."""

from __future__ import annotations

from engine.conversation import Text
from engine.data.builtin.grammar import Writer
from engine.data.builtin.load import collected

DESCRIPTION = "why the sky is blue, how plants eat, and other short explanations"


def generate(writer: Writer) -> tuple[tuple[str, ...], Text]:
    """Return one or two explanations, mostly with their question."""
    random = writer.random
    chosen = random.sample(collected("explanations", "explanation"), random.choice((1, 1, 2)))
    paragraphs = []
    for entry in chosen:
        writer.begin()
        sentences = [writer.say(one) for one in entry["say"]]
        if len(sentences) > 3 and random.random() < 0.4:
            sentences.pop()
        if random.random() < 0.6:
            sentences.insert(0, writer.say(random.choice(entry["ask"])))
        paragraphs.append(" ".join(sentences))
    return (paragraphs[0],), Text("\n".join(paragraphs))
