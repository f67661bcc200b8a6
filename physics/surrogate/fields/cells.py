"""Fields on the points of a regime, and the same numbers on cells of a few points each: fewer places, more channels.

A cell holds its points side by side along the channels, so that nothing is lost. What a decoder costs follows the
places, and it is fewer of them that it has to be wide on.

Source: W. Shi et al., Real-time single image and video super-resolution using an efficient sub-pixel convolutional
neural network, CVPR 2016, doi:10.1109/CVPR.2016.207 (the way back).
"""

from __future__ import annotations

from torch import Tensor


def gathered(fields: Tensor, size: int) -> Tensor:
    """Return cells (..., nx / size, ny / size, size * size * channels) of points (..., nx, ny, channels).

    A field of one point along the second axis has cells of one point there.
    """
    *lead, nx, ny, width = fields.shape
    wide = size if ny > 1 else 1
    cut = fields.reshape(*lead, nx // size, size, ny // wide, wide, width).transpose(-4, -3)
    return cut.reshape(*lead, nx // size, ny // wide, size * wide * width)


def spread(cells: Tensor, size: int, ny: int) -> Tensor:
    """Return the points (batch, nx, ny, channels) of cells (batch, nx / size, ny / size, size * size * channels)."""
    batch, mx, my, _ = cells.shape
    wide = size if ny > 1 else 1
    return cells.reshape(batch, mx, my, size, wide, -1).transpose(2, 3).reshape(batch, mx * size, ny, -1)
