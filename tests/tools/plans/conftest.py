"""From a request in words to a design: the brief is read by rules, the numbers are real."""

from collections.abc import Callable

import pytest

from agent import gate
from agent.brief import read_brief
from agent.ledger import Ledger
from agent.nodes.compute import request_for
from agent.state import Brief
from tests.agent import doubles
from tools.design import design
from tools.experiments import validate
from tools.plans import planning
from tools.records import Check, Evidence, Fact


class Designed:
    """A request's brief and what the design made of it."""

    def __init__(self, experiment: str, request: str) -> None:
        self.experiment = experiment
        brief, question, read = read_brief(request, [], planning(experiment), doubles.context())
        self.brief: Brief = brief
        self.question = question
        self.read = read
        self.evidence: Evidence = design(request_for(brief, 0), run="run")
        self.ledger = Ledger([read, self.evidence])

    def __getitem__(self, key: str) -> Fact:
        return self.ledger.facts[key]

    def failed(self) -> list[Check]:
        """Return what the gate would refuse of the numbers."""
        checks = [
            *gate.check_conservation(self.ledger),
            *self.evidence.checks,
            *gate.check_bounds(self.brief, self.ledger),
            gate.check_target(self.brief, self.ledger),
            gate.check_numerical_error(self.ledger),
        ]
        assert validate(self.experiment, self.evidence.data["settings"]) is None
        return [check for check in checks if check.status == "fail"]


@pytest.fixture(scope="session")
def designed() -> Callable[[str, str], Designed]:
    made: dict[tuple[str, str], Designed] = {}

    def make(experiment: str, request: str) -> Designed:
        if (experiment, request) not in made:
            made[experiment, request] = Designed(experiment, request)
        return made[experiment, request]

    return make
