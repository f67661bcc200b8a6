"""Properties of solids agree with the diffusivities that the same tables print."""

import pytest

from physics.errors import ParameterError
from physics.materials import SOLIDS, solid


@pytest.mark.parametrize(
    ("name", "printed"),  # 1e-6 m2/s, from the tables' own column
    [("copper", (117, 117)), ("aluminium", (97.1, 97.1)), ("iron", (23.1, 23.1)), ("alumina", (11.9, 11.9)),
     ("stainless steel", (3.48, 3.95)), ("carbon steel", (17.7, 18.8)), ("steel", (3.48, 18.8))],
)  # fmt: skip
def test_diffusivity_is_that_of_the_tables(name: str, printed: tuple[float, float]) -> None:
    found = solid(name).diffusivity
    assert found.lower == pytest.approx(printed[0] * 1e-6, rel=0.02)
    assert found.upper == pytest.approx(printed[1] * 1e-6, rel=0.02)
    assert found.lower <= found.middle <= found.upper


def test_an_unknown_material_is_named_with_those_that_are_known() -> None:
    with pytest.raises(ParameterError, match="unobtainium"):
        solid("unobtainium")
    assert set(SOLIDS) >= {"steel", "copper"}
