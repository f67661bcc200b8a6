"""The router's parts: what does a request want, and of which experiment?

Three independent readers, by scored choices of the model, by sentence embeddings and by keywords, and
`combine`, which is confident only where two of them agree and lead clearly. What leaves it in doubt
goes back to the person.
"""

import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from agent.model.face import LanguageModel, Prompt, as_data

INTENTS = ("plan", "ask", "calibrate", "simulate", "other")
NONE = "none"
Embed = Callable[[list[str]], Any]

# Found on the shipped examples (embedding by leaving one out), not on the held-out ones; a margin is the lead
# over the second best label.
MODEL_MARGIN = 0.15
EMBEDDING_MARGIN = 0.05
ROUTE_LEAD = 0.1
_WEIGHTS = {"model": 1.0, "embedding": 1.0, "rules": 0.4}

# How each experiment is spoken of; one that the caller does not plan is read as none.
EXPERIMENT_WORDS: dict[str, tuple[str, ...]] = {
    "column": (
        *(
            "column",
            "tracer",
            "breakthrough",
            "dispersion",
            "dispersivity",
            "packed bed",
            "pore-water",
            "pore volume",
        ),
        *(
            "retardation",
            "effluent",
            "bromide",
            "chloride",
            "soil",
            "sand",
            "peclet",
            "c/c0",
            "lysimeter",
            "saturat",
        ),
        *("injection", "pore water", "beads", "outlet", "advection"),
    ),
    "flash": (
        *("flash", "thermal diffusiv", "diffusivity", "rear face", "half-rise", "half rise", "disc", "disk"),
        *("infrared detector", "laser", "graphite coat", "specimen", "cowan", "shots", "xenon"),
    ),
    "convection": (
        *("convect", "rayleigh", "nusselt", "prandtl", "rolls", "cavity", "bénard", "benard", "boussinesq"),
        *(
            "heated from below",
            "silicone oil",
            "fluid layer",
            "layer of",
            "shadowgraph",
            "onset",
            "temperature difference",
        ),
    ),
    "gray_scott": (
        *("gray-scott", "gray scott", "feed and kill", "feed rate", "kill rate", "reaction-diffusion", "turing"),
        *("spots", "worms", "labyrinth", "maze", "replicat", "gel reactor", "fed reactor", "pattern"),
    ),
}
_INTENT_WORDS: dict[str, str] = {
    "calibrate": r"\b(fit|calibrat\w*|invert|estimate .* from|my (?:measured|data|readings|results|curve)"
    r"|my measurements|i (?:measured|recorded|did)|\w+\.csv|attached|identif\w+)\b",
    "simulate": r"\b(simulat\w*|predict\w*|compute|calculate|run the model|model the|what would"
    r"|how would|after \d|when does c/c0)\b",
    "plan": r"\b(plan|design|propose|suggest|recommend|optimi[sz]e|schedule|set ?up|i (?:have|want|need)"
    r"|we have|how should (?:i|we) (?:run|operate)|which flow|what flow|what pulse|when should i"
    r"|fastest|quickest|settings)\b",
    "ask": r"\b(why|what is|what does|what are|what happens|how do i|how is|how can|how long should|is it"
    r"|is \w+ better|should the|does|can i|difference between)\b|\?$",
}


@dataclass(frozen=True)
class Example:
    """A labelled request; those with a `shown` above zero stand in the model's prompt, in that order."""

    text: str
    intent: str
    experiment: str
    shown: int = 0


@dataclass(frozen=True)
class Vote:
    """What one reader takes a request for, and by what lead (0 to 1) over its second choice.

    `scores` are its probabilities of the intents, where it has any.
    """

    intent: str
    experiment: str
    margin: float
    reader: str
    scores: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Route:
    """Where a request goes; when not `confident` the person is asked, and `why` says what was in doubt."""

    intent: str
    experiment: str
    confident: bool
    why: str


def load_examples(path: Path) -> tuple[Example, ...]:
    """Read labelled requests from a TOML file of `[[example]]` tables."""
    return tuple(Example(**entry) for entry in tomllib.loads(path.read_text(encoding="utf-8"))["example"])


@cache
def examples() -> tuple[Example, ...]:
    """Return the shipped labelled requests."""
    return load_examples(Path(__file__).parent / "data" / "routing.toml")


def known(experiment: str, experiments: Sequence[str]) -> str:
    """Return the experiment if it can be planned, else none."""
    return experiment if experiment in experiments else NONE


def route_prompt(text: str) -> Prompt:
    """Return the prompt that asks for the labels of `text`."""
    system = (Path(__file__).parent / "prompts" / "route.md").read_text(encoding="utf-8")
    ordered = sorted((e for e in examples() if e.shown), key=lambda e: e.shown)
    shown = tuple((as_data(e.text, "request"), f"{e.intent} {e.experiment}") for e in ordered)
    return Prompt(system, shown).with_user(as_data(text, "request"))


def route_by_model(model: LanguageModel, text: str, experiments: Sequence[str] = ("column",)) -> Vote:
    """Read a request by the model's scored choices: the intent, then the experiment given the intent.

    The model chooses among all experiments of the field, so that one that cannot be planned here is known for
    what it is and not taken for its neighbour.

    Raises:
        ModelError: the model gave no usable answer.
    """
    prompt = route_prompt(text)
    intent = model.choose(prompt, list(INTENTS))
    if intent.option == "other":
        return Vote("other", NONE, intent.margin, "model", intent.scores)
    asked = prompt.with_user(prompt.user, answer=intent.option)
    experiment = model.choose(asked, [*EXPERIMENT_WORDS, NONE])
    margin = min(intent.margin, experiment.margin)
    return Vote(intent.option, known(experiment.option, experiments), margin, "model", intent.scores)


class EmbeddingRouter:
    """Multinomial logistic regression on sentence embeddings of the shipped examples.

    `embed` maps a list of n texts to an array [n, d]. Fitting takes a few milliseconds after the examples'
    embeddings, which the caller may keep and pass as `embedded` [examples, d].
    """

    def __init__(self, embed: Embed, experiments: Sequence[str] = ("column",), embedded: Any = None) -> None:
        shipped = examples()
        self._embed = embed
        rows = np.asarray(embed([e.text for e in shipped]) if embedded is None else embedded, dtype=np.float64)
        self._fields = sorted({known(e.experiment, experiments) for e in shipped})
        self._intent = _fit(_unit(rows), np.array([INTENTS.index(e.intent) for e in shipped]), len(INTENTS))
        labels = np.array([self._fields.index(known(e.experiment, experiments)) for e in shipped])
        self._experiment = _fit(_unit(rows), labels, len(self._fields))

    def __call__(self, text: str) -> Vote:
        """Read one request."""
        row = _unit(np.asarray(self._embed([text]), dtype=np.float64))
        scores = tuple(zip(INTENTS, map(float, _softmax(row @ self._intent)[0]), strict=True))
        intent, first = _best(row, self._intent)
        experiment, second = _best(row, self._experiment)
        if INTENTS[intent] == "other":
            return Vote("other", NONE, first, "embedding", scores)
        return Vote(INTENTS[intent], self._fields[experiment], min(first, second), "embedding", scores)


def route_by_embedding(embed: Embed, text: str, experiments: Sequence[str] = ("column",), embedded: Any = None) -> Vote:
    """Read one request by its sentence embedding; for many, make one `EmbeddingRouter`."""
    return EmbeddingRouter(embed, experiments, embedded)(text)


def route_by_rules(text: str, experiments: Sequence[str] = ("column",)) -> Vote:
    """Read a request by keywords: the experiment whose words occur, then the first intent whose words do."""
    lower = text.lower()
    hits = {name: sum(word in lower for word in words) for name, words in EXPERIMENT_WORDS.items()}
    best = max(hits, key=lambda name: hits[name])
    if hits[best] == 0:
        return Vote("other", NONE, 1.0, "rules")
    counts = {intent: len(re.findall(words, lower)) for intent, words in _INTENT_WORDS.items()}
    if counts["calibrate"] == counts["simulate"] == counts["plan"] == 0:
        return Vote("ask", known(best, experiments), 1.0 if counts["ask"] else 0.0, "rules")
    ranked = sorted(("calibrate", "simulate", "plan"), key=lambda i: -counts[i])
    lead = counts[ranked[0]] - counts[ranked[1]]
    return Vote(ranked[0], known(best, experiments), 1.0 if lead > 0 else 0.0, "rules")


def combine(*votes: Vote) -> Route:
    """Join what the readers say: intents by their weighted probabilities, experiments by majority.

    Confident is a route that two readers name alike and that leads by `ROUTE_LEAD`; a single reader is
    trusted if its own lead is clear.

    Raises:
        ValueError: there are no votes.
    """
    if not votes:
        raise ValueError("a route needs at least one vote")
    if len(votes) == 1:
        (only,) = votes
        clear = only.margin >= {"model": MODEL_MARGIN, "embedding": EMBEDDING_MARGIN}.get(only.reader, 0.5)
        why = f"only the {only.reader} read it" + ("" if clear else ", without a clear lead")
        return Route(only.intent, only.experiment, clear, why)
    intent, lead = _joint_intent(votes)
    named = [vote.experiment for vote in votes if vote.intent != "other"]
    experiment = NONE if intent == "other" else max(named, key=lambda name: (named.count(name), -named.index(name)))
    support = [vote.reader for vote in votes if (vote.intent, vote.experiment) == (intent, experiment)]
    if len(support) >= 2 and lead >= ROUTE_LEAD:
        return Route(intent, experiment, True, f"{' and '.join(support)} agree (lead {lead:.2f})")
    said = "; ".join(f"{v.reader}: {v.intent} {v.experiment} (lead {v.margin:.2f})" for v in votes)
    return Route(intent, experiment, False, f"the readers are not of one mind ({said})")


def _joint_intent(votes: Sequence[Vote]) -> tuple[str, float]:
    """Return the intent with the largest weighted probability, and its lead (0 to 1)."""
    total = dict.fromkeys(INTENTS, 0.0)
    for vote in votes:
        for intent, probability in vote.scores or ((vote.intent, 1.0),):
            total[intent] += _WEIGHTS.get(vote.reader, 1.0) * probability
    ranked = sorted(INTENTS, key=lambda intent: -total[intent])
    return ranked[0], (total[ranked[0]] - total[ranked[1]]) / sum(total.values())


def _unit(rows: np.ndarray) -> np.ndarray:
    """Scale rows to length one and append a constant."""
    length = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return np.hstack([rows / length, np.full((len(rows), 1), 0.3)])


def _fit(rows: np.ndarray, labels: np.ndarray, classes: int, ridge: float = 1e-3, steps: int = 400) -> np.ndarray:
    """Fit softmax regression with an L2 penalty by Nesterov's gradient method; return weights [d, classes].

    Classes are weighted alike, however many examples each has.
    """
    # The weights lie in the span of the rows, so the fit is done in its (far smaller) coordinates.
    _, _, basis = np.linalg.svd(rows, full_matrices=False)
    rows = rows @ basis.T
    target = np.eye(classes)[labels]
    balance = (1.0 / np.maximum(target.sum(axis=0), 1))[labels][:, None] / classes
    step = 1.0 / (0.5 * np.linalg.norm(rows * np.sqrt(balance), 2) ** 2 + ridge)
    weights = ahead = np.zeros((rows.shape[1], classes))
    for k in range(steps):
        slope = rows.T @ (balance * (_softmax(rows @ ahead) - target)) + ridge * ahead
        following = ahead - step * slope
        ahead = following + k / (k + 3) * (following - weights)
        weights = following
    return basis.T @ weights


def _best(row: np.ndarray, weights: np.ndarray) -> tuple[int, float]:
    """Return the likeliest class of one row and its lead."""
    probability = _softmax(row @ weights)[0]
    order = np.argsort(probability)[::-1]
    return int(order[0]), float(probability[order[0]] - probability[order[1]])


def _softmax(scores: np.ndarray) -> np.ndarray:
    """Return row-wise softmax."""
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)
