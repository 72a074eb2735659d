"""Children's stories: somebody who wishes for something, an obstacle, a turn of events and an end."""

from __future__ import annotations

from engine.conversation import Text
from engine.data.builtin.grammar import Writer, gender, words
from engine.data.builtin.load import authored, collected

DESCRIPTION = "children's stories with a plot"


def generate(writer: Writer) -> tuple[tuple[str, ...], Text]:
    """Return a story of eight to fifteen sentences."""
    random = writer.random
    writer.begin()
    plot = random.choice(collected("stories", "plot"))
    opening = authored("openings")[plot["kind"]]
    hero = random.choice(words()["name"])
    writer.bind("hero", hero)
    writer.bind("woman", opening[gender(hero)])
    sentences = [random.choice(opening["who"])]
    if random.random() < 0.5:
        sentences.append(random.choice(opening["detail"]))
    sentences += [one.removeprefix("?") for one in plot["story"] if not one.startswith("?") or random.random() < 0.5]
    if random.random() < 0.25:
        sentences.append(random.choice(opening["end"]))
    told = [writer.say(one) for one in sentences]
    return (f"{plot['name']}/{told[0]}",), Text(" ".join(told))
