import math

import torch

from physics.validate.symmetry import mirror, quarter_turn

X = (torch.arange(16, dtype=torch.float64) + 0.5) / 16
XX, ZZ = torch.meshgrid(X, X, indexing="ij")


def planted(field, amplitude=0.01):
    """Give a sound and a broken member, shape (2, 1, nx, nz, ...)."""
    bad = field.clone()
    bad[3, 5] += amplitude * (field.amax() - field.amin())
    return torch.stack([field, bad])[:, None]


def test_a_mirror_image_along_one_axis_and_along_two(judge):
    even = torch.cos(2 * math.pi * XX) * ZZ
    assert judge(mirror("T", ("x",), limit=1e-9), axes=("x", "z"), T=planted(even)) == [False, True]
    turned = (XX - 0.5) * (ZZ - 0.5) ** 3
    assert judge(mirror("T", ("x", "z"), limit=1e-9), axes=("x", "z"), T=planted(turned)) == [False, True]


def test_a_scalar_that_changes_sign_about_a_value(judge):
    law = mirror("T", ("z",), sign=-1.0, about=0.5, limit=1e-9)
    assert judge(law, axes=("x", "z"), T=planted(ZZ + 0 * XX)) == [False, True]


def test_components_of_a_vector_change_sign_apart(judge):
    u = torch.sin(2 * math.pi * XX) * torch.cos(math.pi * ZZ)
    w = torch.cos(2 * math.pi * XX) * torch.sin(math.pi * ZZ)
    law = mirror("v", ("x",), odd=("x",), limit=1e-9)
    both = planted(torch.stack([u, w], -1))
    assert judge(law, axes=("x", "z"), components=("x", "z"), v=both) == [False, True]


def test_a_quarter_turn(judge):
    law = quarter_turn("T", ("x", "z"), limit=1e-9)
    radius = (XX - 0.5) ** 2 + (ZZ - 0.5) ** 2
    assert judge(law, axes=("x", "z"), T=planted(torch.exp(-radius))) == [False, True]
    assert judge(law, axes=("x", "z"), T=torch.exp(-2 * (XX - 0.5) ** 2)[None, None]) == [True]
