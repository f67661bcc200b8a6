"""What a request for a laser-flash measurement may say, what it needs, and what to read."""

from tools.planning import Assumption, Instruments, Measured, Need, Planning, Slot, Topic

_NEEDS = (
    Need(names=("thickness",), question="How thick is the specimen (for example 2 mm)?"),
    Need(
        names=("material", "diffusivity"),
        question="Which material is it? Known here are steel (stainless or carbon), copper, aluminium, iron and "
        "alumina; of another one give the diffusivity that you expect, the density and the heat capacity.",
    ),
    Need(names=("density", "material"), question="What is the density of the material (for example 2500 kg/m3)?"),
    Need(
        names=("heat_capacity", "material"),
        question="What is the specific heat capacity of the material (for example 800 J/kg/K)?",
    ),
)
_ASSUMPTIONS = (
    Assumption(
        name="spot_diameter",
        value="12.7 mm",
        sentence="The pulse is taken to heat the whole face of a disc of {spot_diameter}.",
    ),
    Assumption(name="temperature", value="25 degC", sentence="The measurement is taken to be made at {temperature}."),
    Assumption(
        name="precision",
        value="3 %",
        sentence="The precision wanted of the diffusivity is taken as {asked_precision}.",
    ),
    Assumption(name="rise", value="5 K", sentence="The rear is allowed to warm by {most_rise}."),
    Assumption(
        name="noise",
        value="150 mK",
        sentence="A reading of the detector at its fastest is taken to err by {noise}.",
    ),
    Assumption(
        name="heat_transfer",
        value="10 W/m²/K",
        sentence="The faces are taken to lose {heat_transfer}, by radiation and to still air.",
    ),
    Assumption(
        name="thickness_error",
        value="5 um",
        sentence="The thickness is taken to be known within {thickness_error}.",
    ),
    Assumption(
        name="pulse_width",
        value="0.5 ms",
        sentence="The source is taken to give pulses of {shortest_pulse} or longer.",
    ),
    Assumption(name="pulse_energy", value="10 J", sentence="The source is taken to give up to {most_energy} a pulse."),
    Assumption(
        name="sampling_rate",
        value="100 kHz",
        sentence="The detector is taken to be read at up to {most_sampling_rate}.",
    ),
    Assumption(name="shots", value="10", sentence="Up to {most_shots} shots are taken to be affordable."),
)
_TOPICS = (
    Topic(name="thickness", query="How to choose the thickness of the specimen for the flash method?"),
    Topic(name="pulse", query="How short must the pulse be against the half-rise time?"),
    Topic(name="rise", query="Why should the temperature rise of the specimen be kept small?"),
    Topic(name="losses", query="How are heat losses from the faces corrected?"),
    Topic(name="coating", query="Why coat the faces of a metal specimen with graphite?"),
    Topic(name="record", query="How long should the detector record before and after the pulse?"),
    Topic(name="repeats", query="How many shots should be averaged, and how to check with a reference material?"),
)
_INSTRUMENTS = Instruments(
    words={
        "flash-furnace-and-holder": ("furnace", "holder"),
        "infrared-detector": ("infrared", "insb", "detector"),
    },
    usual=("flash-furnace-and-holder", "infrared-detector"),
    bounds={
        "thickness": "thickness",
        "diameter": "spot_diameter",
        "half_time": "half_time",
        "temperature_rise": "rear_rise",
    },
)
_REASONS = {
    "pulse_energy": ("energy", "pulse"),
    "pulse_width": ("pulse", "width"),
    "record_length": ("record", "recording"),
    "shots": ("shots", "repeat", "average"),
}

PLANNING = Planning(
    experiment="flash",
    slots=(
        Slot(
            name="thickness",
            unit="mm",
            meaning="thickness of the specimen",
            keywords=("thick", "thickness", "disc", "disk", "specimen", "sample", "pellet"),
        ),
        Slot(
            name="spot_diameter",
            unit="mm",
            meaning="diameter of the disc that the pulse heats",
            keywords=("diameter", "wide", "across", "spot", "beam"),
        ),
        Slot(
            name="diffusivity",
            unit="mm**2/s",
            meaning="thermal diffusivity expected beforehand",
            keywords=("diffusivity", "expected", "about"),
        ),
        Slot(name="density", unit="kg/m**3", meaning="density of the material", keywords=("density", "dense")),
        Slot(
            name="heat_capacity",
            unit="J/(kg*K)",
            meaning="specific heat capacity of the material",
            keywords=("heat capacity", "specific heat"),
        ),
        Slot(
            name="temperature",
            unit="degC",
            meaning="temperature of the measurement",
            keywords=("at", "temperature", "furnace", "oven"),
        ),
        Slot(
            name="rise",
            unit="K",
            meaning="largest warming of the specimen's rear that is allowed",
            keywords=(
                "warms",
                "warm",
                "warming",
                "rise",
                "rises",
                "rear",
                "heats",
                "heating",
                "heat up",
                "hotter",
                "less",
            ),
            fact="most_rise",
            bounds="rear_rise",
            setting=False,
        ),
        Slot(
            name="pulse_energy",
            unit="J",
            meaning="largest energy of the pulse",
            keywords=("energy", "joule", "pulse", "laser", "lamp"),
            fact="most_energy",
            bounds="pulse_energy",
            setting=False,
        ),
        Slot(
            name="pulse_width",
            unit="ms",
            meaning="shortest pulse that the source can give",
            keywords=("pulse", "flash", "width", "long", "lasts"),
            fact="shortest_pulse",
            bounds="pulse_width",
            side="lower",
            setting=False,
        ),
        Slot(
            name="precision",
            unit="percent",
            meaning="precision wanted of the diffusivity",
            keywords=("within", "precision", "accuracy", "better", "good", "to"),
            kinds=("precision", "at_most", "value"),
            fact="asked_precision",
            setting=False,
        ),
        Slot(
            name="noise",
            unit="mK",
            meaning="noise of one reading of the detector",
            keywords=("noise", "detector", "reading", "scatter", "resolution"),
        ),
        Slot(
            name="heat_transfer",
            unit="W/(m**2*K)",
            meaning="heat transfer coefficient of the faces",
            keywords=("transfer", "loss", "losses"),
        ),
        Slot(
            name="thickness_error",
            unit="um",
            meaning="error of the measured thickness",
            keywords=("micrometer", "caliper", "thickness error", "known to"),
            kinds=("value", "at_most", "precision"),
        ),
        Slot(
            name="sampling_rate",
            unit="kHz",
            meaning="fastest reading of the detector",
            keywords=("rate", "samples per second", "sampling", "detector", "digitizer"),
            fact="most_sampling_rate",
            bounds="sampling_rate",
            setting=False,
        ),
        Slot(
            name="shots",
            unit="",
            meaning="number of shots that can be averaged",
            keywords=("shots", "repeats", "repetitions", "flashes"),
            bare=True,
            fact="most_shots",
            bounds="shots",
            setting=False,
        ),
    ),
    needs=_NEEDS,
    assumptions=_ASSUMPTIONS,
    targets={"diffusivity": ("diffusivity", "thermal diffusivity", "alpha", "conductivity")},
    topics=_TOPICS,
    instruments=_INSTRUMENTS,
    choices={
        "material": {
            "stainless steel": ("stainless", "austenitic", "304", "316"),
            "carbon steel": ("carbon steel", "mild steel", "plain steel"),
            "steel": ("steel",),
            "copper": ("copper",),
            "aluminium": ("aluminium", "aluminum"),
            "iron": ("iron",),
            "alumina": ("alumina",),
        }
    },
    reasons=_REASONS,
    measured=Measured(
        fit=("diffusivity", "biot", "amplitude"),
        comments={
            "thickness": ("specimen thickness", "disc thickness", "thickness", "thickness of the disc"),
            "pulse_width": ("pulse width", "pulse length", "pulse of", "pulse"),
            "temperature": ("temperature", "furnace temperature"),
            "spot_diameter": ("diameter", "specimen diameter", "disc diameter", "spot diameter"),
        },
        apparatus=("thickness",),
        needs=_NEEDS,
        assumptions=tuple(item for item in _ASSUMPTIONS if item.name != "precision"),
        topics=_TOPICS,
        instruments=_INSTRUMENTS,
        reasons=_REASONS,
    ),
)
