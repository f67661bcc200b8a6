"""`labwright chat`: plans and answers in conversation, on a thread that survives a restart."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.common import STARTED, Json, Progress, emit, progress, settings, stderr, stdout
from agent.cli.plan import Data, Thread, keep, reason_of, show, show_text, shown
from agent.errors import BadRequest
from tools.errors import ToolError

if TYPE_CHECKING:
    from agent.conversation import Conversation

HELP = "/data FILE hands over a measured curve, /quit ends; everything else is a question or a request"


def chat(thread: Thread = None, data: Data = None, as_object: Json = False) -> None:
    """Talk about an experiment: each message is planned or answered; with --json one object a line of stdin."""
    config = settings()
    identifier = thread or secrets.token_hex(4)
    # Imported here, since they take a second that --help need not wait for.
    from agent.build import context
    from agent.conversation import Conversation

    told = Told()
    with context(config, told, STARTED) as ready:
        talk = Conversation(ready, identifier, config.threads_path, told)
        for path in data or ():
            talk.hand_over(path)
        if not as_object:
            stdout.print(f"thread {identifier}; {HELP}", markup=False)
            if talk.waiting:
                stdout.print(talk.waiting, markup=False)
        for line in _lines():
            if line in ("/quit", "/exit"):
                break
            with told.during(line):
                _take(talk, line, as_object)


class Told:
    """Progress of the message that is being worked on; between messages the terminal belongs to the person."""

    def __init__(self) -> None:
        self.line: Progress | None = None

    def __call__(self, message: str) -> None:
        """Show `message` while a message is worked on."""
        if self.line is not None:
            self.line(message)

    @contextmanager
    def during(self, line: str) -> Iterator[None]:
        """Show progress while the body runs; a command needs none."""
        if line.startswith("/"):
            yield
            return
        with progress("reading the message") as self.line:
            yield
        self.line = None


def _lines() -> Iterator[str]:
    """Yield the messages: from the terminal with a prompt, from a pipe line by line."""
    if not sys.stdin.isatty():
        yield from (line.strip() for line in sys.stdin if line.strip())
        return
    while True:
        try:
            line = input("> ").strip()
        except EOFError:
            return
        if line:
            yield line


def _take(talk: Conversation, line: str, as_object: bool) -> None:
    """Work on one message; what is wrong with it ends the message, not the conversation."""
    try:
        if line.startswith("/"):
            _command(talk, line, as_object)
        else:
            _turn(talk, line, as_object)
    except (BadRequest, ToolError) as error:
        told = " ".join(str(error).split())
        emit({"status": "bad_input", "reason": told, "thread": talk.thread}, as_object=as_object)
        stderr.print(f"labwright: {told}", markup=False, soft_wrap=True)
    sys.stdout.flush()


def _command(talk: Conversation, line: str, as_object: bool) -> None:
    word, _, rest = line.partition(" ")
    if word != "/data" or not rest.strip():
        raise BadRequest(f"{line[:60]!r} is no command here: {HELP}")
    taken = talk.hand_over(Path(rest.strip().strip("'\"")).expanduser())
    emit({"status": "noted", "data": taken, "thread": talk.thread}, as_object=as_object)
    if not as_object:
        stdout.print(f"{taken} belongs to the next message", markup=False)


def _turn(talk: Conversation, line: str, as_object: bool) -> None:
    answer = talk.turn(line)
    files = [row["file"] for row in answer.calibration.get("files", ())]
    keep(answer, talk.intent, files)
    emit(shown(answer), as_object=as_object)
    if as_object:
        return
    if answer.status in ("recommended", "answered"):
        show_text(answer)
        passed = sum(check.status == "pass" for check in answer.checks)
        stdout.print(f"{passed} checks passed; run {answer.run}, {answer.seconds['total']:.1f} s", markup=False)
    else:
        show(answer)
        stdout.print(reason_of(answer), markup=False)
