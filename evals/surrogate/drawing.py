"""Small figures for a page that is light or dark: the style of the reports, colours by name, and less of a file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from markupsafe import Markup, escape
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from agent.report import figures

COLOURS = figures.COLOURS
GRID, SOFT = "#bfbfbf", "#767676"
WIDTH, HEIGHT = 3.4, 2.5  # inches of a panel
_STYLE: Any = {
    **figures.STYLE,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.facecolor": "none",
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.linewidth": 0.7,
    "figure.facecolor": "none",
    "grid.color": GRID,
    "grid.linewidth": 0.4,
    "grid.linestyle": "-",
    "legend.frameon": False,
    "lines.linewidth": 1.5,
}
_NAMES = {"#000000": "currentColor", GRID: "var(--rule)", SOFT: "var(--soft)"} | {
    colour: f"var(--c{number})" for number, colour in enumerate(COLOURS, 1)
}
_LONG = re.compile(r"(\d\.\d)\d+")


@contextmanager
def style(description: str) -> Iterator[None]:
    """Draw in the style of the page; the description makes the names within a figure its own."""
    with rc_context({**_STYLE, "svg.hashsalt": description}):
        yield


def panel(rows: int = 1, *, height: float = HEIGHT, **given: Any) -> tuple[Figure, Sequence[Axes]]:
    """Return a figure of a panel's width and its axes, one below the other."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.subplots(rows, 1, squeeze=False, **given).ravel()


def drawn(figure: Figure, description: str) -> Markup:
    """Return a figure as SVG whose colours the page sets, with its description for those who cannot see it."""
    text = figures.svg(figure, description, tight=False)
    text = re.sub(r"<metadata>.*?</metadata>|<defs>\s*<style.*?</style>\s*</defs>", "", text, flags=re.DOTALL)
    text = re.sub(r' id="(?![pm][0-9a-f]{10})[^"]*"', "", text)  # clips and marks are referred to, nothing else is
    text = re.sub(r'(?<= d=")[^"]*', lambda path: _LONG.sub(r"\1", " ".join(path[0].split())), text)
    text = re.sub(r'(?<= [xy]=")[^"]*', lambda place: _LONG.sub(r"\1", place[0]), text)
    text = text.replace("'DejaVu Sans', sans-serif", "system-ui, sans-serif")
    for colour, name in _NAMES.items():
        text = text.replace(colour, name)
    text = re.sub(r"\n\s*", "\n", text)
    told = f'<svg role="img" aria-label="{escape(description)}"'
    return Markup(text.replace("<svg", told, 1))  # noqa: S704 - drawn here; its words are escaped
