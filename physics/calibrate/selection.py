"""Which of two nested models the data ask for.

With S_0 and S_1 the weighted sums of squares that the restricted and the full model leave, P_0 and P_1 their
parameters, n points and k = P + 1 (the noise is estimated too),

    AICc = n ln(S / n) + 2 k + 2 k (k + 1) / (n - k - 1)    (Hurvich & Tsai 1989, doi:10.1093/biomet/76.2.297)
    BIC  = n ln(S / n) + k ln n                             (Schwarz 1978, doi:10.1214/aos/1176344136)
    LR   = n ln(S_0 / S_1)

with S for n ln(S / n), S_0 - S_1 for LR and k = P where the noise is known. How large LR gets while the restricted
model is true depends on where it lies in the full one:

- inside it: F = ((S_0 - S_1) / (P_1 - P_0)) / (S_1 / (n - P_1)) has an F distribution, S_0 - S_1 one of chi^2;
- on the bound of one parameter (no loss: biot = 0): half of the time LR is zero, half of the time it is as above
  (Self & Liang 1987, doi:10.1080/01621459.1987.10478472, case 5);
- on several bounds, or where a parameter means nothing (no water at rest: no exchange): see `simulated`.

p below alpha rejects the restricted model; while it is true that happens in a share alpha of the cases.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.stats import chi2
from scipy.stats import f as fisher

from physics.calibrate.nested import Nesting, bare, further, known_nesting, side
from physics.calibrate.posterior.report import target_of
from physics.calibrate.simulated import simulate
from physics.calibrate.solved import Solved
from physics.errors import ParameterError

ALPHA = 0.05
DRAWS = 9999
_WORSE = 1e-3  # of the misfit, by which a full fit may miss one that lies in it


@dataclass(frozen=True)
class Comparison:
    """The verdict on two models; pairs are (restricted, full).

    Attributes:
        labels, sse, parameters: of each; n: the number of points.
        aicc, bic: smaller is better.
        likelihood_ratio: LR of the two fits.
        statistic: what p was found for: F, chi^2, or R / (S_0 - R) (R where the noise is known).
        p: how often the restricted model alone would give as large a statistic.
        method: "f", "chi-squared", "half f", "half chi-squared" or "simulated".
        alpha: the error rate at which p is judged.
        preferred: the label of the model that is preferred at alpha.
        sentence: the verdict in words.
    """

    labels: tuple[str, str]
    sse: tuple[float, float]
    parameters: tuple[int, int]
    n: int
    aicc: tuple[float, float]
    bic: tuple[float, float]
    likelihood_ratio: float
    statistic: float
    p: float
    method: str
    alpha: float
    preferred: str
    sentence: str


def compare(
    restricted: Solved,
    full: Solved,
    *,
    nesting: Nesting | None = None,
    labels: tuple[str, str] = ("restricted", "full"),
    alpha: float = ALPHA,
    draws: int = DRAWS,
    seed: int = 0,
    simulated: tuple[float, float] | None = None,
) -> Comparison:
    """Compare two fits of the same data.

    Args:
        restricted, full: the parameters of the first are among those of the second, and so are their curves.
        nesting: how the one lies in the other; looked up in `nested.NESTINGS` if left out.
        labels: what the models are called.
        alpha: the error rate promised: how often a true restricted model is rejected.
        draws, seed: of the simulated noise, where it takes any.
        simulated: what `simulated_test` gave, where it was asked before the full model was fitted.

    Raises:
        ParameterError: the fits are not of the same data or not nested, or it is not known how.
    """
    if not 0 < alpha < 1:
        raise ParameterError(f"alpha = {alpha:g} must lie between 0 and 1")
    extra, nesting = _nested(restricted, full, nesting)
    weights = target_of(full).weights[0]
    known = all(group.known for group in full.groups)
    n = int((weights > 0).sum())
    before, after = (float((weights * one.fit.residuals**2).sum()) for one in (restricted, full))
    misfits = (before, min(before, after))  # a full model that fits worse was not fitted to its end
    sizes = (len(restricted.u), len(full.u))
    tested = simulated or simulated_test(restricted, full, nesting=nesting, draws=draws, seed=seed)
    if tested is not None:
        method = "simulated"
        statistic, p = tested
    else:
        bound = any(side(full, name, nesting) != 0 for name in extra)
        statistic, p, method = _tabulated(misfits, sizes, n, known=known, bound=bound)
    aicc, bic = (
        (criterion(misfits[0], sizes[0], n, known=known), criterion(misfits[1], sizes[1], n, known=known))
        for criterion in (_aicc, _bic)
    )
    return Comparison(
        labels=labels,
        sse=(restricted.fit.sse, full.fit.sse),
        parameters=sizes,
        n=n,
        aicc=aicc,
        bic=bic,
        likelihood_ratio=misfits[0] - misfits[1] if known else n * math.log(misfits[0] / max(misfits[1], 1e-300)),
        statistic=statistic,
        p=p,
        method=method,
        alpha=alpha,
        preferred=labels[1] if p < alpha else labels[0],
        sentence=_sentence(
            full, extra, labels, p, alpha, aicc, after > before * (1 + _WORSE), smallest=1 / (1 + draws)
        ),
    )


def simulated_test(
    restricted: Solved, full: Solved, *, nesting: Nesting | None = None, draws: int = DRAWS, seed: int = 0
) -> tuple[float, float] | None:
    """Return the statistic and p of the simulated test, or None where a table says it.

    Of `full` only the curves are asked: it need not be fitted.
    """
    extra, nesting = _nested(restricted, full, nesting)
    if not _needs_simulation(full, extra, nesting):
        return None
    weights, known = target_of(restricted).weights[0], all(group.known for group in restricted.groups)
    return simulate(restricted, full, nesting, weights, known=known, draws=draws, seed=seed)


def _nested(restricted: Solved, full: Solved, nesting: Nesting | None) -> tuple[tuple[str, ...], Nesting]:
    """Return what the full model adds, and how the restricted one lies in it."""
    extra = further(restricted, full)
    nesting = known_nesting(extra) if nesting is None else nesting
    if {*nesting.at, *nesting.loose} != {bare(name) for name in extra}:
        raise ParameterError(f"the nesting does not speak of {', '.join(extra)}, which the full model adds")
    return extra, nesting


def _needs_simulation(full: Solved, extra: tuple[str, ...], nesting: Nesting) -> bool:
    bounds = sum(side(full, name, nesting) != 0 for name in extra if bare(name) in nesting.at)
    return bool(nesting.loose) or bounds > 1


def _tabulated(
    misfits: tuple[float, float], sizes: tuple[int, int], n: int, *, known: bool, bound: bool
) -> tuple[float, float, str]:
    """Return the statistic, p and the method where a distribution is known."""
    more, left = sizes[1] - sizes[0], n - sizes[1]
    gain = misfits[0] - misfits[1]
    if known:
        statistic, p, method = gain, float(chi2.sf(gain, more)), "chi-squared"
    elif left <= 0:
        return math.nan, 1.0, "f"
    else:
        statistic = gain / more / max(misfits[1] / left, 1e-300)
        p, method = float(fisher.sf(statistic, more, left)), "f"
    if not bound:
        return statistic, p, method
    return statistic, 0.5 * p if gain > 1e-9 * misfits[0] else 1.0, f"half {method}"


def _aicc(misfit: float, size: int, n: int, *, known: bool) -> float:
    k = size if known else size + 1
    if n - k - 1 <= 0:
        return math.inf
    return _twice(misfit, n, known) + 2 * k + 2 * k * (k + 1) / (n - k - 1)


def _bic(misfit: float, size: int, n: int, *, known: bool) -> float:
    return _twice(misfit, n, known) + (size if known else size + 1) * math.log(n)


def _twice(misfit: float, n: int, known: bool) -> float:
    """Return minus twice the log likelihood, up to what both models share."""
    return misfit if known else n * math.log(max(misfit, 1e-300) / n)


def _sentence(
    full: Solved,
    extra: tuple[str, ...],
    labels: tuple[str, str],
    p: float,
    alpha: float,
    aicc: tuple[float, float],
    worse: bool,
    *,
    smallest: float,
) -> str:
    chance = f"p = {p:.2g}" if p > smallest else f"p < {max(p, 1e-6):.1g}"
    gain = aicc[0] - aicc[1]
    told = f"AICc is {abs(gain):.3g} {'lower' if gain > 0 else 'higher'} with it" if math.isfinite(gain) else ""
    if p < alpha:
        values = " and ".join(f"{name} = {full.problem.told(name, full.fit.parameters[name].value)}" for name in extra)
        said = (
            f"The data ask for the {labels[1]} model ({values}): the {labels[0]} one alone fits so badly with {chance}"
        )
    else:
        said = (
            f"The data do not tell the {labels[1]} model from the {labels[0]} one ({chance}): keep the {labels[0]} one"
        )
    said = f"{said}; {told}." if told else f"{said}."
    said = f"{said} The test rejects a true {labels[0]} model in {100 * alpha:g} % of cases."
    if worse:
        said += f" The {labels[1]} fit stopped before it was as good as the {labels[0]} one: start it elsewhere."
    return said
