"""Settings and times that tell models apart: the experiment as it is set, and rivals with more or other terms.

A rival is written "mobile_fraction=0.7, exchange=1": what it sets besides. Numbers that the experiment counts among its
unknowns are believed within the usual spread, not taken as certain.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from physics import units
from physics.design.belief import Belief
from physics.design.discriminating import Rival, Verdict, tell_apart
from physics.design.responses import case_of
from physics.design.schedules import Run
from physics.design.study import Options, Study
from physics.errors import ParameterError
from physics.experiment import Parameter, Role
from tools.optimisation import rows
from tools.optimisation.belief import SPREAD
from tools.optimisation.study import Asked

_MORE = (2, 4, 8)  # times as many samples that are tried where the wish is not met
_EFFORT = 40


def read_rivals(study: Study, texts: Sequence[str]) -> list[Rival]:
    """Return the model as it is set and its rivals.

    Raises:
        InputError: a rival that sets nothing, or sets what is no setting.
    """
    if not texts:
        raise ParameterError("--target models needs a rival; add for example --rival 'mobile_fraction=0.7, exchange=1'")
    return [Rival(study.experiment.name, {}, study.belief), *(_rival(study, text) for text in texts)]


def _rival(study: Study, text: str) -> Rival:
    settings: dict[str, Any] = {}
    more: dict[str, float] = {}
    spreads: dict[str, float] = {}
    for part in text.split(","):
        name, sign, value = (word.strip() for word in part.partition("="))
        if not sign or not name or not value:
            raise ParameterError(f"--rival {text!r}: {part.strip()!r} is not NAME=VALUE")
        item = study.experiment.parameter(name)
        read = item.read(value)
        if isinstance(item, Parameter) and item.role is Role.UNKNOWN and isinstance(read, float) and read > 0:
            more[name] = read
            # A share stays below its end: three standard deviations reach it.
            spreads[name] = min(SPREAD, math.log(item.upper / read) / 3)
        else:
            settings[name] = read
    return Rival(text, settings, _widened(study.belief, more, spreads))


def _widened(belief: Belief, more: dict[str, float], spreads: dict[str, float]) -> Belief:
    """The same belief with further unknowns, or others in place of its own."""
    kept = belief.without(tuple(more))
    size, extra = len(kept.names), len(more)
    covariance = torch.zeros(size + extra, size + extra, dtype=torch.float64)
    covariance[:size, :size] = kept.covariance
    covariance[size:, size:] = torch.diag(torch.tensor(list(spreads.values()), dtype=torch.float64) ** 2)
    logs = torch.tensor([math.log(value) for value in more.values()], dtype=torch.float64)
    return Belief((*kept.names, *more), torch.cat([kept.centre, logs]), covariance)


def told_apart(asked: Asked, texts: Sequence[str], wanted: float, seed: int = 0) -> tuple[Run, dict[str, Any]]:
    """Return the run that tells the models apart best, and what the contract prints of it.

    Raises:
        InputError: a rival cannot be used, or nothing can be run within the limits.
    """
    study, rivals = asked.study, read_rivals(asked.study, texts)
    found = tell_apart(study, rivals, effort=_EFFORT, seed=seed)
    apart = found.apart
    if apart is None:
        raise ParameterError("no verdict on rival models")
    met = apart.wrong <= wanted
    run = _run(study, found)
    more = None if met else _samples(study, rivals, found, wanted, not asked.spaced, seed)
    reason = None if met else _reason(found, rivals, wanted, more)
    return run, {
        "reason": reason,
        "met": met,
        "need": None if met else {"samples": more, "text": reason},
        "cheapest": None,
        "predictions": [
            {
                "name": "wrong_verdicts",
                "value": apart.wrong,
                "lower": max(apart.wrong - 2 * apart.wrong_error, 0.0),
                "upper": min(apart.wrong + 2 * apart.wrong_error, 1.0),
                "before": apart.chance,
                "level": 0.95,
                "unit": "",
                "wanted": wanted,
                "meaning": "expected share of wrong verdicts if the likelier model is named",
                "source": "design",
            },
            {
                "name": "information",
                "value": apart.gain,
                "lower": apart.gain - 2 * apart.error,
                "upper": min(apart.gain + 2 * apart.error, math.log(len(rivals))),
                "before": 0.0,
                "level": 0.95,
                "unit": "nat",
                "wanted": None,
                "meaning": f"expected information on which model holds, at most {math.log(len(rivals)):.3g}",
                "source": "design",
            },
        ],
        "trade_off": [],
        "ranking": [
            {"information": score, "settings": [rows.setting(asked, name, value) for name, value in chosen.items()]}
            for chosen, score in found.ranking[: rows.FEW]
        ],
        "information_over_time": [],
        "text": f"{len(found.times)} samples are expected to name the wrong model in {100 * apart.wrong:.2g} % of "
        "runs.",
    }  # fmt: skip


def _run(study: Study, found: Verdict) -> Run:
    duration = float(found.times[-1])
    blank = torch.zeros(1, len(study.names), len(study.names), dtype=torch.float64)
    case = case_of(study, found.case.chosen, math.inf)
    return Run(case, found.times, blank, {}, {}, {}, math.nan, duration, study.used(case.settings, duration))


def _samples(
    study: Study, rivals: Sequence[Rival], found: Verdict, wanted: float, closer: bool, seed: int
) -> int | None:
    fixed = {name: Options((value,)) for name, value in found.case.chosen.items()}
    for factor in _MORE:
        count = factor * study.limits.samples
        interval = study.limits.interval / (factor if closer else 1)
        wider = replace(study, controls=fixed, limits=replace(study.limits, samples=count, interval=interval))
        again = tell_apart(wider, rivals, effort=1, seed=seed).apart
        if again is not None and again.wrong <= wanted:
            return count
    return None


def _reason(found: Verdict, rivals: Sequence[Rival], wanted: float, more: int | None) -> str:
    apart = found.apart
    share = math.nan if apart is None else 100 * apart.wrong
    helping = f"; {more} samples would do" if more is not None else "; eight times as many samples would not do either"
    names = " and ".join(repr(rival.name) for rival in rivals)
    return (
        f"the best run inside the limits takes one of {names} for another in {share:.2g} % of runs, where "
        f"{100 * wanted:.3g} % is asked for{helping}"
    )


def wanted_rate(text: str) -> float:
    """Read the wanted share of wrong verdicts, `5%` or `0.05`.

    Raises:
        ParameterError: it is no share.
    """
    value, unit = units.parse(text)
    rate = units.convert(value, unit, "")
    if not 0 < rate < 1:
        raise ParameterError(f"--target models={text}: the share of wrong verdicts must lie between 0 and 1")
    return rate
