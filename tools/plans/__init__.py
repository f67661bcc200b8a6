"""How each experiment is planned: one file an experiment."""

from tools.errors import Retry
from tools.planning import Planning
from tools.plans.column import COLUMN

PLANS = {COLUMN.experiment: COLUMN}


def planning(experiment: str) -> Planning:
    """Return how `experiment` is planned.

    Raises:
        Retry: it cannot be planned (yet).
    """
    if experiment not in PLANS:
        raise Retry(f"{experiment!r} cannot be planned; these can: {', '.join(sorted(PLANS))}")
    return PLANS[experiment]
