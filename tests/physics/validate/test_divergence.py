import math

import torch

from physics.validate.divergence import faces, solenoidal, spectral

N, LX, LZ = 24, 2.0, 1.0


def test_on_faces_the_curl_of_any_stream_function_is_free_of_it(judge):
    psi = torch.rand(2, 1, N + 1, N + 1, dtype=torch.float64)
    u, w = psi.diff(dim=-1) * N / LZ, -psi.diff(dim=-2) * N / LX
    u[1, 0, 7, 7] *= 1.05

    def divergence(sample):
        return faces(u, w, LX / N, LZ / N), LX / N

    assert judge(solenoidal("v", divergence), v=psi) == [False, True]


def test_in_a_periodic_box_by_its_waves(judge):
    x = torch.arange(N, dtype=torch.float64)[:, None] * LX / N
    z = torch.arange(N, dtype=torch.float64)[None] * LZ / N
    u = torch.sin(2 * math.pi * x / LX) * torch.cos(2 * math.pi * z / LZ) / LZ
    w = -torch.cos(2 * math.pi * x / LX) * torch.sin(2 * math.pi * z / LZ) / LX
    pair = torch.stack([torch.stack([u, w], -1), torch.stack([u, 1.01 * w], -1)])[:, None]

    def divergence(sample):
        values = sample.values("v")
        return spectral(values[..., 0], values[..., 1], (LX, LZ)), LX / N

    assert judge(solenoidal("v", divergence), v=pair) == [False, True]


def test_the_divergence_of_a_field_that_has_one():
    x = torch.arange(N, dtype=torch.float64)[:, None].expand(N, N) * LX / N
    got = spectral(torch.sin(2 * math.pi * x / LX), torch.zeros(N, N, dtype=torch.float64), (LX, LZ))
    assert torch.allclose(got, 2 * math.pi / LX * torch.cos(2 * math.pi * x / LX), atol=1e-12)
