"""What the model may write: GBNF grammars for choices, slot assignments, and prose without a digit.

A grammar keeps the form, not the truth. In prose a number can appear only as a reference, `{name}`, to a fact
of the ledger; number words are letters and pass a grammar, so `find_digits_and_number_words` looks for them.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_ID = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]*")
_REFERENCE = re.compile(r"\{([^{}]*)\}")
_FOREIGN = re.compile(r"[^A-Za-z \n,.;:()'’?!-]")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=\S)")


class DraftError(Exception):
    """A drafted text that cannot be used; the message says which part and why."""


@dataclass(frozen=True)
class Sentence:
    """One drafted sentence, as written, with the ids of the facts that it refers to, in order."""

    text: str
    facts: tuple[str, ...]


def choice(labels: Iterable[str]) -> str:
    """Return a grammar whose words are exactly `labels`.

    Raises:
        ValueError: there are no labels.
    """
    return f"root ::= {_alternatives(labels)}\n"


def assignment(spans: Sequence[tuple[str, Sequence[str]]]) -> str:
    """Return a grammar of lines `key=label`, one for each (key, allowed labels), in the given order.

    Raises:
        ValueError: there are no spans, or one of them has no labels.
    """
    if not spans:
        raise ValueError("an assignment needs at least one span")
    lines = [f"{_quoted(key + '=')} {_alternatives(labels)}" for key, labels in spans]
    return "root ::= " + ' "\\n" '.join(lines) + "\n"


def prose(fact_ids: Sequence[str], sentences: tuple[int, int] = (2, 6), words: int = 40) -> str:
    """Return a grammar of plain sentences in which numbers stand only as references `{id}` to `fact_ids`.

    Letters of the Latin alphabet, spaces, commas, hyphens between letters and a final stop: nothing else can
    be typed. A reference follows a word. A sentence has at most `words` words, and the
    text between `sentences[0]` and `sentences[1]` sentences.

    Raises:
        ValueError: an id is not a letter followed by letters, digits, `_`, `.`, `:` or `-`.
    """
    for fact in fact_ids:
        if not _ID.fullmatch(fact):
            raise ValueError(f"{fact!r} cannot be a fact's id in a draft")
    least, most = sentences
    referring = " (gap reference)?" if fact_ids else ""
    rules = [
        f'root ::= sentence (" " sentence){{{least - 1},{most - 1}}}',
        f'sentence ::= capital{referring} (gap item){{1,{words}}} "."',
        'gap ::= " " | ", "',
        'capital ::= [A-Z] [a-z]{0,17} ("-" [a-z]{1,17})?',
        # A reference always follows a word: a model that may not type a unit after one else repeats it.
        f"item ::= word{referring}",
        'word ::= [A-Za-z] [a-z]{0,17} ("-" [a-z]{1,17})?',
    ]
    if fact_ids:
        rules.append(f'reference ::= "{{" {_alternatives(fact_ids)} "}}"')
    return "\n".join(rules) + "\n"


def read_prose(text: str, fact_ids: Iterable[str]) -> list[Sentence]:
    """Split a draft into sentences and list the facts to which each refers.

    Raises:
        DraftError: a brace that is not a well-formed reference, an unknown fact, a character other than plain
            letters and punctuation (a model that does not obey the grammar may write any), or an empty text.
    """
    known = set(fact_ids)
    found = []
    for piece in _SENTENCE_END.split(text.strip()):
        references = _REFERENCE.findall(piece)
        for reference in references:
            if reference not in known:
                raise DraftError(f"the draft refers to {{{reference}}}, which is not a fact of this thread")
        if "{" in (rest := _REFERENCE.sub("", piece)) or "}" in rest:
            raise DraftError(f"a reference is malformed in {piece[:80]!r}")
        if foreign := _FOREIGN.search(rest):
            raise DraftError(f"the draft holds {foreign[0]!r}, which no draft may contain")
        if piece:
            found.append(Sentence(piece, tuple(references)))
    if not found:
        raise DraftError("the draft is empty")
    return found


_UNITS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
_UNITS += " seventeen eighteen nineteen"
_TENS = "twenty thirty forty fourty fifty sixty seventy eighty ninety"
_LARGE = "hundred hundreds thousand thousands million millions billion billions trillion dozen dozens score"
_PARTS = "half halves halve halved halving third thirds quarter quarters fourth fourths fifth fifths sixth sixths"
_PARTS += " seventh sevenths eighth eighths ninth ninths tenth tenths hundredth hundredths thousandth thousandths"
_TIMES = "twice thrice double doubles doubled doubling triple triples tripled tripling quadruple quadrupled"
_TIMES += " twofold threefold fourfold fivefold tenfold hundredfold"
_ORDINALS = "eleventh twelfth thirteenth fourteenth fifteenth twentieth thirtieth fortieth fiftieth"
_FEW = "percent nil nought pair couple"
_NUMBER_WORDS = frozenset(" ".join((_UNITS, _TENS, _LARGE, _PARTS, _TIMES, _ORDINALS, _FEW)).split())
# Names of the field in which a number word counts nothing.
_NAMES = re.compile(
    r"\b(?:first|second|third)[- ](?:type|order|kind)\b|\bhalf-(?:rise|time)\b|\b(?:one|two|three)-dimensional\b",
    re.IGNORECASE,
)
_ROMAN = re.compile(r"\b(?=[IVXLCDM]{2,}\b)M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})\b")
_WORD = re.compile(r"[^\W\d_]+", re.UNICODE)


def find_digits_and_number_words(text: str) -> list[str]:
    """Return every piece of `text` that states a number outside a `{reference}`, in reading order.

    Found are: digits of any script, superscripts and fractions (whatever Unicode gives a numeric value),
    roman numerals of two letters or more, and English number words, also glued ("twentyfive") or spelled in
    full-width or accented letters.
    """
    bare = _NAMES.sub(_blank, _REFERENCE.sub(_blank, text))
    found = [(m.start(), m[0]) for m in _runs(bare)]
    folded = "".join(_plain_letter(c) for c in bare)
    found += [(m.start(), m[0]) for m in _ROMAN.finditer(folded)]
    found += [(m.start(), bare[m.start() : m.end()]) for m in _WORD.finditer(folded) if _states_number(m[0])]
    return [piece for _, piece in sorted(found)]


def _blank(match: re.Match[str]) -> str:
    """Return spaces as long as the match, so that positions stay."""
    return " " * len(match[0])


def _runs(text: str) -> Iterable[re.Match[str]]:
    """Return the runs of characters that have a numeric value."""
    numeric = {c for c in text if _is_numeric(c)}
    if not numeric:
        return ()
    return re.compile("[" + re.escape("".join(sorted(numeric))) + "]+").finditer(text)


def _is_numeric(character: str) -> bool:
    """Say whether Unicode gives the character a numeric value, or folds it to one that has."""
    if unicodedata.numeric(character, None) is not None:
        return True
    return any(c.isdigit() for c in unicodedata.normalize("NFKC", character))


def _plain_letter(character: str) -> str:
    """Fold a letter to its plain ASCII form where it has one of length one; positions stay."""
    folded = unicodedata.normalize("NFKD", character)
    letter = next((c for c in folded if not unicodedata.combining(c)), character)
    return letter if len(letter) == 1 else character


def _states_number(word: str) -> bool:
    """Say whether a word is, or is glued from, number words."""
    lower = word.lower()
    if lower in _NUMBER_WORDS:
        return True
    for tens in _TENS.split():
        if lower.startswith(tens) and lower[len(tens) :] in _NUMBER_WORDS:
            return True
    return lower.endswith("fold") and lower[:-4] in _NUMBER_WORDS


def _alternatives(labels: Iterable[str]) -> str:
    """Return `("a" | "b")` for labels."""
    quoted = [_quoted(label) for label in labels]
    if not quoted:
        raise ValueError("a choice needs at least one label")
    return "(" + " | ".join(quoted) + ")"


def _quoted(text: str) -> str:
    """Return a GBNF string literal."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
