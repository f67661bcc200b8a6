"""Run the command line in this process, with a home of its own and no language model."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.cli.main import main


class Ended:
    """How a command ended: status, the two streams, and the JSON object where there is one."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err

    @property
    def object(self) -> dict[str, Any]:
        return dict(json.loads(self.out))

    @property
    def line(self) -> str:
        """The one line that tells the reason."""
        told = [line for line in self.err.splitlines() if line.startswith("labwright: ")]
        assert len(told) == 1, self.err
        return told[0]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    monkeypatch.setenv("LABWRIGHT_HOME", str(folder))
    monkeypatch.setenv("LABWRIGHT_MODEL", "none")
    return folder


@pytest.fixture
def labwright(home: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    def call(*arguments: str) -> Ended:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ending:
            main(list(arguments))
        out, err = capfd.readouterr()
        assert "Traceback" not in out + err
        return Ended(int(ending.value.code or 0), out, err)

    return call
