"""How sure a fit is: intervals, draws and predictions, each checked before it is promised."""

from physics.calibrate.posterior.hierarchy import Between, between
from physics.calibrate.posterior.judge import Interval
from physics.calibrate.posterior.prediction import further, predict
from physics.calibrate.posterior.report import Posterior, posterior

__all__ = ["Between", "Interval", "Posterior", "between", "further", "posterior", "predict"]
