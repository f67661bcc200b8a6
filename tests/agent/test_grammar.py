import pytest

from agent.grammar import DraftError, assignment, choice, find_digits_and_number_words, prose, read_prose


def test_choice_quotes_its_labels():
    assert choice(["a", 'say "b"']) == 'root ::= ("a" | "say \\"b\\"")\n'


def test_assignment_keeps_the_order():
    grammar = assignment([("q1", ["length", "none"]), ("q2", ["flow"])])
    assert grammar == 'root ::= "q1=" ("length" | "none") "\\n" "q2=" ("flow")\n'


@pytest.mark.parametrize("make", [lambda: choice([]), lambda: assignment([]), lambda: assignment([("a", [])])])
def test_empty_grammars_are_refused(make):
    with pytest.raises(ValueError, match="at least one"):
        make()


@pytest.mark.parametrize("fact", ["", "1f", "f 1", "f{1", 'f"1'])
def test_prose_refuses_an_id_that_is_not_one(fact):
    with pytest.raises(ValueError, match="fact's id"):
        prose([fact])


def test_prose_admits_digits_only_within_references():
    lines = prose(["f1", "F:flow"]).splitlines()
    terminals = [line for line in lines if not line.startswith(("reference", "root", "sentence"))]
    assert not any(character.isdigit() for line in terminals for character in _literals(line))
    assert 'reference ::= "{" ("f1" | "F:flow") "}"' in lines


def _literals(rule):
    """Yield what stands in quotes and character classes of a rule, leaving repetition counts out."""
    inside = None
    for character in rule:
        if inside is None and character in '"[':
            inside = '"' if character == '"' else "]"
        elif character == inside:
            inside = None
        elif inside is not None:
            yield character


def test_prose_is_read_back():
    sentences = read_prose("Pump at {flow} for {time}. Sample the rising limb.", ["flow", "time"])
    assert [s.facts for s in sentences] == [("flow", "time"), ()]
    assert sentences[1].text == "Sample the rising limb."


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Pump at {flux}.", "not a fact"),
        ("Pump at {flow.", "malformed"),
        ("Pump at flow}.", "malformed"),
        ("Pump at {{flow}}.", "malformed"),
        ("Pump at 3 of {flow}.", "no draft may contain"),
        ("Pump at tw\u043e of {flow}.", "no draft may contain"),
        ("  ", "empty"),
    ],
)
def test_a_malformed_draft_is_an_error(text, says):
    with pytest.raises(DraftError, match=says):
        read_prose(text, ["flow"])


@pytest.mark.parametrize(
    "text",
    [
        "Use 3 cm.", "Use ٣ cm.", "Use x² here.", "Use ½ of it.",
        "Use Ⅳ runs.", "Use IV runs.", "Use three runs.", "Use twenty-five runs.",
        "Use TWENTYFIVE runs.", "Use half of it.", "It rises tenfold.", "Twice as much.",
        "A dozen samples.", "Use ３ cm.", "Use thrëe runs.", "Use ① runs.",
        "Use two-thirds.", "Zero flow.", "A couple of runs.", "Use 三 runs.",
        "Use two and {f1}.", "Use 𝟓 runs.", "Fifty percent.", "Use ｔｈｒｅｅ runs.",
    ],
)  # fmt: skip
def test_numbers_in_any_dress_are_found(text):
    assert find_digits_and_number_words(text)


@pytest.mark.parametrize(
    "text",
    [
        "Pump at {f1} and stop after {F:time_2}.",
        "First saturate the column, then wait a few seconds.",
        "I often weigh both ends of the tension plate.",
        "Use a third-type inlet and first-order decay.",
        "The mixture is a Civil matter.",
    ],
)
def test_plain_prose_has_no_numbers(text):
    assert find_digits_and_number_words(text) == []


def test_a_reference_follows_a_word():
    rules = dict(line.split(" ::= ", 1) for line in prose(["f1"]).splitlines())
    assert [name for name, rule in rules.items() if "reference" in rule] == ["sentence", "item"]
    assert rules["item"] == "word (gap reference)?"
    assert "reference" not in prose([])
