"""What the agent must know of an experiment to plan it: what a request may say, what is needed, what to read."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tools.errors import Retry
from tools.records import Record


class Slot(Record):
    """Something that a request may put a number to.

    Attributes:
        fact: the id of its fact, where the plan has another number of its name.
        bounds: the number of the plan that it limits, from `side`; empty where it limits nothing.
        setting: whether the design reads it as a setting.
        used: whether the plan uses it; what is not used is read to tell it from the others, and the plan says so.
        bare: whether it is a pure number that nobody gives in percent, such as a count.
    """

    name: str
    unit: str
    meaning: str
    keywords: tuple[str, ...]
    kinds: tuple[str, ...] = ("value", "range", "at_most", "at_least")  # of span that it takes
    fact: str = ""
    bounds: str = ""
    side: Literal["upper", "lower", "both"] = "upper"
    setting: bool = True
    used: bool = True
    bare: bool = False

    @property
    def key(self) -> str:
        """The id of its fact."""
        return self.fact or self.name


class Need(Record):
    """What no plan can do without: at least one of `names`; else `question` is asked.

    Attributes:
        when: the named option that makes it needed; empty where it always is.
    """

    names: tuple[str, ...]
    question: str
    when: str = ""


class Assumption(Record):
    """What is taken when the request does not say; `sentence` refers to it as `{name}`."""

    name: str
    value: str
    sentence: str


class Topic(Record):
    """A decision of the plan, and what to ask the trusted corpus about it."""

    name: str
    query: str
    when: str | None = None  # only for a plan of this variant


class Instruments(Record):
    """The instrument cards of an experiment.

    Attributes:
        words: card -> the words of a request that name it.
        sensors: the cards of what reads; where none is named, `usual` and what `by_choice` has are taken.
        bounds: limit on a card -> the number of a plan that it bounds.
        values: limit on a card -> the sentence that takes it over where the request is silent; it may refer to the
            slot of the limit's name, and `[card]` stands for the card.
    """

    words: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    sensors: tuple[str, ...] = ()
    usual: tuple[str, ...] = ()
    by_choice: dict[str, str] = Field(default_factory=dict)
    bounds: dict[str, str] = Field(default_factory=dict)
    values: dict[str, str] = Field(default_factory=dict)


class Measured(Record):
    """How the next run is planned from curves that were measured; in place of what a first plan takes.

    Attributes:
        fit: the parameters that are found from a curve.
        comments: setting -> the words of a file's comments beside which its quantity stands.
        apparatus: what a request says of another apparatus: with it the curves of a thread do not belong to it.
        slots: what a request may say besides.
    """

    fit: tuple[str, ...]
    comments: dict[str, tuple[str, ...]]
    apparatus: tuple[str, ...]
    slots: tuple[Slot, ...] = ()
    needs: tuple[Need, ...] = ()
    assumptions: tuple[Assumption, ...] = ()
    topics: tuple[Topic, ...] = ()
    instruments: Instruments = Instruments()
    reasons: dict[str, tuple[str, ...]] = Field(default_factory=dict)


class Planning(Record):
    """Everything of one experiment's planning that is not physics.

    Attributes:
        measured: how it is planned from measured curves; None where that cannot be done.
        targets: what can be found out -> the words that name it; empty where nothing is asked to a precision.
        choices: what a request names in words -> its options -> the words that name them.
        reasons: the facts that a plan's sentences may speak of -> words of which one must stand beside each.
    """

    experiment: str
    slots: tuple[Slot, ...]
    needs: tuple[Need, ...]
    assumptions: tuple[Assumption, ...]
    targets: dict[str, tuple[str, ...]]
    topics: tuple[Topic, ...]
    instruments: Instruments = Instruments()
    choices: dict[str, dict[str, tuple[str, ...]]] = Field(default_factory=dict)
    reasons: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    measured: Measured | None = None

    def after(self) -> Planning:
        """Return the planning of a run that follows measured ones.

        Raises:
            Retry: this experiment cannot be planned from measured curves.
        """
        if self.measured is None:
            raise Retry(
                f"a plan of {self.experiment} cannot use measured curves yet: plan it without --data, and fit the "
                f"curve by 'labwright calibrate {self.experiment}'"
            )
        others = {slot.name: slot for slot in (*self.slots, *self.measured.slots)}
        return self.model_copy(
            update={
                "slots": tuple(others.values()),
                "needs": self.measured.needs,
                "assumptions": self.measured.assumptions,
                "topics": self.measured.topics,
                "instruments": self.measured.instruments,
                "reasons": self.measured.reasons,
            }
        )
