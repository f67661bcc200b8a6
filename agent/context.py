"""What the nodes work with; made once for a process and handed to the graph when it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.model.timed import TimedModel
from agent.settings import Settings
from tools.planning import Planning
from tools.records import Citation, Curve, Evidence


@dataclass(frozen=True)
class Toolbox:
    """The tools that the agent may call; a test replaces any of them by a function."""

    planning: Callable[[str], Planning]
    experiments: Callable[[], list[str]]
    design: Callable[..., Evidence]
    search: Callable[..., Evidence]
    verify: Callable[[Citation], str | None]
    validate: Callable[[str, Mapping[str, str]], str | None]
    check_setting: Callable[[str, str, str], str | None]
    limits: Callable[[str], list[dict[str, Any]]]
    embed: Callable[[Sequence[str]], Any]
    look: Callable[[Sequence[str], str | None], tuple[Curve, ...]]
    learn: Callable[..., Evidence]


@dataclass(frozen=True)
class Context:
    """The settings, the language model (None when there is none) and the tools."""

    settings: Settings
    model: TimedModel | None
    tools: Toolbox
    seconds: Mapping[str, float] = field(default_factory=dict)  # what it took to get ready, by stage

    def model_seconds(self) -> float:
        """Return the time spent inside the language model so far."""
        return self.model.seconds if self.model is not None else 0.0
