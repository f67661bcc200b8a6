"""Imports run one way: physics and corpora know nobody, tools wrap both, the agent sees only tools."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = {"physics", "corpora", "tools", "agent", "evals", "benchmarks", "tests"}
MAY_IMPORT = {
    "physics": set(),
    "corpora": set(),
    "tools": {"physics", "corpora"},
    "agent": {"tools"},
    "evals": {"physics", "corpora", "tools", "agent"},
}
LANGUAGE = {"langgraph", "langchain_core", "llama_index", "sentence_transformers", "transformers", "xllamacpp"}
FORBIDDEN = {"physics": LANGUAGE | {"qdrant_edge", "qdrant_client", "httpx"}, "agent": {"qdrant_edge", "qdrant_client"}}


def imported(path: Path) -> Iterator[str]:
    """Yield the top-level name of every import in a file, also of those inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield (node.module or "").partition(".")[0]


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_imports_run_one_way(room: str) -> None:
    files = list((ROOT / room).rglob("*.py"))
    assert files, f"{room} holds no code"
    for path in files:
        names = set(imported(path))
        wrong = (names & ROOMS) - MAY_IMPORT[room] - {room}
        assert not wrong, f"{path.relative_to(ROOT)} imports {sorted(wrong)}"
        foreign = names & FORBIDDEN.get(room, set())
        assert not foreign, f"{path.relative_to(ROOT)} imports {sorted(foreign)}"


def test_no_file_unpickles_or_evaluates() -> None:
    for room in MAY_IMPORT:
        for path in (ROOT / room).rglob("*.py"):
            assert not set(imported(path)) & {"pickle", "dill", "cloudpickle", "marshal"}, path
            calls = [
                node.func.id
                for node in ast.walk(ast.parse(path.read_text()))
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            ]
            assert not set(calls) & {"eval", "exec"}, path
