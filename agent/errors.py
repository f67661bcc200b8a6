"""Everything that the agent raises at its edge.

```
AgentError
├── BadRequest    the request cannot be worked on; exit status 2
└── NotFound      a run or a thread that does not exist; exit status 2
```
"""


class AgentError(Exception):
    """Any failure that is told to the person in one line."""


class BadRequest(AgentError):
    """The request cannot be worked on; the message says what, where and how to mend it."""


class NotFound(AgentError):
    """A run or a thread that does not exist."""
