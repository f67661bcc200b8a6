"""A conversation: turns on one thread, each a plan or an answer, with the measured curves that are handed over."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from agent import threads
from agent.context import Context
from agent.errors import BadRequest
from agent.route import changes_a_plan, intent_of
from agent.state import LONGEST_REQUEST, Answer, Intent, Request

MOST_FILES = 12  # that one message may name
_TOKEN = re.compile(r"\"([^\"\n]+\.csv)\"|'([^'\n]+\.csv)'|(\S+\.csv)", re.IGNORECASE)
_THE_CURVE = "the measured curve"


class Conversation:
    """One thread of turns. A curve that is handed over belongs to the next turn, and stays with the thread."""

    def __init__(
        self, context: Context, thread: str, path: Path, notify: Callable[[str], None] = lambda message: None
    ) -> None:
        self.context, self.thread, self.path, self.notify = context, thread, path, notify
        self.handed: list[str] = []
        self.waiting, self.bench = threads.rests(thread, path)
        self.intent: Intent = "plan"

    def hand_over(self, path: Path) -> str:
        """Take a measured curve for the next turn; return the path that was taken.

        Raises:
            BadRequest: there is no such CSV file.
        """
        found = _csv(path)
        if found is None:
            raise BadRequest(f"{path} is no CSV file that exists; check the path")
        if found not in self.handed:
            self.handed.append(found)
        return found

    def turn(self, text: str) -> Answer:
        """Answer one message: a reply where the thread waits for one, else a plan or an answer.

        Raises:
            BadRequest: the message, or a file that came with it, cannot be worked on.
        """
        if len(text) > LONGEST_REQUEST:
            raise BadRequest(f"the message has {len(text)} characters; keep it below {LONGEST_REQUEST}")
        request, named = files_in(text.strip())
        data = list(dict.fromkeys([*self.handed, *named]))
        fresh = self.waiting is None or bool(data)
        if fresh:
            experiments = self.context.tools.experiments()
            changes = bool(self.bench.requests) and changes_a_plan(request)
            follows = bool(self.bench.curves)
            self.intent = "plan" if data or changes else intent_of(request, follows, experiments, self.context)
        payload = Request(request=request, intent=self.intent, data=data)
        self.handed = []
        try:
            answer = threads.converse(
                self.context, self.thread, payload, path=self.path, notify=self.notify, fresh=fresh
            )
        finally:
            self.waiting, self.bench = threads.rests(self.thread, self.path)
        return answer


def files_in(text: str) -> tuple[str, list[str]]:
    """Return a message without the CSV files that it names, and those files; what does not exist stays a word."""
    found: list[str] = []

    def taken(match: re.Match[str]) -> str:
        written = next(group for group in match.groups() if group)
        path = _csv(Path(written).expanduser())
        if path is None or len(found) >= MOST_FILES:
            return match[0]
        found.append(path)
        return _THE_CURVE

    return _TOKEN.sub(taken, text), found


def _csv(path: Path) -> str | None:
    try:
        return str(path.resolve()) if path.suffix.lower() == ".csv" and path.is_file() else None
    except OSError:  # a name too long for a path
        return None
