"""One call on a thread with doubled tools, in a process of its own; `--hang=FILE` never returns from the solver."""

import json
import sys
import time
from pathlib import Path

from agent.model.scripted import ScriptedModel
from agent.state import Request
from agent.threads import converse
from tests.agent import doubles

home, thread, text, *rest = sys.argv[1:]
hang = next((argument.partition("=")[2] for argument in rest if argument.startswith("--hang=")), None)
model = ScriptedModel(lambda kind, prompt: "Keep the flow rate at {flow}. The velocity is {velocity}.")


def design(*arguments: object, **options: object) -> object:
    if hang:
        Path(hang).touch()
        time.sleep(600)
    return doubles.design({}, run="run")


understood = 0


def experiments() -> list[str]:
    global understood
    understood += 1
    return ["column"]


request = Request(request=text, experiment="column") if text else None
tools = doubles.context(model, design=design, experiments=experiments)
answer = converse(tools, thread, request, path=Path(home) / "threads.sqlite")
print(json.dumps({**answer.model_dump(mode="json"), "understood": understood}))
