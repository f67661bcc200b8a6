"""The last door: a plan or an answer passes only if every check that applies passes.

The gate is code and trusts nothing that was written: it reads the finished text again, holds each number against
the fact it claims to be and each quotation against the document, and recomputes every comparison itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from pydantic import Field

from agent.gate_data import check_data
from agent.grammar import find_digits_and_number_words
from agent.ledger import Ledger
from agent.present import citation_label, fact_text, unit_text
from agent.state import Brief, Shown
from tools.quantities import UnitError, compatible, convert
from tools.records import Check, Citation, Fact, Record

_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
ERROR_SHARE = 0.1  # numerical error may take this share of an interval's half-width
COARSEST = 5e-4  # relative rounding of a number without an interval: four significant digits
MIN_PLAN_CITATIONS = 3


class Candidate(Record):
    """A finished plan or answer, before anyone has seen it."""

    intent: str
    brief: Brief | None = None
    settings: dict[str, str] = Field(default_factory=dict)
    shown: Shown
    cited: tuple[str, ...] = ()


Verify = Callable[[Citation], str | None]  # the reason why a citation does not stand, or None
Validate = Callable[[str, Mapping[str, str]], str | None]  # the reason why settings cannot be run, or None


def inspect(candidate: Candidate, ledger: Ledger, verify: Verify, validate: Validate) -> list[Check]:
    """Run every check; the answer may be shown only if none of them fails."""
    checks = [check_numbers(candidate.shown, ledger), *check_citations(candidate, ledger, verify)]
    if candidate.intent == "plan":
        if candidate.brief is None:
            return [*checks, _verdict("brief", "constraint", False, "no request was understood")]
        checks += [
            *check_conservation(ledger),
            *check_tools(ledger),
            check_settings(candidate, validate),
            *check_bounds(candidate.brief, ledger),
            check_target(candidate.brief, ledger),
            check_numerical_error(ledger),
            *check_data(candidate.brief, ledger),
        ]
    return checks


def passed(checks: Iterable[Check]) -> bool:
    """Whether nothing failed, and something was checked at all."""
    found = list(checks)
    return bool(found) and all(check.status != "fail" for check in found)


def check_numbers(shown: Shown, ledger: Ledger) -> Check:
    """Every number in the text is a fact's, rounded to within half a unit of its last digit and its interval."""
    problems: list[str] = []
    covered = list(shown.text)
    previous_end = 0
    for reference in sorted(shown.references, key=lambda item: item.start):
        if reference.start < previous_end or reference.end > len(shown.text):
            problems.append(f"reference {reference.id} overlaps another or leaves the text")
            continue
        previous_end = reference.end
        piece = shown.text[reference.start : reference.end]
        problem = _departs(piece, reference.id, ledger)
        if problem:
            problems.append(problem)
        covered[reference.start : reference.end] = " " * (reference.end - reference.start)
    problems += [f"{found!r} stands on no fact" for found in find_digits_and_number_words("".join(covered))]
    return _verdict("numbers stand on facts", "grounding", not problems, "; ".join(problems[:3]))


def _departs(piece: str, key: str, ledger: Ledger) -> str | None:
    """Say how `piece` departs from the fact, the quotation or the place in a document that `key` names."""
    if key[:1] not in ('"', "@"):
        return _misstates(piece, key, ledger)
    citation = ledger.citations.get(key[1:])
    if citation is None:
        return f"{piece!r} cites {key[1:]!r}, which was never retrieved"
    expected = f"“{citation.quote}”" if key[0] == '"' else citation_label(citation)
    return None if piece == expected else f"{piece!r} is not what citation {key[1:]} says"


def _misstates(piece: str, key: str, ledger: Ledger) -> str | None:
    """Say how `piece` departs from the fact that it is said to be."""
    fact, expected = ledger.facts.get(key), None
    if fact is None:
        key, _, end = key.rpartition(".")
        fact = ledger.facts.get(key)
        if fact is None or end not in ("lower", "upper"):
            return f"{piece!r} refers to {key or end!r}, which is no fact of this thread"
        expected = fact.lower if end == "lower" else fact.upper
        if expected is None:
            return f"{piece!r} refers to an interval that {key} does not have"
    number, _, unit = piece.partition(" ")
    if not _NUMBER.fullmatch(number):
        return f"{piece!r} is not a number"
    digits = Decimal(number)
    if unit != (unit_text(fact.unit) if expected is None else ""):
        return f"{piece!r} is not in {fact.unit or 'a bare number'}, the unit of {key}"
    value = fact.value if expected is None else expected
    half_width = _half_width(fact)
    if abs(float(digits) - value) > min(_half_a_place(digits), max(COARSEST * abs(value), half_width)) * (1 + 1e-9):
        return f"{piece!r} is not {fact_text(fact)}, the value of {key}"
    half_a_place = _half_a_place(digits)
    inside = (fact.lower is None or float(digits) >= fact.lower - half_a_place) and (
        fact.upper is None or float(digits) <= fact.upper + half_a_place
    )
    return None if inside else f"{piece!r} lies outside the interval of {key}"


def _half_a_place(digits: Decimal) -> float:
    """Return half a unit of the last digit that was meant: trailing zeros of a whole number carry nothing."""
    exponent = digits.normalize().as_tuple().exponent if digits == digits.to_integral() else digits.as_tuple().exponent
    return 0.5 * 10.0 ** (exponent if isinstance(exponent, int) else 0)


def check_citations(candidate: Candidate, ledger: Ledger, verify: Verify) -> list[Check]:
    """Every citation is a trusted passage, verbatim at its span; a plan has at least three, an answer one."""
    reasons = []
    for key in candidate.cited:
        if key not in ledger.citations:
            reasons.append(f"citation {key} was never retrieved")
        elif (reason := verify(ledger.citations[key])) is not None:
            reasons.append(f"citation {key}: {reason}")
    needed = MIN_PLAN_CITATIONS if candidate.intent == "plan" else 1
    found = len(set(candidate.cited))
    return [
        _verdict("citations are verbatim", "grounding", not reasons, "; ".join(reasons[:3])),
        Check(
            name="enough trusted passages",
            kind="grounding",
            status="pass" if found >= needed else "fail",
            value=found,
            limit=needed,
            detail="" if found >= needed else "the trusted corpus supports too little of this",
        ),
    ]


def check_conservation(ledger: Ledger) -> list[Check]:
    """The computed runs close their balances; the comparison is made again here."""
    balances = [check for check in ledger.checks.values() if check.kind == "conservation"]
    if not balances:
        return [_verdict("mass balance", "conservation", False, "no run with a balance stands behind this plan")]
    return [
        balance.model_copy(update={"status": "pass" if _within(balance.value, balance.limit) else "fail"})
        for balance in balances
    ]


def check_tools(ledger: Ledger) -> list[Check]:
    """What the tools checked besides: the comparison is made again where there is one; a failure stays a failure."""
    found = []
    for check in ledger.checks.values():
        if check.kind == "conservation":
            continue
        kept = True
        if check.value is not None and check.limit is not None:
            kept = check.value <= check.limit if check.bound == "at most" else check.value >= check.limit
        found.append(check if kept else check.model_copy(update={"status": "fail"}))
    return found


def _within(value: float | None, limit: float | None) -> bool:
    return value is not None and limit is not None and abs(value) <= limit


def check_settings(candidate: Candidate, validate: Validate) -> Check:
    """Every setting is known, has the right dimension and lies in its physical range."""
    experiment = candidate.brief.experiment if candidate.brief else ""
    reason = validate(experiment, candidate.settings)
    return _verdict("settings are physical", "units", reason is None, reason or "")


def check_bounds(brief: Brief, ledger: Ledger) -> list[Check]:
    """The plan keeps each limit of the request and of the instruments."""
    checks = []
    for bound in brief.bounds:
        fact = ledger.facts.get(bound.name)
        if fact is None:
            checks.append(
                Check(name=f"limit on {bound.name}", kind="constraint", status="not applicable", detail=bound.source)
            )
            continue
        try:
            value = convert(fact.value, fact.unit, bound.unit)
        except UnitError as error:
            checks.append(_verdict(f"limit on {bound.name}", "units", False, str(error)))
            continue
        slack = 1e-9 * abs(value)
        ok = (bound.lower is None or value >= bound.lower - slack) and (
            bound.upper is None or value <= bound.upper + slack
        )
        too_low = bound.lower is not None and value < bound.lower
        limit = bound.lower if bound.upper is None or too_low else bound.upper
        checks.append(
            Check(
                name=f"limit on {bound.name}",
                kind="constraint",
                status="pass" if ok else "fail",
                value=value,
                limit=limit,
                unit=bound.unit,
                detail=f"set by {bound.source}",
            )
        )
    return checks


def check_target(brief: Brief, ledger: Ledger) -> Check:
    """The expected precision meets what was asked."""
    if brief.target is None:
        return Check(name="target precision", kind="constraint", status="not applicable")
    fact = ledger.facts.get(f"precision_{brief.target.name}")
    if fact is None or not compatible(fact.unit, "percent"):
        return _verdict("target precision", "constraint", False, "no precision was predicted")
    if brief.target.precision is None:
        return _verdict("target precision", "constraint", False, "no precision was set to be reached")
    value = convert(fact.value, fact.unit, "percent")
    return Check(
        name="target precision",
        kind="constraint",
        status="pass" if value <= brief.target.precision else "fail",
        value=value,
        limit=brief.target.precision,
        unit="percent",
        detail=f"expected half-width of the interval of {brief.target.name}",
    )


def check_numerical_error(ledger: Ledger) -> Check:
    """The solver's own error is small against the interval of everything that is predicted with one."""
    predicted = [fact for fact in ledger.facts.values() if _half_width(fact) > 0]
    if not predicted or any(fact.numerical_error is None for fact in predicted):
        return _verdict("numerical error", "constraint", False, "no run reported its error beside its interval")
    shares = [(fact.numerical_error or 0.0) / _half_width(fact) for fact in predicted]
    return Check(
        name="numerical error",
        kind="constraint",
        status="pass" if max(shares) <= ERROR_SHARE else "fail",
        value=max(shares),
        limit=ERROR_SHARE,
        detail="of the half-width of the predicted interval where its share is largest",
    )


def _half_width(fact: Fact) -> float:
    return 0.0 if fact.lower is None or fact.upper is None else (fact.upper - fact.lower) / 2


def _verdict(name: str, kind: str, ok: bool, detail: str) -> Check:
    return Check.model_validate({"name": name, "kind": kind, "status": "pass" if ok else "fail", "detail": detail})
