"""The examples of the documentation run."""

import re
import shlex
from pathlib import Path

import pytest

from agent.cli.main import main

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize(("page", "blocks"), [("physics.md", 5), ("calibration.md", 6), ("surrogate.md", 1)])
def test_the_examples_of_a_page_run(page: str, blocks: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    found = re.findall(r"```(python|console)\n(.*?)```", text, re.DOTALL)
    assert len(found) >= blocks
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABWRIGHT_HOME", str(tmp_path / "home"))
    names: dict[str, object] = {}
    for kind, block in found:
        if kind == "python":
            exec(compile(block, page, "exec"), names)  # noqa: S102 - the page is ours
            continue
        for command in re.findall(r"^\$ labwright (.*)$", block, re.MULTILINE):
            with pytest.raises(SystemExit) as ending:
                main(shlex.split(command))
            assert not ending.value.code, command
