"""Which candidates need not be solved: a surrogate of the curve foretells what each would tell.

    y(t; theta_s)    and    d y / d u ~ [y(t; theta_s e^h) - y(t; theta_s e^-h)] / (2 h),    u = ln theta,

under every scenario s, by the surrogate, whose batch costs less than one run of the solver. Times are chosen on these
as on the solver's own curves. A candidate is left out where its score is beyond that of the best by more than a margin:
`MARGIN` of the half-width it is scored by, for information P ln(1 + MARGIN) nats. All others are solved, so that what
is proposed never rests on the surrogate; a wrong forecast can cost a candidate, not a number. It is told by those that
were solved: where one of them missed its forecast by more than half the margin, nothing more is left out, and what was
left out is solved.

Fails where the best candidate is foretold too badly by more than the margin, and no neighbour of it shows that.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from physics.design.responses import Case, Responses, bare, response_of, stacked
from physics.design.schedules import Run
from physics.design.study import Study
from physics.errors import InputError
from physics.surrogate.curves import weights
from physics.surrogate.curves.choose import family_of, surrogate_of
from physics.surrogate.curves.family import Band
from physics.surrogate.curves.surrogate import relative_width
from physics.surrogate.trust import reasons, wide

MARGIN = 0.2
BUDGET = 0.5 * MARGIN  # half-width of a curve over its largest value
LEVEL = 0.9  # of the interval of a curve
STEP = 0.02  # of the logarithm of a parameter
_ENDS = ("duration",)  # settings that end a run; the curve until then does not depend on them


@dataclass
class Screen:
    """A surrogate's forecasts in one search, and the count of what they spared.

    Attributes:
        folder: of the weights.
        foretold, solved: candidates that were left to their forecast, and that were solved.
        doubts: how often each kind of reason sent a candidate to the solver; told: one sentence of each kind.
        family: the surrogate that answered, "" where none did.
        seconds: that forecasts took; solving: that the solver took.
    """

    folder: Path = weights.FOLDER
    foretold: int = 0
    solved: int = 0
    doubts: Counter[str] = field(default_factory=Counter)
    told: dict[str, str] = field(default_factory=dict)
    family: str = ""
    seconds: float = 0.0
    solving: float = 0.0

    @property
    def trusted(self) -> bool:
        """Whether no forecast was missed so far."""
        return "forecast" not in self.doubts

    @property
    def saved(self) -> float:
        """Seconds that the solver would have taken for the rest, as it took for others, less those of the forecasts."""
        each = self.solving / self.solved if self.solved else 0.0
        return max(0.0, each * self.foretold - self.seconds)

    def forecasts(self, study: Study, cases: Sequence[Case], scenarios: Tensor) -> list[Responses | None]:
        """Return what each case would show; None where the surrogate cannot be trusted with it."""
        begin = perf_counter()
        found = [self._forecast(study, case, scenarios) for case in cases]
        self.seconds += perf_counter() - begin
        return found

    def contenders(self, study: Study, runs: Sequence[Run | None], best: float) -> list[bool]:
        """Return which cases, with what is foretold of them, must be solved; `best` is the best score that is known."""
        scores = [math.inf if run is None else run.score for run in runs]
        known = min([best, *(score for score in scores if math.isfinite(score))])
        limit = self.beyond(study, known)
        return [not (math.isfinite(score) and score > limit) for score in scores]

    def compare(self, study: Study, foretold: Run, solved: Run) -> None:
        """Lose trust where a solved candidate misses its forecast by more than half the margin."""
        low, high = sorted((foretold.score, solved.score))
        if high > self.beyond(study, low, 0.5 * MARGIN):
            self._doubt("forecast", f"a forecast of the score was {foretold.score:.3g} where it is {solved.score:.3g}")

    def beyond(self, study: Study, score: float, margin: float = MARGIN) -> float:
        """Return the score that is worse than another by the margin."""
        if study.target.criterion == "information":
            return score + len(study.names) * math.log1p(margin)
        return score * (1.0 + margin)

    def _forecast(self, study: Study, case: Case, scenarios: Tensor) -> Responses | None:
        settings = {name: value for name, value in bare(study, case.settings).items() if name not in _ENDS}
        experiment = study.experiment.name
        family, why = family_of(experiment, settings)
        if family is None:
            self._doubt("setting", why)
            return None
        surrogate, why = surrogate_of(family, self.folder)
        if surrogate is None:
            self._doubt("weights", why)
            return None
        if slow := surrogate.slow():
            self._doubt("speed", slow)
            return None
        parameters = {n: v for n, v in stacked(study, [case], scenarios).items() if n not in _ENDS}
        times = case.step * torch.arange(1, case.slots + 1, dtype=torch.float64)
        names = study.belief.names
        try:
            answer = surrogate.predict({**settings, **_moved(parameters, names)}, times, level=LEVEL, judge=False)
        except (InputError, ValueError) as error:
            self._doubt("setting", str(error))
            return None
        curve = next(each for each in answer.answers if each.output.name == study.experiment.curve.name)
        # Other outputs are of no concern, and of a curve that only ranks more is borne than of one that is shown.
        doubts = [each for each in answer.doubts if each.kind != "width"]
        doubts.append(wide(curve.output.name, relative_width(Band(curve.output.values, *curve[1:])), BUDGET, LEVEL))
        against = [each for member in range(answer.batch) for each in reasons(doubts, member)]
        if against:
            self._doubt(*against[0])
            return None
        self.family = family.name
        curves = curve.output.values
        middle, up, down = curves.reshape(1 + 2 * len(names), len(scenarios), -1).split((1, len(names), len(names)))
        return response_of(study, times, middle[0], ((up - down) / (2.0 * STEP)).permute(1, 2, 0))

    def _doubt(self, kind: str, sentence: str) -> None:
        """Count a reason against a forecast, and keep the first sentence of its kind."""
        self.doubts[kind] += 1
        self.told.setdefault(kind, sentence)

    def summary(self) -> dict[str, Any]:
        """Return the counts, the reasons and the seconds."""
        return {
            "surrogate": self.family,
            "foretold": self.foretold,
            "solved": self.solved,
            "doubts": dict(self.doubts),
            "reason": "; ".join(self.told.values()),
            "seconds": self.seconds,
            "saved": self.saved,
        }


def _moved(parameters: Mapping[str, Tensor], names: Sequence[str]) -> dict[str, Tensor]:
    """Return what differs among the runs: the parameters as they are, each of `names` a step up, each a step down."""
    count = len(next(iter(parameters.values())))
    apart = {n: v for n, v in parameters.items() if n in names or bool((v != v[0]).any())}
    found = {name: value.repeat(1 + 2 * len(names)) for name, value in apart.items()}
    for j, name in enumerate(names):
        for block, sign in ((1 + j, 1.0), (1 + len(names) + j, -1.0)):
            found[name][block * count : (block + 1) * count] *= math.exp(sign * STEP)
    return found
