"""Propose an experiment: what to set and when to measure so that the question is answered inside all limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

from physics.errors import InputError
from tools.errors import Retry
from tools.plans import designer, past
from tools.plans.sweeps import asked
from tools.predictions import Tally
from tools.records import Evidence


def design(
    request: Mapping[str, Any],
    *,
    run: str | None = None,
    tolerance_factor: float = 1.0,
    device: str = "auto",
    surrogate: bool = False,
    predictions: Path | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> Evidence:
    """Propose how to run an experiment and when to measure.

    `request` names the experiment, its settings (apparatus and what is assumed), the bounds that every proposal must
    keep, what was named in words (a tracer, a fluid), the target and the relative precision wanted (percent; None
    where nothing is to be known to a precision). With `past`, what measured curves said (`tools.learn`), it proposes
    the run that follows them. Returns the recommended run with its facts, its outline in words, the predicted curve and
    the balances of the runs that were computed. With `surrogate`, `data["surrogate"]` says whether it could have
    computed them and why the solver did, and the tally in the file `predictions` counts it; numbers are the solver's.

    Raises:
        Retry: a setting or a limit is wrong; the message says which.
        Failed: no run inside the limits could be computed.
    """
    start = perf_counter()
    tell = progress or (lambda share, what: None)
    try:
        experiment = str(request["experiment"])
        options = {"run": run, "tolerance_factor": tolerance_factor, "device": device, "progress": tell}
        if request.get("past"):
            found: Evidence = past(experiment).design(request, request["past"], **options)
        else:
            found = designer(experiment)(request, **options)
    except InputError as error:
        raise Retry(str(error)) from error
    seconds = {"solver": perf_counter() - start}
    if not surrogate:
        return found.model_copy(update={"seconds": seconds})
    name, (kind, reason) = asked(experiment, found.data["settings"])
    if predictions is not None:
        Tally(predictions).add(experiment, name, "solver", [kind], seconds, 0.0, run)
    told = {"surrogate": name, "source": "solver", "kind": kind, "reason": reason}
    return found.model_copy(update={"seconds": seconds, "data": {**found.data, "surrogate": told}})
