"""What every output of Gray-Scott must keep, of a solver and of a surrogate alike.

    <A> = fed - reacted + constant             <B> = reacted - drained + constant
    d fed / dt = F (1 - <A>),  d reacted / dt = <A B^2>,  d drained / dt = (F + k) <B>
    0 <= A <= 1,  0 <= B <= max(1, D_a / D_b),  <A> + <B> <= 1

A stays below that of the feed since its source is then negative, and so does <A> + <B>, which is fed with 1 - <A> -
<B> and loses the rest. The bound of B holds where a pattern rests: D_a A + D_b B is largest where (F + k) B <= F
(1 - A). From a single spot the fields keep the mirror lines of the square.

The bounds are those of the equation; on a grid that cuts fronts short the fields ring about them, by about the root
mean square of what stands in the last third of their wavenumbers, which is allowed besides `UNDERSHOOT`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from physics.equations.gray_scott.scheme import Rates, movement, spectrum
from physics.validate.bounds import bounded, outside
from physics.validate.conservation import accumulates, closure, imbalance
from physics.validate.law import Kind, Law, Sample, worst
from physics.validate.monotonicity import monotone

UNDERSHOOT = 1e-3
ROUND_OFF = 1e-9
LOPSIDED = 1e-5  # what rounding may grow to while a pattern forms
_FEW = 5  # times, from which an integral over them means something


def _column(value: Tensor) -> Tensor:
    """Give a number of shape () or (batch,) the shape (batch, 1)."""
    return value.reshape(-1, 1)


def _balance(species: str, gain: str, loss: str) -> Law:
    mean = f"mean_{species}"

    def departure(sample: Sample) -> Tensor:
        # Totals count from the start of the run, which need not be among the times.
        held, come, gone = (sample.values(name) for name in (mean, gain, loss))
        held_first, come_first, gone_first = (value[:, :1].expand_as(value) for value in (held, come, gone))
        return closure([come, held_first, gone_first], [gone, held, come_first])

    return Law(
        f"balance of {species.upper()}",
        Kind.CONSERVATION,
        "",
        f"{gain} - {loss} less the change of {mean}, over the amount turned over",
        departure,
        lambda sample: ROUND_OFF,
        (mean, gain, loss),
    )


def _fed(sample: Sample) -> Tensor:
    return _column(sample.number("feed")) * (1.0 - sample.values("mean_a"))


def _drained(sample: Sample) -> Tensor:
    return _column(sample.number("feed") + sample.number("kill")) * sample.values("mean_b")


def _made(sample: Sample) -> Tensor:
    """Return <A B^2> at the times of the fields, shape (batch, frames)."""
    return (sample.values("a") * sample.values("b") ** 2).mean((-2, -1))


def _shared(sample: Sample, field: str, curve: str) -> tuple[Tensor, Tensor]:
    """Return the places among the times of a field and of a curve that are the same time."""
    at, among = sample.outputs[field].time, sample.outputs[curve].time
    if at is None or among is None:
        return torch.empty(0, dtype=torch.long), torch.empty(0, dtype=torch.long)
    frame, time = ((at[:, None] - among).abs() <= 1e-9 * among.abs().max()).nonzero(as_tuple=True)
    return frame, time


def _mean_of_field(species: str) -> Law:
    """The mean of the field is the mean that the curve gives, at the times that both have."""

    def departure(sample: Sample) -> Tensor | None:
        frame, time = _shared(sample, species, f"mean_{species}")
        if len(frame) == 0:
            return None
        field = sample.values(species).mean((-2, -1))
        return worst((field[:, frame] - sample.values(f"mean_{species}")[:, time]).abs())

    return Law(
        f"mean of the field of {species.upper()}",
        Kind.CONSERVATION,
        "",
        f"the mean of the field {species} less mean_{species}",
        departure,
        lambda sample: ROUND_OFF,
        (species, f"mean_{species}"),
    )


def _movement() -> Law:
    """The curve `change` is what the equation says of the fields, at the times that both have."""

    def departure(sample: Sample) -> Tensor | None:
        frame, time = _shared(sample, "b", "change")
        if len(frame) == 0:
            return None
        fields = torch.stack([sample.values("a"), sample.values("b")], 2)[:, frame]
        batch = len(fields)
        rates = Rates(*(sample.number(name).expand(batch).to(fields) for name in Rates._fields))
        said = sample.values("change")[:, time]
        told = [movement(spectrum(fields[:, n]), rates) for n in range(len(frame))]
        return worst((torch.stack(told, 1) - said).abs())

    return Law(
        "change is that of the fields",
        Kind.CONSTRAINT,
        "",
        "change less what the equation says of the fields a and b",
        departure,
        lambda sample: ROUND_OFF,
        ("a", "b", "change"),
    )


def _field_balance(species: str, rate: Callable[[Sample], Tensor]) -> Law:
    """The species balance from the fields alone, as good as their times are close."""

    def parts(sample: Sample) -> tuple[Tensor, Tensor] | None:
        time = sample.outputs[species].time
        if time is None or len(time) < _FEW:
            return None
        return imbalance(sample.values(species).mean((-2, -1)), rate(sample), time)

    def departure(sample: Sample) -> Tensor | None:
        found = parts(sample)
        return None if found is None else found[0]

    def limit(sample: Sample) -> float | Tensor:
        found = parts(sample)
        return 0.0 if found is None else found[1]

    return Law(
        f"balance of {species.upper()} in the fields",
        Kind.CONSERVATION,
        "",
        f"change of the mean of {species} less the integral of its sources, over the amount turned over",
        departure,
        limit,
        ("a", "b"),
    )


def _source_a(sample: Sample) -> Tensor:
    mean = sample.values("a").mean((-2, -1))
    return _column(sample.number("feed")) * (1.0 - mean) - _made(sample)


def _source_b(sample: Sample) -> Tensor:
    mean = sample.values("b").mean((-2, -1))
    return _made(sample) - _column(sample.number("feed") + sample.number("kill")) * mean


def _reacted() -> Law:
    """The reaction is the integral of <A B^2> over the fields, where they stand at the curve's own times."""
    inner = accumulates("reacted", _made, ("a", "b"), name="reacted is the integral of A B^2")

    def departure(sample: Sample) -> Tensor | None:
        at, among = sample.outputs["a"].time, sample.outputs["reacted"].time
        alike = at is not None and among is not None and at.shape == among.shape and bool((at == among).all())
        return inner.departure(sample) if alike else None

    return Law(inner.name, inner.kind, inner.unit, inner.meaning, departure, inner.limit, inner.needs)


def _ringing(species: str) -> Callable[[Sample], Tensor]:
    def slack(sample: Sample) -> Tensor:
        values = sample.values(species)
        cells = values.shape[-1]
        along = torch.fft.fftfreq(cells, 1.0 / cells, dtype=values.dtype, device=values.device)
        beyond = along[:, None] ** 2 + along**2 > (cells / 3.0) ** 2
        power = (torch.fft.fft2(values, norm="forward").abs() ** 2 * beyond).sum((-2, -1))
        return UNDERSHOOT + power.amax(-1).sqrt()

    return slack


def _most_b(sample: Sample) -> Tensor:
    return (sample.number("diffusion_a") / sample.number("diffusion_b")).clamp(min=1.0)


def _together(sample: Sample) -> Tensor:
    total = sample.values("mean_a") + sample.values("mean_b")
    return outside(total, 0.0, 1.0)


def _lopsided(species: str) -> Law:
    """From one spot alone, in the middle, the field keeps the mirror lines of the square and its diagonals."""

    def departure(sample: Sample) -> Tensor | None:
        if bool((sample.number("spots") != 1).any()):
            return None
        values = sample.values(species)
        images = [torch.roll(values.flip(dims), [1] * len(dims), dims) for dims in ((-2,), (-1,), (-2, -1))]
        gap = torch.stack([worst((values - image).abs()) for image in [*images, values.mT]]).amax(0)
        return gap / values.flatten(-2).std(-1).amax(-1).clamp(min=1e-3)

    return Law(
        f"symmetry of {species.upper()} about its spot",
        Kind.SYMMETRY,
        "",
        f"how far the field {species} is from its mirror images, over its spread",
        departure,
        lambda sample: LOPSIDED + 10.0 * sample.tolerance,
        (species,),
    )


LAWS: tuple[Law, ...] = (
    _balance("a", "fed", "reacted"),
    _balance("b", "reacted", "drained"),
    accumulates("fed", _fed, ("mean_a",), name="fed is the integral of F (1 - A)"),
    accumulates("drained", _drained, ("mean_b",), name="drained is the integral of (F + k) B"),
    _reacted(),
    _mean_of_field("a"),
    _mean_of_field("b"),
    _movement(),
    _field_balance("a", _source_a),
    _field_balance("b", _source_b),
    bounded("a", 0.0, 1.0, slack=_ringing("a"), name="A between none and the feed's"),
    bounded("b", 0.0, _most_b, slack=_ringing("b"), name="B from none to its bound"),
    bounded("mean_a", 0.0, 1.0, slack=ROUND_OFF, name="mean of A between none and the feed's"),
    bounded("mean_b", 0.0, 1.0, slack=ROUND_OFF, name="mean of B from none to the feed's"),
    Law(
        "A and B together",
        Kind.POSITIVITY,
        "",
        "how far mean_a + mean_b lies above the feed's",
        _together,
        lambda sample: ROUND_OFF,
        ("mean_a", "mean_b"),
    ),
    *(monotone(name, slack=ROUND_OFF) for name in ("fed", "reacted", "drained")),
    _lopsided("a"),
    _lopsided("b"),
)
