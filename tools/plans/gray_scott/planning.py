"""What a request for a fed pattern-forming reactor may say, and what to read."""

from tools.planning import Assumption, Planning, Slot, Topic

PATTERNS: dict[str, tuple[str, ...]] = {
    "spots": ("spot",),
    "worms": ("worm", "stripe"),
    "maze": ("maze", "labyrinth"),
    "bubbles": ("bubble", "hole", "negative spot", "inverse spot", "inverted spot"),
    "hexagons": ("hexagon",),
    "gliders": ("glider", "soliton"),
    "spirals": ("spiral", "travelling wave", "traveling wave"),
    "chaos": ("chaos", "chaotic", "turbulen"),
    "the uniform state": ("uniform state", "homogeneous state", "trivial state", "no pattern", "die out", "dies out"),
}

PLANNING = Planning(
    experiment="gray_scott",
    slots=(
        Slot(
            name="feed",
            unit="",
            meaning="feed rate F, over the reaction's own rate",
            keywords=("feed", "F"),
            bare=True,
        ),
        Slot(
            name="kill",
            unit="",
            meaning="kill rate k, over the reaction's own rate",
            keywords=("kill", "removal", "k"),
            bare=True,
        ),
        Slot(
            name="duration",
            unit="",
            meaning="longest run, in reaction times",
            keywords=("run", "reaction times", "time units", "at most"),
            fact="time_limit",
            bare=True,
            bounds="duration",
            setting=False,
        ),
        Slot(
            name="precision",
            unit="percent",
            meaning="precision wanted of the boundary",
            keywords=("within", "precision", "accuracy", "good", "to", "boundary"),
            kinds=("precision", "at_most"),
            fact="asked_precision",
            setting=False,
        ),
    ),
    needs=(),
    assumptions=(
        Assumption(
            name="precision",
            value="3 %",
            sentence="The boundary is taken to be wanted within {asked_precision} of the kill rate.",
        ),
    ),
    targets={"boundary": ("boundary", "separate", "separates", "between")},
    topics=(
        Topic(name="controls", query="How do feed and kill rates select the pattern?"),
        Topic(name="spots and stripes", query="Where in the plane of feed and kill are spots and where stripes?"),
        Topic(name="start", query="How to start a pattern with a local perturbation?"),
        Topic(name="waiting", query="How long to wait until the pattern has settled?"),
        Topic(name="reading", query="How to characterise a pattern by its wavelength?"),
        Topic(name="direction", query="Why approach the boundary from both sides?"),
        Topic(name="temperature", query="Why keep the reactor's temperature constant?"),
    ),
    choices={name: {name: words} for name, words in PATTERNS.items()},
    reasons={
        "run_spots": ("spots",),
        "run_worms": ("worms", "stripes"),
        "kill_spots": ("spots", "kill"),
        "kill_worms": ("worms", "kill"),
    },
)
