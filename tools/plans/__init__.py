"""How each experiment is planned: one file an experiment."""

from tools.plans.column import COLUMN

PLANS = {COLUMN.experiment: COLUMN}
