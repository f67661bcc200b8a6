"""What the packaged documents say on flash, convection and Gray-Scott: sourced, complete, and found."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from corpora.embed import Embedder
from corpora.index import Index
from corpora.retrieve import KINDS, Retriever
from corpora.trust import Library

EXPERIMENTS = ("flash", "convection", "gray_scott")
PACKAGED = Library.open()
LABORATORY = Library({id: d for id, d in PACKAGED.items() if set(d.card.experiments) & set(EXPERIMENTS)})
RELEVANT = 0.35  # below it a sentence is not offered as evidence
_KEYS = re.compile(r"(?: ?\[[a-z][a-z0-9-]*\])+\.$")

FOUND = {
    "flash": {
        "How thick should the specimen be?": "flash-specimen-thickness",
        "How does an error of the thickness enter the diffusivity?": "flash-specimen-thickness",
        "How long may the pulse be against the half-rise time?": "flash-pulse-width",
        "How is the heat loss from the faces corrected?": "flash-heat-loss-correction",
        "Why should the temperature rise be kept small?": "flash-temperature-rise",
        "Why is the disc coated with graphite?": "flash-surface-coating",
        "Is a baseline needed before the pulse, and how long is the record?": "flash-recording-and-repeats",
        "Should shots be repeated and averaged?": "flash-recording-and-repeats",
        "How do I check the instrument with a reference material?": "flash-reference-material",
        "How fast does the infrared detector sample?": "infrared-detector",
    },
    "convection": {
        "At which Rayleigh number does convection start?": "convection-onset-theory",
        "How should the temperature difference be raised to find the onset?": "convection-onset-protocol",
        "How is hysteresis checked by decreasing the temperature difference?": "convection-onset-protocol",
        "How long must I wait near the onset?": "convection-waiting-times",
        "Which plate material should I use and why?": "plates-and-side-walls",
        "When is the Boussinesq approximation valid?": "boussinesq-conditions",
        "How is the heat flux measured for the Nusselt number?": "nusselt-number-measurement",
        "How does a shadowgraph make the rolls visible?": "shadowgraph",
        "What is the Prandtl number of silicone oil?": "silicone-oil",
        "How do I avoid bubbles and a tilted layer?": "convection-common-errors",
    },
    "gray_scott": {
        "What are the feed rate and the kill rate?": "gray-scott-model",
        "Where do spots and stripes lie in the plane of feed and kill?": "gray-scott-pattern-map",
        "Why do spots replicate?": "spot-replication",
        "How long should I wait until the pattern has settled?": "waiting-for-the-pattern",
        "How do I start a pattern by a perturbation?": "starting-perturbation",
        "Why is starch needed for the pattern?": "unequal-diffusion",
        "How is the wavelength of a pattern measured?": "pattern-wavelength",
        "Does the direction of approach to a border matter?": "hysteresis-and-approach",
        "Do gliders and spirals ever become steady?": "moving-patterns",
        "How is a pattern recorded with a camera and light?": "pattern-camera-and-light",
    },
}
ASKED = [(name, question, document) for name, asked in FOUND.items() for question, document in asked.items()]


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_each_experiment_has_protocols_theory_and_instruments(experiment: str) -> None:
    own = [document.card for document in PACKAGED.values() if experiment in document.card.experiments]
    assert len(own) >= 9
    assert {card.kind for card in own} == set(KINDS)
    assert any(card.limits for card in own)


@pytest.mark.parametrize("id", list(LABORATORY))
def test_every_sentence_names_sources_that_the_card_has(id: str) -> None:
    document = LABORATORY[id]
    cited: set[str] = set()
    for line in filter(None, document.text.splitlines()):
        if not line.startswith("#"):
            keys = _KEYS.search(line)
            assert keys, line
            cited |= set(re.findall(r"\[([a-z0-9-]+)\]", keys.group()))
    assert cited == {reference.key for reference in document.card.references}


@pytest.mark.parametrize("id", list(LABORATORY))
def test_limits_bound_something_and_say_what(id: str) -> None:
    for limit in LABORATORY[id].card.limits:
        assert limit.lower is not None or limit.upper is not None
        assert limit.lower is None or limit.upper is None or limit.lower < limit.upper
        assert limit.meaning


@pytest.fixture(scope="module")
def retriever(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Retriever]:
    with Index.open(tmp_path_factory.mktemp("laboratory")) as index:
        made = Retriever(LABORATORY, index, Embedder())
        with pytest.MonkeyPatch.context() as patch:
            # Only the sentences of what is found are asked for below; those of all documents would take long.
            patch.setattr(Retriever, "_sentences", lambda self, passage: [])
            made.build()
        yield made


@pytest.mark.slow
@pytest.mark.parametrize(("experiment", "question", "document"), ASKED)
def test_a_question_finds_its_document_and_a_sentence_without_figures(
    retriever: Retriever, experiment: str, question: str, document: str
) -> None:
    hits = retriever.search(question, 3, experiment=experiment)
    assert document in [hit.passage.document for hit in hits]
    own = next(hit for hit in hits if hit.passage.document == document)
    offered = retriever.best_sentences(own, question, 2)
    assert any(s.similarity >= RELEVANT and not re.search(r"\d", _KEYS.sub("", s.text)) for s in offered)
