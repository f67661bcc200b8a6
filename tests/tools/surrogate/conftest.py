"""A small surrogate of fields that is calibrated, in a folder, with the data that it was calibrated on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from physics.surrogate.fields import stored
from physics.surrogate.fields.model import Shape
from physics.surrogate.fields.training.settings import Settings
from tools.surrogate.calibrate_fields import calibrate_fields
from tools.surrogate.data import make_data
from tools.surrogate.fields import train_fields

NAMES = ["klein_gordon", "advection_dispersion"]
SHAPE = Shape(latent=8, frame=4, tokens=16, given=12, blocks=1, backbone_layers=1)
COUNTS = {"calibration": 60, "coverage": 40, "beyond": 20}


@pytest.fixture(scope="session")
def fields_data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("fields-data")
    make_data(NAMES, folder, counts={"train": 24, "test": 4, "calibration": 40, "coverage": 40, "beyond": 20})
    return folder


@pytest.fixture(scope="session")
def fields_weights(fields_data, tmp_path_factory) -> Path:
    """Weights with their calibration."""
    path = tmp_path_factory.mktemp("fields") / "fields.safetensors"
    train_fields(NAMES, fields_data, path, settings=Settings(steps=20, points=2048, warm=5), shape=SHAPE)
    calibrate_fields([], fields_data, path, counts=COUNTS)
    return path


@pytest.fixture
def weights(fields_weights, tmp_path) -> Path:
    """A copy of them that a test may spoil."""
    path = tmp_path / "fields.safetensors"
    shutil.copy(fields_weights, path)
    shutil.copy(stored.calibration_path(fields_weights), stored.calibration_path(path))
    return path
