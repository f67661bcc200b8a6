"""What a training is made of; values only, kept beside the weights."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from physics.errors import ParameterError


@dataclass(frozen=True)
class Settings:
    """One training.

    Attributes:
        steps: of the optimiser, each on windows of one regime.
        points: of a batch, frames times grid points, from which follows how many windows it holds.
        rate: the largest learning rate, reached after `warm` steps and brought to zero along a cosine.
        orthogonal: the largest learning rate of hidden matrices, which move by Muon; 0 leaves them to AdamW.
        decay: of the weights.
        spectral: weight of the spectral loss.
        unrolled: share of the steps that predict from the model's own frames, from `unroll_from` of the training on.
        depth: the most frames that such a step rolls out before the one that it learns from (pushforward).
        noise: the most that is added to the frames seen, over the deviation of each channel; each window draws its own.
        temperature: of the curriculum; infinite draws all regimes alike, small the hardest alone.
        seed: of windows, regimes and weights.
        average: of the exponential mean of the weights that is kept.
        conservation: weight of the defect of what a run keeps, before it is projected; 0 leaves it out.
        jacobian: weight of the regularisation by local Jacobians; 0 leaves it out.
        solver: share of the unrolled steps whose target the solver gives from the model's own frame.
    """

    steps: int = 6000
    points: int = 16384
    rate: float = 4e-3
    orthogonal: float = 8e-3
    warm: int = 100
    decay: float = 1e-4
    spectral: float = 0.1
    unrolled: float = 0.8
    unroll_from: float = 0.3
    depth: int = 4
    noise: float = 0.03
    temperature: float = 1.0
    seed: int = 0
    average: float = 0.998
    conservation: float = 0.0
    jacobian: float = 0.0
    solver: float = 0.0

    def __post_init__(self) -> None:
        shares = {name: getattr(self, name) for name in ("unrolled", "unroll_from", "solver")}
        wrong = [name for name, value in shares.items() if not 0.0 <= value <= 1.0]
        if wrong:
            raise ParameterError(f"training: {', '.join(wrong)} must lie between 0 and 1")
        if (
            self.steps < 1
            or self.points < 1
            or self.depth < 1
            or not self.rate > 0
            or not self.temperature > 0
            or self.noise < 0
        ):
            raise ParameterError(
                "training: steps, points, depth, rate and temperature must be above 0, noise not below"
            )

    def as_dict(self) -> dict[str, float]:
        """Return what a card keeps."""
        return asdict(self)
