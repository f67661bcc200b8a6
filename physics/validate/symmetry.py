"""Symmetries of a field: mirrored, shifted or turned it is itself, or its negative."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from physics.validate.bounds import Bound, resolve
from physics.validate.law import Kind, Law, Sample, worst


def size(values: Tensor) -> Tensor:
    """Return the span of each member's values about their mean, the scale of a broken symmetry, shape (batch,)."""
    flat = values.reshape(values.shape[0], -1)
    return (flat.amax(-1) - flat.amin(-1)).clamp_min(1e-300)


def asymmetry(values: Tensor, image: Tensor) -> Tensor:
    """Return the largest difference of a field and its image over the span of its values, shape (batch,)."""
    return worst((values - image).abs()) / size(values)


def mirrored(values: Tensor, dims: Sequence[int], signs: Tensor | float = 1.0, about: float = 0.0) -> Tensor:
    """Return the field mirrored along `dims`; values change sign about `about` where `signs` says so.

    `signs` is one number, or one for each component of a vector field, shape (components,).
    """
    return about + signs * (values.flip(tuple(dims)) - about)


def symmetric(
    output: str,
    image: Callable[[Tensor, Sample], Tensor],
    what: str,
    *,
    limit: Bound,
    where: Callable[[Sample], bool] | None = None,
) -> Law:
    """The field equals its `image(values, sample)` but for `limit`, relative to the span of its values."""

    def departure(sample: Sample) -> Tensor | None:
        if where is not None and not where(sample):
            return None
        values = sample.values(output)
        return asymmetry(values, image(values, sample))

    def bound(sample: Sample) -> float | Tensor:
        found = resolve(limit, sample)
        return sample.tolerance if found is None else found

    return Law(
        f"{output} is {what}",
        Kind.SYMMETRY,
        "",
        f"how far {output} is from being {what}, over the span of its values",
        departure,
        bound,
        (output,),
    )


def mirror(
    output: str,
    axes: Sequence[str],
    *,
    odd: Sequence[str] = (),
    sign: float = 1.0,
    about: float = 0.0,
    limit: Bound,
    where: Callable[[Sample], bool] | None = None,
) -> Law:
    """The field is its mirror image along `axes` together (two axes: a half turn).

    A scalar is multiplied by `sign` about `about`; of a vector the components named in `odd` change sign.
    """

    def image(values: Tensor, sample: Sample) -> Tensor:
        components = sample.outputs[output].components
        signs = torch.tensor([-1.0 if each in odd else 1.0 for each in components], dtype=values.dtype)
        dims = [sample.axis(output, axis) for axis in axes]
        return mirrored(values, dims, signs.to(values.device) if components else sign, about)

    return symmetric(output, image, f"mirrored along {' and '.join(axes)}", limit=limit, where=where)


def quarter_turn(output: str, axes: tuple[str, str], *, limit: Bound) -> Law:
    """The scalar field is itself after a quarter turn in the plane of `axes`."""

    def image(values: Tensor, sample: Sample) -> Tensor:
        return torch.rot90(values, 1, (sample.axis(output, axes[0]), sample.axis(output, axes[1])))

    return symmetric(output, image, "the same after a quarter turn", limit=limit)
