"""What a training needs to go on after it was killed, in one file that is replaced whole.

Tensors and numbers in safetensors; nothing is unpickled. The file says which training it is of (model, settings,
data): one of another is refused.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from physics.errors import DataError

_MAKE = "labwright-surrogate"


def fingerprint(given: Mapping[str, Any]) -> str:
    """Return the digest of what a training is made of."""
    return hashlib.sha256(json.dumps(given, sort_keys=True, default=str).encode()).hexdigest()[:16]


def save(path: Path, tensors: Mapping[str, Tensor], card: Mapping[str, Any]) -> None:
    """Write tensors and their card; an existing file stays whole until the other one is.

    Raises:
        DataError: the file cannot be written there.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
        save_file(held, part, metadata={_MAKE: json.dumps(card, sort_keys=True)})
        part.replace(path)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)


def load(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors and the card of a file.

    Raises:
        DataError: there is none, it is cut off, or it is of something else.
    """
    if not path.is_file():
        raise DataError(f"{path}: there is no such file of weights")
    try:
        with safe_open(path, framework="pt") as file:
            told = (file.metadata() or {}).get(_MAKE)
            if told is None:
                raise DataError(f"{path}: these are not weights of a surrogate; give a file that its training wrote")
            return {name: file.get_tensor(name) for name in file.keys()}, json.loads(told)  # noqa: SIM118
    except (SafetensorError, OSError, json.JSONDecodeError) as error:
        raise DataError(f"{path}: the file is cut off or damaged ({error}); train again or fetch it again") from error
