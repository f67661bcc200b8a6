"""Diffusivity from a few readings of a rear-face curve, as it is worked out by hand.

    alpha = K L^2 / t_half
    Parker          K = 0.138785297                               no loss
    Cowan, five     K = sum_i a_i r^i,  r = T(5 t_half) / T(t_half)
    Cowan, ten      K = sum_i b_i r^i,  r = T(10 t_half) / T(t_half)
    Clark-Taylor    K = sum_i c_i r^i,  r = t(75 %) / t(25 %)

L thickness (m), t_half (s) to half of the maximum, T rear-face rise, all of an instant pulse; `pulse_delay` is what a
short pulse adds to t_half. The polynomials are those in common use. `constant_error` measures how far each is off
for a disc with the same Biot number on both faces, against the disc's own constant. Of the three, the five-half-times
form fails first: it is wrong by +2.6 % at Bi = 0.05, and its ratio rises before it falls, so that it cannot tell a
small loss from none; the ten-half-times form stays within 0.45 % up to Bi = 0.5 and Clark-Taylor within 1 % up to
Bi = 1 (tests). A fit of the whole curve needs none of them.

Source: W. J. Parker et al., J. Appl. Phys. 32 (1961) 1679, doi:10.1063/1.1728417; R. D. Cowan, J. Appl. Phys. 34
(1963) 926, doi:10.1063/1.1729564; L. M. Clark and R. E. Taylor, J. Appl. Phys. 46 (1975) 714; T. Azumi and
Y. Takahashi, Rev. Sci. Instrum. 52 (1981) 1411 (the delay).
"""

from __future__ import annotations

import torch
from torch import Tensor

from physics.equations.flash.disc import Disc, disc_of, peak_and_half, rear, time_of
from physics.equations.flash.heat_modes import modes
from physics.errors import ParameterError

PARKER = 0.138785297
_POLYNOMIALS = {
    "five": (-0.1037162, 1.239040, -3.974433, 6.888738, -6.804883, 3.856663, -1.167799, 0.1465332),
    "ten": (0.054825246, 0.16697761, -0.28603437, 0.28356337, -0.13403286, 0.024077586),
    "clark-taylor": (-0.3461467, 0.361578, -0.06520543),
}
_DEGREE = 36


def constant(correction: str, ratio: Tensor) -> Tensor:
    """Return K from the ratio that the correction asks for.

    Raises:
        ParameterError: there is no such correction.
    """
    if correction not in _POLYNOMIALS:
        raise ParameterError(f"correction {correction!r} is not one of {', '.join(_POLYNOMIALS)}")
    return sum(c * ratio**i for i, c in enumerate(_POLYNOMIALS[correction]))  # type: ignore[return-value]


def pulse_delay(width: float) -> float:
    """Seconds by which a square or a symmetric triangular pulse delays the half-rise: to its centre of gravity.

    The half-rise time without loss, less this, is too long by 0.02 % of it for a square pulse of a fourteenth of it,
    and by 2.2 % for one of seven tenths (tests).
    """
    return 0.5 * width


def constant_error(correction: str, biot: Tensor) -> Tensor:
    """Relative error of the diffusivity that a correction gives after an instant pulse, shape (batch,).

    Args:
        correction: "parker", "five", "ten" or "clark-taylor".
        biot: of both faces, shape (batch,).
    """
    one = torch.ones(1, dtype=torch.float64)
    disc = disc_of({"thickness": one, "diffusivity": one, "biot": biot.to(torch.float64)}, "instant")
    true = peak_and_half(disc, modes(disc.front_biot, disc.rear_biot, _DEGREE))[1]
    found = torch.full_like(true, PARKER) if correction == "parker" else constant(correction, ratio(correction, disc))
    return found / true - 1.0


def ratio(correction: str, disc: Disc) -> Tensor:
    """Return the ratio that a correction asks for, of an exact curve, shape (batch,)."""
    found = modes(disc.front_biot, disc.rear_biot, _DEGREE)
    if correction == "clark-taylor":
        return time_of(disc, found, 0.75) / time_of(disc, found, 0.25)
    times = {"five": 5.0, "ten": 10.0}
    if correction not in times:
        constant(correction, torch.ones(()))
    maximum, half = peak_and_half(disc, found)
    return rear(disc, found, times[correction] * half[:, None])[:, 0] / (0.5 * maximum)
