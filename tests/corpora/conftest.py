from __future__ import annotations

import socket
from pathlib import Path

import pytest

from corpora.trust import Library, write_manifest
from tests.corpora.builders import shelve


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in this package may reach out; loopback stays open for a server that is not there."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if self.family != socket.AF_UNIX and not str(address[0]).startswith("127."):  # type: ignore[index]
            pytest.fail(f"tried to connect to {address}")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with three reviewed documents."""
    folder = tmp_path / "documents"
    shelve(folder)
    write_manifest(folder)
    return folder


@pytest.fixture
def library(root: Path) -> Library:
    return Library.open(root)
