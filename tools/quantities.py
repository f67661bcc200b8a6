"""Units for the agent: the same registry that the solvers use."""

from physics.errors import UnitError
from physics.units import compatible, convert, parse

__all__ = ["UnitError", "compatible", "convert", "parse"]
