"""The forward pass of all-MiniLM-L6-v2 in NumPy, for one question at a time.

sentence-transformers embeds the corpus; to import it takes seconds, and a single question should not wait for
that. This pass reads the same files, takes some milliseconds and needs neither torch nor transformers; a test
holds the two together. The network is BERT with six layers (Devlin et al. 2019, doi 10.18653/v1/N19-1423),
its mean pooling that of Sentence-BERT (Reimers & Gurevych 2019, doi 10.18653/v1/D19-1410).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from scipy.special import erf
from tokenizers import Tokenizer

Array = NDArray[np.float32]
_HEADS = 12
_EPSILON = 1e-12


class MiniLM:
    """The encoder, loaded from a folder with `model.safetensors` and `tokenizer.json`."""

    def __init__(self, folder: Path, max_tokens: int) -> None:
        self._weights = load_file(folder / "model.safetensors")
        self._layers = 1 + max(int(name.split(".")[2]) for name in self._weights if ".layer." in name)
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens)

    def __call__(self, text: str) -> Array:
        """The embedding of `text`, of unit length, shape (384,)."""
        ids = self._tokenizer.encode(text).ids
        hidden = self._embed(ids)
        for layer in range(self._layers):
            hidden = self._layer(hidden, f"encoder.layer.{layer}")
        mean = hidden.mean(axis=0)
        return np.asarray(mean / np.linalg.norm(mean), dtype=np.float32)

    def _embed(self, ids: list[int]) -> Array:
        table = "embeddings.{}_embeddings.weight"
        words = self._weights[table.format("word")][ids]
        positions = self._weights[table.format("position")][: len(ids)]
        kind = self._weights[table.format("token_type")][0]
        return self._norm(words + positions + kind, "embeddings.LayerNorm")

    def _layer(self, hidden: Array, name: str) -> Array:
        query, key, value = (
            self._split(self._dense(hidden, f"{name}.attention.self.{part}")) for part in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 2, 1) / np.float32(np.sqrt(query.shape[-1]))
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        context = (weights @ value).transpose(1, 0, 2).reshape(hidden.shape)
        attended = hidden + self._dense(context, f"{name}.attention.output.dense")
        attended = self._norm(attended, f"{name}.attention.output.LayerNorm")
        inner = self._dense(attended, f"{name}.intermediate.dense")
        inner = _gelu(inner)
        return self._norm(attended + self._dense(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")

    def _split(self, hidden: Array) -> Array:
        return hidden.reshape(len(hidden), _HEADS, -1).transpose(1, 0, 2)

    def _dense(self, hidden: Array, name: str) -> Array:
        return hidden @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]

    def _norm(self, hidden: Array, name: str) -> Array:
        centred = hidden - hidden.mean(axis=-1, keepdims=True)
        scale = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + np.float32(_EPSILON))
        return centred / scale * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]


def _gelu(x: Array) -> Array:
    return np.asarray(x * (0.5 * (1 + erf(x / np.float32(np.sqrt(2))))), dtype=np.float32)
