"""The step response of `exact` and its derivatives, compiled.

On the line beta = b + i y the trapezoidal points are y_k = k h with h = 2 pi / (33 sqrt(Pe T)), so that the
Gaussian exp(-Pe T y_k^2 / 4) = exp(-(pi k / 33)^2) is one table for every column and time, and the other
exponentials turn by a constant angle from point to point: the sum needs no exponential of its own. The derivatives
are those of the integrand at a fixed path, which the integral does not depend on, and of the residue of the pole.
"""

from __future__ import annotations

import cmath
import math

import numpy as np
from numba import njit

_DIGITS = 33.0  # exp(-33) is left out: both of the tail and of the aliases
_POINTS = 64
_GAUSS = np.exp(-((np.pi * np.arange(_POINTS) / _DIGITS) ** 2))
_GAUSS[0] = 0.5  # the trapezoid's end
_TINY = 1e-30  # of the complex step, which loses no digit

_FAST = {"contract", "reassoc", "nsz"}  # sums in any order, so that points share a register

PECLET, TIME, PLACE, DAMKOHLER = range(4)


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


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _turns(start, angle, real, imaginary):
    """Write start exp(i angle k) for every point k; eight steps at once, so that eight are in flight."""
    c, s = math.cos(angle), math.sin(angle)
    real[0], imaginary[0] = start, 0.0
    for k in range(1, 8):
        real[k] = real[k - 1] * c - imaginary[k - 1] * s
        imaginary[k] = real[k - 1] * s + imaginary[k - 1] * c
    for _ in range(3):
        c, s = c * c - s * s, 2.0 * c * s
    for k in range(8, _POINTS):
        real[k] = real[k - 8] * c - imaginary[k - 8] * s
        imaginary[k] = real[k - 8] * s + imaginary[k - 8] * c


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _open_sums(peclet, time, pole_square, line, spacing, power, decays, swing, swing_i):
    """Return the sums of the value and of its derivatives by Pe, T and Da where the column goes on.

    There reading over inlet is ((1 + beta) / 2)^power, with the power -1, 0 or 1.
    """
    drift, bend = (1.0 - pole_square) / peclet, 4.0 / peclet
    value, by_peclet, by_time, by_damkohler = 0.0, 0.0, 0.0, 0.0
    for k in range(_POINTS):
        y = k * spacing
        square, square_i = line * line - y * y, 2.0 * line * y
        far = square - pole_square
        size = far * far + square_i * square_i
        weight, weight_i = swing[k] * line - swing_i[k] * y, swing[k] * y + swing_i[k] * line
        ahead, ahead_i = 0.5 * (1.0 + line), 0.5 * y
        if power < 0:
            other = ahead * ahead + ahead_i * ahead_i
            both = 1.0 / (size * other)  # one division for two
            near, near_i = far * other * both, -square_i * other * both
            scale = _GAUSS[k] * size * both
            whole = (weight * ahead + weight_i * ahead_i) * scale
            whole_i = (weight_i * ahead - weight * ahead_i) * scale
        else:
            both = 1.0 / size
            near, near_i = far * both, -square_i * both
            if power > 0:
                weight, weight_i = weight * ahead - weight_i * ahead_i, weight * ahead_i + weight_i * ahead
            whole, whole_i = _GAUSS[k] * weight, _GAUSS[k] * weight_i
        part, part_i = whole * near - whole_i * near_i, whole * near_i + whole_i * near
        value += part
        by_time += whole
        tilt, tilt_i = 0.25 * time * (square - 1.0) + 0.5 * (1.0 - line), 0.25 * time * square_i - 0.5 * y
        if decays:
            by_damkohler += part * (bend * near - time) - part_i * bend * near_i
            tilt, tilt_i = tilt + drift * near, tilt_i + drift * near_i
        by_peclet += part * tilt - part_i * tilt_i
    return value, by_peclet, by_time, by_damkohler


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _closed_sums(
    peclet, time, place, pole_square, line, spacing, first_type, flux, swing, swing_i, wave, wave_i, echo, echo_i
):
    """Return the sums of the value and of its derivatives by Pe, T, Da and X where the column ends at 1.

    Args:
        swing, wave, echo: the tables of exp(i phase k), exp(-Pe beta (1 - X)) and exp(-Pe beta).
    """
    f, h = 1.0 if flux else 0.0, 1.0 if first_type else 0.0
    drift, bend = (1.0 - pole_square) / peclet, 4.0 / peclet
    value, by_peclet, by_time, by_damkohler, by_place = 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(_POINTS):
        y = k * spacing
        ahead, ahead_i, behind, behind_i = 0.5 * (1.0 + line), 0.5 * y, 0.5 * (1.0 - line), -0.5 * y
        square, square_i = line * line - y * y, 2.0 * line * y
        size = 1.0 / ((1.0 + line) * (1.0 + line) + y * y)
        mirror, mirror_i = (square + y * y + y * y - 1.0) * size, 2.0 * y * size  # (beta - 1) / (beta + 1)
        back, back_i = mirror * wave[k] - mirror_i * wave_i[k], mirror * wave_i[k] + mirror_i * wave[k]
        shade, shade_i = mirror * echo[k] - mirror_i * echo_i[k], mirror * echo_i[k] + mirror_i * echo[k]
        toward, toward_i = (1.0 - f) + f * behind, f * behind_i
        moved, moved_i = back * toward - back_i * toward_i, back * toward_i + back_i * toward
        toward, toward_i = h + (1.0 - h) * behind, (1.0 - h) * behind_i
        shaded, shaded_i = shade * toward - shade_i * toward_i, shade * toward_i + shade_i * toward
        reading, reading_i = (1.0 - f) + f * ahead + moved, f * ahead_i + moved_i
        inlet, inlet_i = h + (1.0 - h) * ahead + shaded, (1.0 - h) * ahead_i + shaded_i
        far = square - pole_square
        size, other = far * far + square_i * square_i, inlet * inlet + inlet_i * inlet_i
        both = 1.0 / (size * other)  # one division for two
        near, near_i = far * other * both, -square_i * other * both
        over, over_i = inlet * size * both, -inlet_i * size * both
        ratio, ratio_i = reading * over - reading_i * over_i, reading * over_i + reading_i * over
        beam = _GAUSS[k] * (swing[k] * line - swing_i[k] * y)
        beam_i = _GAUSS[k] * (swing[k] * y + swing_i[k] * line)
        weight, weight_i = beam * near - beam_i * near_i, beam * near_i + beam_i * near
        part, part_i = weight * ratio - weight_i * ratio_i, weight * ratio_i + weight_i * ratio
        value += part
        by_time += beam * ratio - beam_i * ratio_i
        tilt = 0.25 * time * (square - 1.0) + place * behind + drift * near
        by_peclet += part * tilt - part_i * (0.25 * time * square_i + place * behind_i + drift * near_i)
        by_damkohler += part * (bend * near - time) - part_i * bend * near_i
        # What the echo adds: of its own exponent, by Pe and by X.
        gain, gain_i = ratio * shaded - ratio_i * shaded_i, ratio * shaded_i + ratio_i * shaded
        less, less_i = gain - (1.0 - place) * moved, gain_i - (1.0 - place) * moved_i
        turned, turned_i = less * line - less_i * y, less * y + less_i * line
        pull, pull_i = moved * line - moved_i * y, moved * y + moved_i * line
        beam, beam_i = weight * over - weight_i * over_i, weight * over_i + weight_i * over
        by_peclet += beam * turned - beam_i * turned_i
        by_place += part * behind - part_i * behind_i + beam * pull - beam_i * pull_i
    return value, by_peclet, by_time, by_damkohler, by_place


@njit(cache=True, nogil=True, error_model="numpy")
def step(peclet, time, place, damkohler, first_type, closed, flux, decays, steady, steady_slopes, tables, slopes):
    """Return the step response; write its derivatives by Pe, T, X and Da to `slopes`, shape (4,).

    Args:
        place: 1 where the column is open.
        decays: Da is not zero, or its derivative is asked for.
        steady, steady_slopes: of `residue`.
        tables: memory, shape (6, points); the first two rows are 1 and 0 between calls.
    """
    slopes[:] = 0.0
    if time <= 0.0:
        return 0.0
    pole_square = 1.0 + 4.0 * damkohler / peclet
    pole, saddle = math.sqrt(pole_square), place / time
    room = 1.0 / math.sqrt(peclet * time)
    left = saddle < pole and room < 0.4 * pole
    line = min(max(saddle, room), pole - room) if left else max(saddle, pole + room)
    spacing, aside = 2.0 * math.pi * room / _DIGITS, line - saddle
    height = math.exp(0.25 * peclet * time * aside**2 - 0.25 * peclet * (place - time) ** 2 / time - damkohler * time)
    if height > 0.0:
        height *= (2.0 / math.pi) * spacing
        swing, swing_i = tables[0], tables[1]
        if aside != 0.0:
            _turns(1.0, math.pi / _DIGITS * aside / room, swing, swing_i)
        if closed:
            angle = peclet * (1.0 - place)
            _turns(math.exp(-angle * line), -angle * spacing, tables[2], tables[3])
            _turns(math.exp(-peclet * line), -peclet * spacing, tables[4], tables[5])
            value, by_peclet, by_time, by_damkohler, by_place = _closed_sums(
                peclet, time, place, pole_square, line, spacing, first_type, flux,
                swing, swing_i, tables[2], tables[3], tables[4], tables[5],
            )  # fmt: skip
            slopes[PLACE] = height * peclet * by_place
        else:
            value, by_peclet, by_time, by_damkohler = _open_sums(
                peclet, time, pole_square, line, spacing, int(flux) + int(first_type) - 1, decays, swing, swing_i
            )
        value *= height
        slopes[PECLET] = height * by_peclet
        slopes[TIME] = height * 0.25 * peclet * by_time
        slopes[DAMKOHLER] = height * by_damkohler
        if aside != 0.0:
            swing[:] = 1.0
            swing_i[:] = 0.0
    else:
        value = 0.0
    if left:
        value += steady
        for j in range(4):
            slopes[j] += steady_slopes[j]
    return value


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
def curves(
    columns, times, first_type, closed, flux, inside, pulse, leach, derive, decaying, first, last, values, slopes
):
    """Write the curves of columns `first` to `last`, and their derivatives by `NAMES` and the time.

    Args:
        columns: in the order of `NAMES`, shape (batch, 7).
        times: seconds, shape (times,).
        inside: the sensor stands within a closed column.
        decaying: whether the derivative by the decay is asked for.
        values, slopes: written, shapes (batch, times) and (batch, times, 8).
    """
    steady_slopes, step_slopes, tables = np.zeros(4), np.zeros(4), np.zeros((6, _POINTS))
    tables[0] = 1.0
    for b in range(first, last):
        row = columns[b]
        reference = row[LENGTH] if closed else row[POSITION]
        place = row[POSITION] / reference if inside else 1.0
        unit = row[RETARDATION] * reference / row[VELOCITY]
        peclet, damkohler = row[VELOCITY] * reference / row[DISPERSION], row[DECAY] * reference / row[VELOCITY]
        rate = 0.0 if leach else damkohler
        decays = rate > 0.0 or decaying
        steady = residue(peclet, rate, place, first_type, closed, flux, steady_slopes)
        for i in range(len(times)):
            out = slopes[b, i]
            since = times[i] / unit
            value = step(
                peclet, since, place, rate, first_type, closed, flux, decays, steady, steady_slopes, tables, step_slopes
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
                    peclet,
                    since,
                    place,
                    rate,
                    first_type,
                    closed,
                    flux,
                    decays,
                    steady,
                    steady_slopes,
                    tables,
                    step_slopes,
                )
                if derive:
                    before = out[MOMENT]
                    _add(step_slopes, row, peclet, since, place, damkohler, reference, inside, closed, -1.0, out)
                    out[DURATION] = before - out[MOMENT]
            values[b, i] = value
