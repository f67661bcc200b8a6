"""How a tracer test in a packed column is planned."""

from tools.planning import Assumption, Instruments, Measured, Need, Planning, Slot, Topic

PLANNING = Planning(
    experiment="column",
    slots=(
        Slot(
            name="length",
            unit="cm",
            meaning="length of the packed bed",
            keywords=("column", "long", "length", "bed", "tall", "high"),
        ),
        Slot(
            name="diameter",
            unit="cm",
            meaning="inner diameter of the column",
            keywords=("diameter", "wide", "across", "inner", "bore"),
        ),
        Slot(
            name="position",
            unit="cm",
            meaning="distance of the sensor from the inlet",
            keywords=("sensor", "probe", "position", "below", "inlet", "depth"),
        ),
        Slot(name="porosity", unit="", meaning="porosity of the packing", keywords=("porosity", "porous", "void")),
        Slot(
            name="flow",
            unit="mL/min",
            meaning="flow rate that the pump can deliver",
            keywords=("pump", "flow", "rate", "delivers"),
            bounds="flow",
            side="both",
            setting=False,
        ),
        Slot(
            name="dispersion",
            unit="cm**2/h",
            meaning="dispersion coefficient expected beforehand",
            keywords=("dispersion", "coefficient", "expected"),
        ),
        Slot(
            name="dispersivity",
            unit="cm",
            meaning="dispersivity expected beforehand",
            keywords=("dispersivity", "dispersivities"),
        ),
        Slot(
            name="retardation",
            unit="",
            meaning="retardation factor of the tracer",
            keywords=("retardation", "retarded", "factor"),
        ),
        Slot(
            name="duration",
            unit="h",
            meaning="time available for the run",
            keywords=("day", "hours", "time", "working", "within", "available", "afternoon", "morning"),
            fact="time_limit",
            bounds="duration",
            setting=False,
        ),
        Slot(
            name="precision",
            unit="percent",
            meaning="precision wanted of the target",
            keywords=("within", "precision", "accuracy", "better", "uncertainty", "good"),
            kinds=("precision", "at_most"),
            fact="asked_precision",
            setting=False,
        ),
        Slot(
            name="reading_error",
            unit="percent",
            meaning="error of one concentration reading",
            keywords=("reading", "noise", "error", "scatter", "accurate", "electrode", "sensor"),
            kinds=("value", "at_most", "precision"),
        ),
        Slot(
            name="sampling_interval",
            unit="min",
            meaning="shortest time between two samples",
            keywords=("every", "interval", "between", "sample", "fraction", "collector"),
            bounds="shortest_interval",
            side="lower",
            setting=False,
        ),
        Slot(
            name="samples",
            unit="",
            meaning="number of samples that can be taken",
            keywords=("samples", "fractions", "tubes", "vials", "bottles"),
            fact="most_samples",
            bounds="samples",
            setting=False,
        ),
    ),
    needs=(
        Need(names=("length",), question="How long is the packed bed (for example 30 cm)?"),
        Need(names=("diameter",), question="What is the inner diameter of the column (for example 5 cm)?"),
        Need(names=("flow",), question="Which flow can the pump deliver (for example 0.5 to 10 mL/min)?"),
    ),
    assumptions=(
        Assumption(name="porosity", value="0.4", sentence="The porosity is taken as {porosity}."),
        Assumption(name="duration", value="8 h", sentence="The time available is taken as {time_limit}."),
        Assumption(
            name="precision", value="5 %", sentence="The precision wanted is taken as {asked_precision} of the target."
        ),
        Assumption(
            name="dispersivity",
            value="0.1 cm",
            sentence="The dispersivity is not known yet; the design serves a wide range around {dispersivity}.",
        ),
        Assumption(
            name="reading_error",
            value="2 %",
            sentence="A reading is taken to err by {reading_error} of the input concentration.",
        ),
        Assumption(
            name="sampling_interval",
            value="2 min",
            sentence="At least {sampling_interval} is taken to lie between neighbouring samples.",
        ),
        Assumption(name="samples", value="96", sentence="At most {most_samples} samples are taken to be affordable."),
    ),
    targets={
        "dispersion": ("dispersion", "dispersivity", "spreading", "mixing", "peclet", "péclet"),
        "velocity": ("velocity", "flow velocity", "travel time", "effective porosity"),
    },
    topics=(
        Topic(name="step", query="What does a step input give for determining dispersion?", when="step"),
        Topic(name="pulse", query="What does a pulse input give for determining dispersion?", when="pulse"),
        Topic(name="sampling", query="Where on the front should samples be placed to determine dispersion?"),
        Topic(name="flow rate", query="Which flow rate to choose so that mechanical dispersion outweighs diffusion"),
        Topic(name="tracer", query="Why is bromide a conservative tracer that does not sorb?"),
        Topic(name="packing", query="How to saturate the column without entrapped air?"),
        Topic(name="afterwards", query="How to check the mass recovery after the run?"),
    ),
    instruments=Instruments(
        words={
            "piston-and-syringe-pump": ("piston pump", "syringe pump", "hplc pump"),
            "peristaltic-pump": ("peristaltic", "pump"),
            "fraction-collector": ("fraction collector", "fractions", "collector"),
            "electrical-conductivity-sensor": ("conductivity", "ec sensor", "ec probe"),
            "bromide-selective-electrode": ("ion-selective", "ion selective", "ise", "electrode"),
        },
        sensors=("electrical-conductivity-sensor", "bromide-selective-electrode"),
        usual=("fraction-collector",),
        by_choice={"bromide": "bromide-selective-electrode"},
        bounds={"flow": "flow", "sample_volume": "sample_volume", "run_time": "duration"},
        values={
            "reading_error": "A reading errs by {reading_error} of the input concentration, as the card [card] says."
        },
    ),
    choices={
        "tracer": {
            name: (name,)
            for name in ("bromide", "chloride", "iodide", "nitrate", "tritiated water", "fluorescein", "deuterium")
        }
    },
    reasons={
        "flow": ("flow", "pump", "rate"),
        "velocity": ("velocity",),
        "duration": ("run", "lasts", "duration"),
        "pulse_duration": ("pulse",),
        "samples": ("samples", "readings", "fractions"),
        "first_sample": ("first", "start", "begin", "from", "earliest"),
        "last_sample": ("last", "until", "end", "final"),
        "precision_dispersion": ("dispersion", "precision", "within"),
    },
    measured=Measured(
        fit=("velocity", "dispersion"),
        comments={
            "position": ("sensor depth", "sensor position", "sensor", "depth of the sensor", "probe depth", "depth"),
            "length": ("column length", "bed length", "length of the column", "length of the bed"),
            "diameter": ("inner diameter", "column diameter", "diameter of the column"),
            "porosity": ("porosity",),
            "pulse_duration": ("pulse duration", "pulse length", "duration of the pulse", "pulse of", "pulse"),
            "retardation": ("retardation factor", "retardation"),
        },
        apparatus=("length", "diameter", "flow"),
        slots=(
            Slot(
                name="pulse_duration",
                unit="h",
                meaning="how long tracer was fed in the run that was measured",
                keywords=("pulse", "fed", "injected", "injection"),
            ),
        ),
        needs=(
            Need(
                names=("position", "length"),
                question="How far from the inlet does the sensor stand (for example 11 cm)?",
            ),
            Need(
                names=("pulse_duration",),
                question="The curve comes down again, as after a pulse: how long was tracer fed (for example 30 min)?",
                when="pulse",
            ),
        ),
        topics=(
            Topic(name="step", query="What does a step input give for determining dispersion?", when="step"),
            Topic(name="pulse", query="What does a pulse input give for determining dispersion?", when="pulse"),
            Topic(name="sampling", query="Where on the front should samples be placed to determine dispersion?"),
            Topic(name="fit", query="How are velocity and dispersion fitted to a breakthrough curve?"),
            Topic(name="precision", query="How well is dispersion known from a fit, and what makes it more precise?"),
            Topic(name="flow rate", query="How to keep the flow rate the same and check it during a run?"),
            Topic(name="afterwards", query="How to check the mass recovery after the run?"),
        ),
        instruments=Instruments(
            words={
                "piston-and-syringe-pump": ("piston pump", "syringe pump", "hplc pump"),
                "peristaltic-pump": ("peristaltic",),
                "fraction-collector": ("fraction collector", "fractions", "collector"),
            },
            sensors=(),
            usual=(),
            bounds={"run_time": "duration"},
        ),
        reasons={
            "pulse_duration": ("pulse",),
            "samples": ("samples", "readings"),
            "first_sample": ("first", "start", "begin", "from", "earliest"),
            "last_sample": ("last", "until", "end", "final"),
            "precision_dispersion": ("dispersion", "precision", "within"),
        },
    ),
)
