"""The console's own colours, and how a widget asks for those of the theme in use."""

from __future__ import annotations

from textual.app import App
from textual.color import Color, ColorParseError
from textual.theme import Theme

DARK = Theme(
    name="turngpt",
    primary="#5fb3f9",
    secondary="#b48ead",
    accent="#ffb454",
    warning="#ffb454",
    error="#ff6b6b",
    success="#7bd88f",
    foreground="#d8dee9",
    background="#101419",
    surface="#161b22",
    panel="#1f2630",
    dark=True,
    variables={"footer-key-foreground": "#5fb3f9", "border": "#2c3643", "border-blurred": "#2c3643"},
)

GREY = Color(160, 168, 180)


def color(app: App[int], name: str) -> Color:
    """Return a colour of the theme in use, opaque; grey where the terminal chooses its own."""
    try:
        found, ground = (Color.parse(app.theme_variables.get(one, "")) for one in (name, "background"))
    except ColorParseError:
        return GREY
    return GREY if found.ansi is not None else ground.blend(found, found.a, 1.0)
