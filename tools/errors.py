"""A tool fails in two ways only.

```
ToolError
├── Retry    the call was wrong; the message says what to change, and the same tool may be called again
└── Failed   it cannot be done; the message says why, and calling again would not help
```
"""


class ToolError(Exception):
    """A tool call that returned no evidence."""


class Retry(ToolError):
    """The call was wrong; the message says what to change."""


class Failed(ToolError):
    """It cannot be done; the message says why."""
