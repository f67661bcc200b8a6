"""Documents for the tests."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from corpora.records import Card, Document, Reference
from corpora.trust import sha256

PUMP = """# A pump

A pump moves the water.

## Limits

The pump holds its flow between 0.1 and 10 mL/min. Its accuracy is 1 % of the reading [maker].
"""
PACKING = """# Packing a column

## Saturation

Saturate the column slowly from below, so that air can leave. Trapped air shortens the residence time [key].
Weigh the column before and after, because the gain in mass is the pore volume.

## Layers

Pack the sand in thin layers, e.g. of 1 cm, and stir each into the one before. This avoids bedding.
"""
TRACER = """# Choosing a tracer

## Sorption

Bromide hardly sorbs to quartz sand, so it moves with the water. A dye may sorb; its front then comes late.

## Density

A heavy solution sinks and forms fingers. Keep the tracer dilute.
"""
CARD = """id = "{id}"
title = "{title}"
kind = "{kind}"
experiments = ["column"]
origin = "written for the tests"
licence = "CC0-1.0"
trusted_because = "the tests need it"
reviewer_role = "tester"
reviewed = 2026-01-02

[[references]]
key = "key"
text = "A reference"
"""
LIMIT = """
[[limits]]
name = "flow"
lower = 0.1
upper = 10.0
unit = "mL/min"
meaning = "what the pump can hold"
"""


def shelve(folder: Path) -> None:
    """Write the three documents, without a manifest."""
    write(folder, "lab-pump", "instrument", PUMP, LIMIT)
    write(folder, "packing", "protocol", PACKING)
    write(folder, "tracer", "theory", TRACER)


def write(folder: Path, id: str, kind: str, text: str, more: str = "") -> None:
    """Write one document."""
    (folder / id).mkdir(parents=True)
    (folder / id / "text.md").write_bytes(text.encode())
    title = text.splitlines()[0].lstrip("# ")
    (folder / id / "card.toml").write_text(CARD.format(id=id, kind=kind, title=title) + more)


def document(text: str) -> Document:
    """A document in memory."""
    card = Card(
        id="made",
        title="Made",
        kind="protocol",
        experiments=("column",),
        origin="-",
        licence="-",
        trusted_because="-",
        reviewer_role="-",
        reviewed=date(2026, 1, 2),
        references=(Reference(key="key", text="A reference"),),
    )
    return Document(card=card, text=text, sha256=sha256(text))
