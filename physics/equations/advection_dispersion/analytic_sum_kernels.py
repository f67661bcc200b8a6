"""The sums of `analytic_kernels` over the points of its midpoint rule, compiled."""

from __future__ import annotations

import math

from numba import njit

_FAST = {"contract", "reassoc", "nsz"}  # sums in any order, so that points share a register


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def turns(size, angle, count, real, imaginary):
    """Write size exp(i angle (k + 1/2)) for every point k; four steps at once, so that four are in flight."""
    c, s = math.cos(0.5 * angle), math.sin(0.5 * angle)
    real[0], imaginary[0] = size * c, size * s
    c, s = c * c - s * s, 2.0 * c * s
    for k in range(1, 4):
        real[k] = real[k - 1] * c - imaginary[k - 1] * s
        imaginary[k] = real[k - 1] * s + imaginary[k - 1] * c
    for _ in range(2):
        c, s = c * c - s * s, 2.0 * c * s
    for k in range(4, count):
        real[k] = real[k - 4] * c - imaginary[k - 4] * s
        imaginary[k] = real[k - 4] * s + imaginary[k - 4] * c


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def plain_sums(time, line, spacing, count, gauss, power):
    """Return what `open_sums` does without decay and on a line through the saddle, in partial fractions.

    There beta_0 is 1, and with u = 1 / (1 + beta) and p = 1 / (beta - 1) the integrands by value, T and Pe are, power
    -1: (p - u) / 2 + u^2, 2 (1 - u) and 2 (u - u^2); 0: (p + u) / 2, beta and 1 - u; 1: (1 + p) / 2,
    beta (1 + beta) / 2 and beta / 2; the last one enters by Pe as T / 4 by_time - 1 / 2 of it.
    """
    above, below = line + 1.0, line - 1.0
    value, by_time, rest = 0.0, 0.0, 0.0
    for k in range(count):
        y = (k + 0.5) * spacing
        square = y * y
        size, other = above * above + square, below * below + square
        both = 1.0 / (size * other)  # one division for two
        u, near = above * other * both, below * size * both
        if power < 0:
            u_square = u * u - square * (other * both) * (other * both)
            value += gauss[k] * (0.5 * (near - u) + u_square)
            by_time += gauss[k] * (1.0 - u)
            rest += gauss[k] * (u - u_square)
        elif power == 0:
            value += gauss[k] * 0.5 * (near + u)
            by_time += gauss[k]
            rest += gauss[k] * (1.0 - u)
        else:
            value += gauss[k] * 0.5 * (1.0 + near)
            by_time += gauss[k] * (line * above - square)
            rest += gauss[k]
    if power < 0:
        by_time, rest = 2.0 * by_time, 2.0 * rest
    elif power == 0:
        by_time *= line
    else:
        by_time, rest = 0.5 * by_time, 0.5 * line * rest
    return value, 0.25 * time * by_time - 0.5 * rest, by_time


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def open_sums(peclet, time, pole, line, spacing, count, gauss, power, decays, swing, swing_i):
    """Return the sums of the value and of its derivatives by Pe, T and Da where the column goes on.

    There reading over inlet is ((1 + beta) / 2)^power, with the power -1, 0 or 1.
    """
    drift, bend = (1.0 - pole) * (1.0 + pole) / peclet, 4.0 / peclet
    gap, above = (line - pole) * (line + pole), (line - 1.0) * (line + 1.0)
    value, by_peclet, by_time, by_damkohler = 0.0, 0.0, 0.0, 0.0
    for k in range(count):
        y = (k + 0.5) * spacing
        far, square_i = gap - y * y, 2.0 * line * y
        size = far * far + square_i * square_i
        weight, weight_i = swing[k] * line - swing_i[k] * y, swing[k] * y + swing_i[k] * line
        ahead, ahead_i = 0.5 * (1.0 + line), 0.5 * y
        if power < 0:
            other = ahead * ahead + ahead_i * ahead_i
            both = 1.0 / (size * other)  # one division for two
            near, near_i = far * other * both, -square_i * other * both
            scale = gauss[k] * size * both
            whole = (weight * ahead + weight_i * ahead_i) * scale
            whole_i = (weight_i * ahead - weight * ahead_i) * scale
        else:
            both = 1.0 / size
            near, near_i = far * both, -square_i * both
            if power > 0:
                weight, weight_i = weight * ahead - weight_i * ahead_i, weight * ahead_i + weight_i * ahead
            whole, whole_i = gauss[k] * weight, gauss[k] * weight_i
        part, part_i = whole * near - whole_i * near_i, whole * near_i + whole_i * near
        value += part
        by_time += whole
        tilt, tilt_i = 0.25 * time * (above - y * y) + 0.5 * (1.0 - line), 0.25 * time * square_i - 0.5 * y
        if decays:
            by_damkohler += part * (bend * near - time) - part_i * bend * near_i
            tilt, tilt_i = tilt + drift * near, tilt_i + drift * near_i
        by_peclet += part * tilt - part_i * tilt_i
    return value, by_peclet, by_time, by_damkohler


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def closed_sums(
    peclet, time, place, pole, line, spacing, count, gauss, first_type, flux,
    swing, swing_i, wave, wave_i, echo, echo_i,
):  # fmt: skip
    """Return the sums of the value and of its derivatives by Pe, T, Da and X where the column ends at 1.

    Args:
        swing, wave, echo: the tables of exp(i phase k), exp(-Pe beta (1 - X)) and exp(-Pe beta).
    """
    f, h = 1.0 if flux else 0.0, 1.0 if first_type else 0.0
    drift, bend = (1.0 - pole) * (1.0 + pole) / peclet, 4.0 / peclet
    gap, above = (line - pole) * (line + pole), (line - 1.0) * (line + 1.0)
    value, by_peclet, by_time, by_damkohler, by_place = 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(count):
        y = (k + 0.5) * spacing
        ahead, ahead_i, behind, behind_i = 0.5 * (1.0 + line), 0.5 * y, 0.5 * (1.0 - line), -0.5 * y
        square, square_i = above - y * y, 2.0 * line * y  # beta^2 - 1
        size = 1.0 / ((1.0 + line) * (1.0 + line) + y * y)
        mirror, mirror_i = (above + y * y) * size, 2.0 * y * size  # (beta - 1) / (beta + 1)
        back, back_i = mirror * wave[k] - mirror_i * wave_i[k], mirror * wave_i[k] + mirror_i * wave[k]
        shade, shade_i = mirror * echo[k] - mirror_i * echo_i[k], mirror * echo_i[k] + mirror_i * echo[k]
        toward, toward_i = (1.0 - f) + f * behind, f * behind_i
        moved, moved_i = back * toward - back_i * toward_i, back * toward_i + back_i * toward
        toward, toward_i = h + (1.0 - h) * behind, (1.0 - h) * behind_i
        shaded, shaded_i = shade * toward - shade_i * toward_i, shade * toward_i + shade_i * toward
        reading, reading_i = (1.0 - f) + f * ahead + moved, f * ahead_i + moved_i
        inlet, inlet_i = h + (1.0 - h) * ahead + shaded, (1.0 - h) * ahead_i + shaded_i
        far = gap - y * y
        size, other = far * far + square_i * square_i, inlet * inlet + inlet_i * inlet_i
        both = 1.0 / (size * other)  # one division for two
        near, near_i = far * other * both, -square_i * other * both
        over, over_i = inlet * size * both, -inlet_i * size * both
        ratio, ratio_i = reading * over - reading_i * over_i, reading * over_i + reading_i * over
        beam = gauss[k] * (swing[k] * line - swing_i[k] * y)
        beam_i = gauss[k] * (swing[k] * y + swing_i[k] * line)
        weight, weight_i = beam * near - beam_i * near_i, beam * near_i + beam_i * near
        part, part_i = weight * ratio - weight_i * ratio_i, weight * ratio_i + weight_i * ratio
        value += part
        by_time += beam * ratio - beam_i * ratio_i
        tilt = 0.25 * time * square + place * behind + drift * near
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
