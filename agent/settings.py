"""Where state lives and which model and index are used: values only; nothing is built here."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Read from the environment, each name with the prefix `LABWRIGHT_`."""

    model_config = SettingsConfigDict(env_prefix="LABWRIGHT_", extra="ignore")

    home: Path = Field(default=Path(".labwright"), description="index, threads and runs")
    model: str = Field(default="1.5b", description="the embedded model's tier (1.5b or 0.5b), a GGUF file, or 'none'")
    model_url: str | None = Field(
        default=None, description="an OpenAI-compatible server, in place of the embedded model"
    )
    model_key: str | None = Field(default=None, description="the server's API key")
    qdrant_url: str | None = Field(default=None, description="a Qdrant server, in place of the embedded index")
    index_wait: float = Field(default=60.0, ge=0, description="seconds to wait for an index that another process holds")
    corpus: Path | None = Field(default=None, description="a folder of further trusted documents with a manifest")
    experiments: str = Field(default="", description="folders of further experiments, separated as in PATH")
    device: str = Field(default="auto", description="where solvers run: auto, cpu, cuda, ...")
    surrogate: bool = Field(default=True, description="on or off: let the surrogate spare the solver in searches")
    seed: int = Field(default=0, ge=0, description="for everything that draws at random")

    @property
    def experiment_folders(self) -> list[Path]:
        """The folders of further experiments."""
        return [Path(part) for part in self.experiments.split(os.pathsep) if part.strip()]

    @property
    def index_path(self) -> Path:
        """The embedded index."""
        return self.home / "index"

    @property
    def threads_path(self) -> Path:
        """The checkpoints of all threads."""
        return self.home / "threads.sqlite"

    @property
    def predictions_path(self) -> Path:
        """The tally of what the surrogate answered and what it saved."""
        return self.home / "predictions.jsonl"

    @property
    def runs_path(self) -> Path:
        """The run records."""
        return self.home / "runs"
