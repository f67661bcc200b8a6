"""Doubles of the tools: one fixed plan with its facts and citations, and a bag-of-words embedding."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from agent.context import Context, Toolbox
from agent.model.timed import TimedModel
from agent.settings import Settings
from tools.errors import Retry
from tools.experiments import check_setting
from tools.plans import planning
from tools.plans.column.text import outline
from tools.records import Check, Citation, Curve, Evidence, Fact, Source

DOCUMENTS = {
    "step-or-pulse": "A pulse shows both limbs of the curve, so that the mean and the spread follow from its moments.",
    "sampling-the-rising-limb": "Take most samples while the concentration rises, because the front carries the "
    "information on dispersion.",
    "tracer-choice": "Bromide is a conservative tracer in most sands, because it does not sorb.",
    "packing": "Wet the column slowly from the bottom, because rising water drives the air ahead of it.",
}
SOURCE = Source(tool="design", run="run")
REQUEST = (
    "I have a 30 cm sand column, 5 cm in diameter, porosity about 0.38, a bromide tracer and a pump from 0.5 to "
    "10 mL/min. I want the dispersion coefficient within 5 % in one working day. How should I run it?"
)


def citations() -> list[Citation]:
    return [
        Citation(
            id=label,
            document=name,
            section="Why",
            start=0,
            end=len(text),
            quote=text,
            sha256=hashlib.sha256(text.encode()).hexdigest(),
        )
        for label, (name, text) in zip("abcd", DOCUMENTS.items(), strict=True)
    ]


def verify(citation: Citation) -> str | None:
    text = DOCUMENTS.get(citation.document)
    if text is None:
        return f"{citation.document}: no trusted document has this name"
    return None if text[citation.start : citation.end] == citation.quote else "the document says something else there"


def embed(texts: Sequence[str]) -> np.ndarray:
    """Hash words into a unit vector: equal texts have the cosine one, unrelated ones about zero."""
    rows = np.zeros((len(texts), 512))
    for row, text in zip(rows, texts, strict=True):
        for word in re.findall(r"[a-z]{3,}", text.lower()):
            row[int(hashlib.sha256(word.encode()).hexdigest(), 16) % 512] += 1.0
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def fact(key: str, name: str, value: float, unit: str, **more: float) -> Fact:
    return Fact(id=key, name=name, value=value, unit=unit, source=SOURCE, **more)


def facts() -> list[Fact]:
    found = [
        fact("flow", "flow rate of the pump", 1.2, "mL/min"),
        fact("velocity", "pore-water velocity", 9.65, "cm/h"),
        fact("pore_volume", "pore volume", 224.0, "mL"),
        fact("residence_time", "mean residence time", 3.11, "h"),
        fact("duration", "duration of the run", 6.5, "h"),
        fact("injected_volume", "tracer solution", 56.2, "mL"),
        fact("pulse_duration", "duration of the tracer pulse", 47.0, "min"),
        fact("samples", "number of samples", 4.0, ""),
        fact("first_sample", "time of the first sample", 150.0, "min"),
        fact("last_sample", "time of the last sample", 390.0, "min"),
        fact("shortest_interval", "shortest time between two samples", 20.0, "min"),
        fact("sample_volume", "effluent between two samples", 24.0, "mL"),
        fact("level", "level of the curve's interval", 90.0, "percent"),
        fact("precision_level", "level of the precision", 95.0, "percent"),
        fact("numerical_error", "numerical error", 4e-7, ""),
        fact("precision_dispersion", "expected half-width of the interval of dispersion", 4.1, "percent"),
        fact("worst_precision_dispersion", "the same at the worst of the prior", 5.6, "percent"),
        fact("fastest_flow", "flow rate of the alternative", 4.2, "mL/min"),
        fact("fastest_duration", "duration of the alternative", 1.9, "h"),
        fact("fastest_precision_dispersion", "expected half-width of the alternative", 9.5, "percent"),
        fact("precision_velocity", "expected half-width of the interval of velocity", 0.3, "percent"),
    ]
    for index, (minute, value) in enumerate(((150.0, 0.1), (170.0, 0.4), (190.0, 0.7), (390.0, 0.05))):
        found.append(fact(f"time_{index:03d}", "sampling time", minute, "min"))
        interval = {"lower": 0.5 * value, "upper": 1.4 * value, "level": 0.9, "numerical_error": 4e-7}
        found.append(fact(f"conc_{index:03d}", "concentration", value, "", **interval))
    return found


def design(request: Mapping[str, Any], *, run: str | None = None, **options: Any) -> Evidence:
    found = facts()
    times = [fact.id for fact in found if fact.id.startswith("time_")]
    data = {
        "settings": {
            "length": "30 cm",
            "diameter": "5 cm",
            "porosity": "0.38",
            "flow": "1.2 mL/min",
            "dispersion": "1 cm**2/h",
            "input": "pulse",
            "pulse_duration": "47 min",
        },
        "shown_settings": [{"name": "flow", "value": 1.2, "unit": "mL/min"}],
        "variant": "pulse",
        "predictions": ["precision_dispersion"],
        "schedule": times,
        "predicted_at": {key.replace("time_", "conc_"): key for key in times},
        "alternatives": [{"name": "fastest"}],
        "alternative_inputs": {"fastest": "step"},
        "curve": {},
        "need": "",
    }
    asked = {"target": "dispersion", "choices": {"tracer": "bromide"}, **request}
    return Evidence(
        tool="design",
        run=run,
        facts=tuple(found),
        checks=(Check(name="tracer balance", kind="conservation", status="pass", value=1e-13, limit=1e-10),),
        outline=outline({fact.id: fact for fact in found}, data, asked),
        data=data,
        seconds={"solver": 0.0},
    )


def search(topics: Mapping[str, str], **options: Any) -> Evidence:
    named = dict(zip("abcd", ("pulse", "sampling", "tracer", "packing"), strict=True))
    return Evidence(tool="search", citations=tuple(citations()), data={"topics": named}, seconds={"embedding": 0.0})


def look(paths: Sequence[str], experiment: str | None) -> tuple[Curve, ...]:
    raise Retry("no file is read here")


def learn(experiment: str, curves: Sequence[Curve], target: str | None, **options: Any) -> Evidence:
    raise Retry("no curve is fitted here")


def toolbox(**replaced: Any) -> Toolbox:
    from tools.experiments import validate

    tools: dict[str, Any] = {
        "planning": planning,
        "experiments": lambda: ["column"],
        "design": design,
        "search": search,
        "verify": verify,
        "validate": validate,
        "check_setting": check_setting,
        "limits": lambda card: [],
        "embed": embed,
        "look": look,
        "learn": learn,
    }
    return Toolbox(**{**tools, **replaced})


def context(model: Any = None, home: Any = None, **replaced: Any) -> Context:
    settings = Settings() if home is None else Settings(home=home)
    timed = None if model is None else TimedModel(model)
    return Context(settings=settings, model=timed, tools=toolbox(**replaced))
