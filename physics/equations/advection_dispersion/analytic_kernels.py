"""The step response of `exact` and its derivatives, compiled.

On the line beta = b + i y the trapezoidal points are y_k = k h with h = 2 pi / (40 sqrt(Pe T)), so that the
Gaussian exp(-Pe T y_k^2 / 4) = exp(-(pi k / 40)^2) is one table for every column and time, and the other
exponentials turn by a constant angle from point to point: the sum needs no exponential of its own. The derivatives
are those of the integrand at a fixed path, which the integral does not depend on, and of the residue of the pole.
"""

from __future__ import annotations

import cmath
import math

import numpy as np
from numba import njit

_DIGITS = 40.0  # as in `exact`
_POINTS = 92
_GAUSS = np.exp(-((np.pi * np.arange(_POINTS) / _DIGITS) ** 2))
_GAUSS[0] = 0.5  # the trapezoid's end
_TINY = 1e-30  # of the complex step, which loses no digit

PECLET, TIME, PLACE, DAMKOHLER = range(4)


@njit(cache=True, nogil=True, inline="always")
def _inverse(z):
    size = 1.0 / (z.real * z.real + z.imag * z.imag)
    return complex(z.real * size, -z.imag * size)


@njit(cache=True, nogil=True, error_model="numpy")
def _steady(peclet, damkohler, place, first_type, closed, flux):
    """Return the residue of the pole, of complex numbers."""
    beta = cmath.sqrt(1.0 + 4.0 * damkohler / peclet)
    ahead, behind = 0.5 * (1.0 + beta), 0.5 * (1.0 - beta)
    here, far = 0.0j, 0.0j
    if closed:
        echo = (beta - 1.0) / (beta + 1.0)
        here = echo * cmath.exp(-peclet * beta * (1.0 - place))
        far = echo * cmath.exp(-peclet * beta)
    reading = ahead + behind * here if flux else 1.0 + here
    inlet = 1.0 + far if first_type else ahead + behind * far
    return reading / inlet * cmath.exp(0.5 * peclet * place * (1.0 - beta))


@njit(cache=True, nogil=True, error_model="numpy")
def residue(peclet, damkohler, place, first_type, closed, flux, slopes):
    """Return the steady state; write its derivatives to `slopes`, shape (4,)."""
    slopes[TIME] = 0.0
    value = _steady(peclet + 0j, damkohler + 0j, place + 0j, first_type, closed, flux).real
    tilt = 1j * _TINY
    slopes[PECLET] = _steady(peclet + tilt, damkohler + 0j, place + 0j, first_type, closed, flux).imag / _TINY
    slopes[DAMKOHLER] = _steady(peclet + 0j, damkohler + tilt, place + 0j, first_type, closed, flux).imag / _TINY
    slopes[PLACE] = _steady(peclet + 0j, damkohler + 0j, place + tilt, first_type, closed, flux).imag / _TINY
    return value


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def step(peclet, time, place, damkohler, first_type, closed, flux, derive, steady, steady_slopes, slopes):
    """Return the step response; write its derivatives by Pe, T, X and Da to `slopes`, shape (4,), if asked to.

    Args:
        steady, steady_slopes: of `residue`.
    """
    for j in range(4):
        slopes[j] = 0.0
    if time <= 0.0:
        return 0.0
    pole_square = 1.0 + 4.0 * damkohler / peclet
    pole, saddle = math.sqrt(pole_square), place / time
    room = 1.0 / math.sqrt(peclet * time)
    left = saddle < pole and room < 0.4 * pole
    line = min(max(saddle, room), pole - room) if left else max(saddle, pole + room)
    spacing, aside = 2.0 * math.pi * room / _DIGITS, line - saddle
    height = math.exp(0.25 * peclet * time * aside**2 - 0.25 * peclet * (place - time) ** 2 / time - damkohler * time)
    phase = math.pi / _DIGITS * aside / room
    turn, here, far = complex(math.cos(phase), math.sin(phase)), 0.0j, 0.0j
    turn_here, turn_far, swing = turn, turn, complex(1.0, 0.0)
    if closed:
        angle = peclet * (1.0 - place)
        here = complex(math.exp(-angle * line), 0.0)
        turn_here = complex(math.cos(angle * spacing), -math.sin(angle * spacing))
        far = complex(math.exp(-peclet * line), 0.0)
        turn_far = complex(math.cos(peclet * spacing), -math.sin(peclet * spacing))
    value, by_peclet, by_time, by_place, by_damkohler = 0.0, 0.0, 0.0, 0.0, 0.0
    drift, bend = -4.0 * damkohler / peclet**2, 4.0 / peclet
    for k in range(_POINTS):
        beta = complex(line, k * spacing)
        ahead, behind = 0.5 * (1.0 + beta), 0.5 * (1.0 - beta)
        square = beta * beta
        near = _inverse(square - pole_square)
        weight = _GAUSS[k] * swing * beta
        back, echoed = 0.0j, 0.0j
        if closed:
            echo = (beta - 1.0) * _inverse(beta + 1.0)
            back, echoed = echo * here, echo * far
        reading = ahead + behind * back if flux else 1.0 + back
        inlet = 1.0 + echoed if first_type else ahead + behind * echoed
        over = _inverse(inlet)
        ratio = reading * over
        whole = weight * ratio
        part = whole * near
        value += part.real
        if derive:
            by_time += whole.real
            by_peclet += (part * (0.25 * time * (square - 1.0) + place * behind + drift * near)).real
            by_place += (part * behind).real
            by_damkohler += (part * (bend * near - time)).real
            if closed:
                moved = (behind * back if flux else back) * beta
                shaded = echoed if first_type else behind * echoed
                by_peclet += (weight * near * over * (ratio * shaded * beta - (1.0 - place) * moved)).real
                by_place += (weight * near * over * moved).real
        swing *= turn
        here *= turn_here
        far *= turn_far
    scale = (2.0 / math.pi) * spacing * height
    if derive:
        slopes[PECLET] = scale * by_peclet
        slopes[TIME] = scale * 0.25 * peclet * by_time
        slopes[PLACE] = scale * peclet * by_place
        slopes[DAMKOHLER] = scale * by_damkohler
        if left:
            for j in range(4):
                slopes[j] += steady_slopes[j]
    return scale * value + (steady if left else 0.0)


LENGTH, VELOCITY, DISPERSION, RETARDATION, DECAY, POSITION, DURATION, MOMENT = range(8)
NAMES = ("length", "velocity", "dispersion", "retardation", "decay", "position", "pulse_duration")


@njit(cache=True, nogil=True, error_model="numpy")
def _add(slopes, row, peclet, since, place, damkohler, reference, inside, closed, sign, out):
    """Add the chain from Pe, T, X and Da to the eight quantities; `since` is T, `reference` the length l."""
    velocity = row[VELOCITY]
    by_peclet, by_time = slopes[PECLET] * peclet, slopes[TIME] * since
    by_damkohler = slopes[DAMKOHLER] * damkohler
    out[VELOCITY] += sign * (by_peclet + by_time - by_damkohler) / velocity
    out[DISPERSION] -= sign * by_peclet / row[DISPERSION]
    out[RETARDATION] -= sign * by_time / row[RETARDATION]
    out[DECAY] += sign * slopes[DAMKOHLER] * reference / velocity
    longer = by_peclet - by_time + by_damkohler
    if inside:
        longer -= slopes[PLACE] * place
        out[POSITION] += sign * slopes[PLACE] / reference
    out[LENGTH if closed else POSITION] += sign * longer / reference
    out[MOMENT] += sign * slopes[TIME] * velocity / (row[RETARDATION] * reference)


@njit(cache=True, nogil=True, error_model="numpy")
def curves(columns, times, first_type, closed, flux, inside, pulse, leach, derive, first, last, values, slopes):
    """Write the curves of columns `first` to `last`, and their derivatives by `NAMES` and the time.

    Args:
        columns: in the order of `NAMES`, shape (batch, 7).
        times: seconds, shape (times,).
        inside: the sensor stands within a closed column.
        values, slopes: written, shapes (batch, times) and (batch, times, 8).
    """
    steady_slopes, step_slopes = np.zeros(4), np.zeros(4)
    for b in range(first, last):
        row = columns[b]
        reference = row[LENGTH] if closed else row[POSITION]
        place = row[POSITION] / reference if inside else 1.0
        unit = row[RETARDATION] * reference / row[VELOCITY]
        peclet, damkohler = row[VELOCITY] * reference / row[DISPERSION], row[DECAY] * reference / row[VELOCITY]
        rate = 0.0 if leach else damkohler
        steady = residue(peclet, rate, place, first_type, closed, flux, steady_slopes)
        for i in range(len(times)):
            out = slopes[b, i]
            since = times[i] / unit
            value = step(
                peclet, since, place, rate, first_type, closed, flux, derive, steady, steady_slopes, step_slopes
            )
            if leach:
                kept = math.exp(-damkohler * since)
                value = kept * (1.0 - value)
                for j in range(4):
                    step_slopes[j] *= -kept
                step_slopes[TIME] -= damkohler * value
                step_slopes[DAMKOHLER] = -since * value
            if derive:
                for j in range(8):
                    out[j] = 0.0
                _add(step_slopes, row, peclet, since, place, damkohler, reference, inside, closed, 1.0, out)
            if pulse:
                since = (times[i] - row[DURATION]) / unit
                value -= step(
                    peclet, since, place, rate, first_type, closed, flux, derive, steady, steady_slopes, step_slopes
                )
                if derive:
                    before = out[MOMENT]
                    _add(step_slopes, row, peclet, since, place, damkohler, reference, inside, closed, -1.0, out)
                    out[DURATION] = before - out[MOMENT]
            values[b, i] = value
