"""Names: what has a file is found, and a wrong name is answered with the near ones."""

import pytest

from physics.errors import ParameterError
from physics.registry import discovered, named
from physics.surrogate import regimes


def test_every_file_that_defines_one_is_found():
    found = discovered(regimes.__name__, regimes.__path__, "REGIME")
    assert found == regimes.all_regimes()
    assert "marching" not in found


def test_a_wrong_name_is_told_the_near_ones_or_all():
    assert named({"burgers": 1}, "burgers", "regime") == 1
    with pytest.raises(ParameterError, match="no regime 'burger'; did you mean burgers"):
        named({"burgers": 1, "dendrite": 2}, "burger", "regime")
    with pytest.raises(ParameterError, match="did you mean burgers, dendrite"):
        named({"burgers": 1, "dendrite": 2}, "xyz", "regime")
