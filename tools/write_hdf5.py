"""Write the outputs of a run as an HDF5 file, whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py

from tools.errors import Retry


def write_hdf5(path: Path, result: Mapping[str, Any], inputs: Mapping[str, Any]) -> None:
    """Write each output as a group with `time` and `values` (their units as attributes), each balance as attributes.

    Raises:
        Retry: the file cannot be written there.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent or ".", prefix=f".{path.name}.")
    except OSError as error:
        raise Retry(f"--out {path} cannot be written: {error.strerror}") from error
    os.close(handle)
    try:
        with h5py.File(name, "w") as file:
            _fill(file, result, inputs)
        Path(name).replace(path)
    except BaseException as error:
        Path(name).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise Retry(f"--out {path} cannot be written: {error.strerror or error}") from error
        raise


def _fill(file: h5py.File, result: Mapping[str, Any], inputs: Mapping[str, Any]) -> None:
    for name, text in inputs.items():
        file.attrs[name] = text
    for output in result["outputs"]:
        group = file.create_group(f"outputs/{output['name']}")
        group.attrs["unit"] = output["unit"]
        if "values" not in output:
            group.create_dataset("value", data=output["value"])
            continue
        group.create_dataset("time", data=output["time"]).attrs["unit"] = output["time_unit"]
        group.create_dataset("values", data=output["values"]).attrs["unit"] = output["unit"]
    for balance in result["balances"]:
        group = file.create_group(f"balances/{balance['name']}")
        group.attrs.update({key: balance[key] for key in ("residual", "scale", "tolerance", "unit", "status")})
