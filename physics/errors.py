"""Everything that physics raises.

```
PhysicsError                 any failure of this package
├── InputError               what the caller gave is wrong; the message says what, where and how to mend it
│   ├── UnitError            not a quantity, an unknown unit, or the wrong dimension
│   ├── ParameterError       an unknown parameter, one that is missing, or a value outside its range
│   ├── DataError            a file of measurements or of trajectories that cannot be used
│   └── DeclarationError     a file that should declare an experiment and does not
└── SolverError              a run that ended without a usable result; carries its `Status`
```

A solver does not raise for numerical trouble: it returns a `Solution` whose status says what happened, and
`Solution.require()` turns that into a `SolverError` for callers who want an exception.
"""


class PhysicsError(Exception):
    """Any failure of this package."""


class InputError(PhysicsError):
    """What the caller gave is wrong; the message says what, where and how to mend it."""


class UnitError(InputError):
    """Not a quantity, an unknown unit, or the wrong dimension."""


class ParameterError(InputError):
    """An unknown parameter, one that is missing, or a value outside its physical range."""


class DataError(InputError):
    """A file of measurements or of trajectories that cannot be used."""


class DeclarationError(InputError):
    """A file that should declare an experiment and does not."""


class SolverError(PhysicsError):
    """A run that ended without a usable result."""
