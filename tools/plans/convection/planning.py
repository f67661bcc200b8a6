"""What a request for a convection experiment may say, what it needs, and what to read."""

from tools.planning import Assumption, Instruments, Need, Planning, Slot, Topic

PLANNING = Planning(
    experiment="convection",
    slots=(
        Slot(
            name="depth",
            unit="mm",
            meaning="depth of the fluid layer",
            keywords=(
                *("layer", "deep", "depth", "thick", "thin", "gap", "high", "fluid", "liquid"),
                *("water", "air", "glycerol", "glycerine", "glycerin", "mercury", "oil"),
            ),
        ),
        Slot(
            name="width",
            unit="cm",
            meaning="width or diameter of the cell",
            keywords=("wide", "width", "across", "diameter", "broad", "long"),
            used=False,
        ),
        Slot(
            name="viscosity",
            unit="cSt",
            meaning="kinematic viscosity that names the grade of the fluid",
            keywords=("oil", "viscosity", "grade", "silicone", "cst"),
        ),
        Slot(
            name="mean_temperature",
            unit="degC",
            meaning="mean temperature of the layer",
            keywords=("at", "mean", "temperature", "room", "bath"),
        ),
        Slot(
            name="temperature_difference",
            unit="K",
            meaning="largest temperature difference that the plates can hold",
            keywords=("difference", "across", "between the plates", "up to", "most"),
            fact="most_difference",
            bounds="onset_difference",
            setting=False,
        ),
        Slot(
            name="stability",
            unit="mK",
            meaning="stability of the plates' temperatures",
            keywords=("stable", "stability", "thermostat", "circulator", "controlled", "hold"),
            kinds=("value", "at_most", "precision"),
            fact="thermostat_stability",
            bounds="stability_needed",
            side="lower",
            setting=False,
        ),
        Slot(
            name="duration",
            unit="h",
            meaning="time available for the whole search",
            keywords=("day", "days", "hours", "week", "weeks", "month", "time", "available", "within"),
            fact="time_limit",
            bounds="duration",
            setting=False,
        ),
        Slot(
            name="precision",
            unit="percent",
            meaning="precision wanted of the onset",
            keywords=("within", "precision", "accuracy", "better", "good", "to", "onset"),
            kinds=("precision", "at_most", "value"),
            fact="asked_precision",
            setting=False,
        ),
        Slot(
            name="property_error",
            unit="percent",
            meaning="error of the onset that the fluid's properties leave",
            keywords=("properties", "property", "viscosity known", "uncertain"),
            kinds=("value", "at_most", "precision"),
        ),
        Slot(
            name="depth_error",
            unit="um",
            meaning="error of the depth of the layer",
            keywords=("spacer", "spacers", "depth known", "parallel", "tolerance"),
            kinds=("value", "at_most", "precision"),
        ),
        Slot(
            name="growth",
            unit="",
            meaning="factor by which a disturbance must grow until it is seen",
            keywords=("grow", "factor", "amplify", "amplification"),
            bare=True,
        ),
    ),
    needs=(
        Need(names=("depth",), question="How deep is the fluid layer (for example 10 mm)?"),
        Need(
            names=("fluid",),
            question="Which fluid is it? Known here are water, air, glycerol, mercury and silicone oil.",
        ),
        Need(
            names=("viscosity",),
            question="Which grade of silicone oil is it? Known here are 5 cSt, 10 cSt, 20 cSt, 50 cSt and 100 cSt.",
            when="silicone oil",
        ),
    ),
    assumptions=(
        Assumption(
            name="mean_temperature",
            value="25 degC",
            sentence="The layer is taken to be at {mean_temperature} on average.",
        ),
        Assumption(
            name="precision", value="5 %", sentence="The precision wanted of the onset is taken as {asked_precision}."
        ),
        Assumption(
            name="property_error",
            value="10 %",
            sentence="The fluid's properties are taken to leave {property_error} of the onset open.",
        ),
        Assumption(name="depth_error", value="50 um", sentence="The depth is taken to be known within {depth_error}."),
        Assumption(
            name="duration",
            value="30 days",
            sentence="Up to {time_limit} are taken to be available for the search.",
        ),
        Assumption(
            name="growth",
            value="100",
            sentence="A disturbance is taken to grow by a factor of {growth} until the heat flux or the eye shows it.",
        ),
    ),
    targets={"onset": ("onset", "start to convect", "starts to convect", "critical", "begin")},
    topics=(
        Topic(name="onset", query="When does a fluid layer heated from below start to convect?"),
        Topic(name="steps", query="Why raise the temperature difference in small steps when searching the onset?"),
        Topic(name="waiting", query="How long to wait after each step near the onset of convection?"),
        Topic(name="plates", query="Which plates and thermostats keep the temperature of the boundaries uniform?"),
        Topic(name="side walls", query="How do side walls disturb the onset of convection?"),
        Topic(name="seeing it", query="How is the onset seen: heat flux or shadowgraph?"),
        Topic(name="back again", query="Why lower the temperature difference again to check for hysteresis?"),
    ),
    instruments=Instruments(
        words={"circulating-thermostat": ("circulator", "circulating bath", "circulating thermostat", "water bath")},
        bounds={"temperature_stability": "stability_needed"},
    ),
    choices={
        "fluid": {
            "silicone oil": ("silicone", "silicon oil", "polydimethylsiloxane", "pdms"),
            "water": ("water",),
            "air": ("air",),
            "glycerol": ("glycerol", "glycerine", "glycerin"),
            "mercury": ("mercury",),
        }
    },
    reasons={
        "step": ("step", "steps"),
        "waiting_time": ("wait", "waiting", "hold"),
        "stability_needed": ("stable", "stability", "hold"),
    },
)
