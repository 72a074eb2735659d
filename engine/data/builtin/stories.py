"""Short children's stories: a wish, an obstacle, a helper and an end."""

from __future__ import annotations

from random import Random

from engine.conversation import Text
from engine.data.builtin.load import authored

DESCRIPTION = "children's stories with a plot"


def generate(random: Random) -> tuple[str, Text]:
    """Return a story of eight to fourteen sentences."""
    table = authored("stories")
    hero, helper = random.sample(table["heroes"], 2)
    pronoun, possessive, object_ = {"he": ("he", "his", "him"), "she": ("she", "her", "her")}[hero["is"]]
    plot = random.choice(table["plots"])
    thing = random.choice(plot["things"])
    slots = {
        "hero": hero["name"],
        "a_hero": hero["what"],
        "he": pronoun,
        "his": possessive,
        "him": object_,
        "He": pronoun.capitalize(),
        "His": possessive.capitalize(),
        "helper": helper["name"],
        "a_helper": helper["what"],
        "A_helper": helper["what"].capitalize(),
        "place": random.choice(table["places"]),
        "day": random.choice(table["days"]),
        "thing": thing,
        "a_thing": f"{'an' if thing[0] in 'aeiou' else 'a'} {thing}",
    }
    parts = [
        random.choice(table["openings"]),
        random.choice(plot["wish"]),
        random.choice(plot["obstacle"]),
        random.choice(table["worry"]),
        random.choice(table["meeting"]),
        random.choice(plot["help"]),
        random.choice(plot["end"]),
        random.choice(table["endings"]),
    ]
    text = " ".join(part.format(**slots) for part in parts if part)
    key = f"{hero['name']}/{helper['name']}/{plot['name']}/{slots['thing']}/{slots['place']}"
    return key, Text(text)
