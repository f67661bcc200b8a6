"""The step response of `exact` and its derivatives, compiled.

On the line beta = b + i y the points are y_k = (k + 1/2) w / sqrt(Pe T), so that the Gaussian
exp(-Pe T y_k^2 / 4) = exp(-(w (k + 1/2) / 2)^2) is one table for every column and time, and the other exponentials
turn by a constant angle from point to point: the sum needs no exponential of its own.

The midpoint rule errs by its aliases, the integral over lines further left or right times exp(-2 pi m distance / h).
What the pole beta_0 with the steady state r adds to them is known in closed form, so that it may stand anywhere, even
on the line, with h = w / sqrt(Pe T):

    c = sum + r / (1 + exp(-2 pi (beta_0 - b) / h))

The other singularities lie to the left: at -1 and -beta_0 where the column goes on, on the imaginary axis where it ends
(the zeros of the inlet's condition). Their distance a in units of 1 / sqrt(Pe T) says how wide w may be,
exp(a^2 / 4 - 2 pi a / w) = exp(-36), the Gaussian's own tail: 16 points where a > 5.1, which is a Peclet number of ten
or so, and 32 where a > 2.2, to which the line is moved where it would be less. The derivatives are those of the sum at
a fixed path and of the term of the pole.
"""

from __future__ import annotations

import cmath
import math

import numpy as np
from numba import njit

from physics.equations.advection_dispersion.analytic_sum_kernels import closed_sums, open_sums, plain_sums, turns

_EXPONENT = 36.0  # exp(-36) is left out: both of the tail and of the aliases
_COUNTS = np.array([16, 24, 32])  # points; whole registers, two in flight
_MOST = 32
_WIDTHS = 2.0 * math.sqrt(_EXPONENT) / _COUNTS
_TURNS = 2.0 * np.pi / _WIDTHS
_REACH = 2.0 * (_TURNS - np.sqrt(_TURNS**2 - _EXPONENT))  # the distance that each count needs
_CLEAR = _REACH[-1]
_GAUSS = np.exp(-((0.5 * _WIDTHS[:, None] * (np.arange(_MOST) + 0.5)) ** 2))
_ROUNDED = 1.0 + 1e-9
_TINY = 1e-30  # of the complex step, which loses no digit
_WHOLE = 40.0  # exp(-40) beside one is rounding

_FAST = {"contract", "reassoc", "nsz"}  # as for the sums

PECLET, TIME, PLACE, DAMKOHLER, STEP = range(5)
_PARTS = 5
LENGTH, VELOCITY, DISPERSION, RETARDATION, DECAY, POSITION, DURATION, MOMENT = range(8)
NAMES = ("length", "velocity", "dispersion", "retardation", "decay", "position", "pulse_duration")


@njit(cache=True, nogil=True, error_model="numpy")
def _steady(peclet, damkohler, place, first_type, closed, flux):
    """Return the residue of the pole, of complex numbers."""
    beta = cmath.sqrt(1.0 + 4.0 * damkohler / peclet)
    ahead, behind = 0.5 * (1.0 + beta), 0.5 * (1.0 - beta)
    here, far = 0.0j, 0.0j
    if closed:
        echo = 4.0 * damkohler / (peclet * (beta + 1.0) ** 2)  # (beta - 1) / (beta + 1), to all digits
        here = echo * cmath.exp(-peclet * beta * (1.0 - place))
        far = echo * cmath.exp(-peclet * beta)
    reading = ahead + behind * here if flux else 1.0 + here
    inlet = 1.0 + far if first_type else ahead + behind * far
    return reading / inlet * cmath.exp(-2.0 * damkohler * place / (1.0 + beta))  # Pe X (1 - beta) / 2, to all digits


@njit(cache=True, nogil=True, error_model="numpy")
def _residue(peclet, damkohler, place, first_type, closed, flux, decays, slopes):
    """Return the steady state; write its derivatives to `slopes`, shape (4,)."""
    slopes[:] = 0.0
    if not decays:
        return 1.0
    tilt = 1j * _TINY
    slopes[DAMKOHLER] = _steady(peclet + 0j, damkohler + tilt, place + 0j, first_type, closed, flux).imag / _TINY
    if damkohler == 0.0:
        return 1.0
    slopes[PECLET] = _steady(peclet + tilt, damkohler + 0j, place + 0j, first_type, closed, flux).imag / _TINY
    slopes[PLACE] = _steady(peclet + 0j, damkohler + 0j, place + tilt, first_type, closed, flux).imag / _TINY
    return _steady(peclet + 0j, damkohler + 0j, place + 0j, first_type, closed, flux).real


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _lines(peclet, place, damkohler, left, since, line, aside, room, height):
    """Write each time's path, its distance from the saddle, the unit of length and the logarithm of the height."""
    for i in range(len(since)):
        time = max(since[i], 1e-300)
        room[i] = 1.0 / math.sqrt(peclet * time)
        saddle = place / time
        line[i] = max(saddle, left + _CLEAR * room[i])
        aside[i], ahead = line[i] - saddle, place - time
        height[i] = 0.25 * peclet * (time * aside[i] * aside[i] - ahead * ahead / time) - damkohler * time


@njit(cache=True, nogil=True, error_model="numpy")
def _steps(peclet, place, damkohler, first_type, closed, flux, decays, since, memory, tables, parts):
    """Write the step response at the times `since` and its derivatives by Pe, T, X and Da to `parts`, (5, times).

    Args:
        place: 1 where the column is open.
        decays: Da is not zero, or its derivative is asked for.
        memory, tables: room for (4, times) and (6, 32) numbers; the first two rows of the second are 1 and 0
            between calls.
    """
    line, aside, room, height = memory[0], memory[1], memory[2], memory[3]
    swing, swing_i, wave, wave_i, echo, echo_i = tables[0], tables[1], tables[2], tables[3], tables[4], tables[5]
    steady_slopes = tables[6]
    steady = _residue(peclet, damkohler, place, first_type, closed, flux, decays, steady_slopes)
    pole, power = math.sqrt(1.0 + 4.0 * damkohler / peclet), int(flux) + int(first_type) - 1
    left = 0.0 if closed else -min(pole, 1.0)  # of the line: where the other singularities are
    _lines(peclet, place, damkohler, left, since, line, aside, room, height)
    by_place = 0.0
    for i in range(len(since)):
        time = since[i]
        if not time > 0.0:
            for j in range(_PARTS):
                parts[j, i] = 0.0 * time
            continue
        kind = 0
        while _REACH[kind] * room[i] > (line[i] - left) * _ROUNDED:
            kind += 1
        spacing, turn = _WIDTHS[kind] * room[i], _TURNS[kind] / room[i]
        size = math.exp(height[i]) * spacing * (2.0 / math.pi)
        value, by_peclet, by_time, by_damkohler = 0.0, 0.0, 0.0, 0.0
        if size > 0.0:
            count, gauss = _COUNTS[kind], _GAUSS[kind]
            if aside[i] != 0.0:
                turns(1.0, 0.5 * peclet * time * aside[i] * spacing, count, swing, swing_i)
            if closed:
                angle = peclet * (1.0 - place)
                turns(math.exp(-angle * line[i]), -angle * spacing, count, wave, wave_i)
                turns(math.exp(-peclet * line[i]), -peclet * spacing, count, echo, echo_i)
                value, by_peclet, by_time, by_damkohler, by_place = closed_sums(
                    peclet, time, place, pole, line[i], spacing, count, gauss, first_type, flux,
                    swing, swing_i, wave, wave_i, echo, echo_i,
                )  # fmt: skip
            elif aside[i] == 0.0 and not decays:
                value, by_peclet, by_time = plain_sums(time, line[i], spacing, count, gauss, power)
            else:
                value, by_peclet, by_time, by_damkohler = open_sums(
                    peclet, time, pole, line[i], spacing, count, gauss, power, decays, swing, swing_i
                )
            if aside[i] != 0.0:
                swing[:] = 1.0
                swing_i[:] = 0.0
        across, share, tilt = turn * (pole - line[i]), 0.0, 0.0
        if across > _WHOLE:
            share = 1.0
        elif across > -2.0 * _TURNS[kind] ** 2:  # else the aliases do not reach the pole
            share = 1.0 / (1.0 + math.exp(-across))
            tilt = steady * share * (1.0 - share) * turn * 2.0 / (peclet * pole)  # by beta_0, and that by Da
        parts[STEP, i] = size * value + share * steady
        parts[PECLET, i] = size * by_peclet + share * steady_slopes[PECLET] - tilt * damkohler / peclet
        parts[TIME, i] = size * 0.25 * peclet * by_time
        parts[PLACE, i] = size * peclet * by_place + share * steady_slopes[PLACE]
        parts[DAMKOHLER, i] = size * by_damkohler + share * steady_slopes[DAMKOHLER] + tilt


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _leach(damkohler, since, parts):
    """Turn the step response without decay into exp(-Da T) (1 - S)."""
    for i in range(len(since)):
        kept = math.exp(-damkohler * since[i])
        value = kept * (1.0 - parts[STEP, i])
        for j in range(4):
            parts[j, i] *= -kept
        parts[STEP, i] = value
        parts[TIME, i] -= damkohler * value
        parts[DAMKOHLER, i] = -since[i] * value


@njit(cache=True, nogil=True, error_model="numpy")
def _chain(name, row, peclet, place, damkohler, reference, inside, closed):
    """Return what Pe, T (times T), X and Da change with one of the names, or with the time (times T)."""
    velocity, end = row[VELOCITY], LENGTH if closed else POSITION
    if name == VELOCITY:
        return peclet / velocity, 1.0 / velocity, 0.0, -damkohler / velocity
    if name == DISPERSION:
        return -peclet / row[DISPERSION], 0.0, 0.0, 0.0
    if name == RETARDATION:
        return 0.0, -1.0 / row[RETARDATION], 0.0, 0.0
    if name == DECAY:
        return 0.0, 0.0, 0.0, reference / velocity
    if name == end:
        by_place = -place / reference if inside else 0.0
        return peclet / reference, -1.0 / reference, by_place, damkohler / reference
    return 0.0, 0.0, 1.0 / reference if inside and name == POSITION else 0.0, 0.0


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _combine(by_peclet, by_time, by_place, by_damkohler, since, parts, sign, out):
    """Add the sums over the parts to one derivative, shape (times,)."""
    by_peclet, by_time, by_place, by_damkohler = sign * by_peclet, sign * by_time, sign * by_place, sign * by_damkohler
    for i in range(len(since)):
        out[i] += (
            by_peclet * parts[PECLET, i] + by_time * since[i] * parts[TIME, i]
            + by_place * parts[PLACE, i] + by_damkohler * parts[DAMKOHLER, i]
        )  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy")
def column(
    row, times, first_type, closed, flux, inside, pulse, leach, decaying, wanted, memory, tables, value, slopes
):  # fmt: skip
    """Write one curve, shape (times,), and its derivatives.

    Args:
        row: in the order of `NAMES`, shape (7,).
        times: seconds, shape (times,).
        inside: the sensor stands within a closed column.
        decaying: whether the derivative by the decay is asked for.
        wanted: the derivatives to write, of `NAMES` and the time (`MOMENT`).
        memory, tables: of `workspace`.
        slopes: written, shape (wanted, times).
    """
    reference = row[LENGTH] if closed else row[POSITION]
    place = row[POSITION] / reference if inside else 1.0
    unit = row[RETARDATION] * reference / row[VELOCITY]
    peclet, damkohler = row[VELOCITY] * reference / row[DISPERSION], row[DECAY] * reference / row[VELOCITY]
    rate = 0.0 if leach else damkohler
    since, parts = memory[0], memory[5:]
    value[:] = 0.0
    slopes[:] = 0.0
    for front in range(2 if pulse else 1):
        sign, begun = (-1.0, row[DURATION]) if front else (1.0, 0.0)
        for i in range(len(times)):
            since[i] = (times[i] - begun) / unit
        _steps(
            peclet, place, rate, first_type, closed, flux, rate != 0.0 or decaying, since, memory[1:5], tables, parts
        )
        if leach:
            _leach(damkohler, since, parts)
        for i in range(len(times)):
            value[i] += sign * parts[STEP, i]
        for j in range(len(wanted)):
            name = wanted[j]
            if name == MOMENT or (name == DURATION and front):
                by = (sign if name == MOMENT else 1.0) / unit
                for i in range(len(times)):
                    slopes[j, i] += by * parts[TIME, i]
            elif name != DURATION:
                by = _chain(name, row, peclet, place, damkohler, reference, inside, closed)
                _combine(by[0], by[1], by[2], by[3], since, parts, sign, slopes[j])


@njit(cache=True, nogil=True, error_model="numpy")
def workspace(count):
    """Return the memory of `column` for so many times."""
    tables = np.zeros((7, _MOST))
    tables[0] = 1.0
    return np.empty((5 + _PARTS, count)), tables


@njit(cache=True, nogil=True, error_model="numpy")
def curves(
    columns, times, first_type, closed, flux, inside, pulse, leach, derive, decaying, first, last, values, slopes
):
    """Write the curves of columns `first` to `last`, and with `derive` their derivatives by `NAMES` and the time.

    Args:
        columns: in the order of `NAMES`, shape (batch, 7).
        times, inside, decaying: as in `column`.
        values, slopes: written, shapes (batch, times) and (batch, times, 8).
    """
    memory, tables = workspace(len(times))
    wanted = np.arange(8 if derive else 0)
    by = np.empty((len(wanted), len(times)))
    for b in range(first, last):
        column(
            columns[b], times, first_type, closed, flux, inside, pulse, leach, decaying, wanted, memory, tables,
            values[b], by,
        )  # fmt: skip
        for i in range(len(times)):
            for j in range(len(wanted)):
                slopes[b, i, j] = by[j, i]
