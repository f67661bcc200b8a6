"""One file that is a whole experiment: a cup of coffee that cools."""

import types

from physics.experiment import Experiment

CUP = '''"""Newton's law of cooling, C dT/dt = -C k (T - room)."""

import torch

from physics.experiment import Experiment, Limit, Observable, Parameter, Role
from physics.solution import Balance, Cost, Output, Solution, Status
from physics.validate import Kind, Law
from physics.validate.bounds import bounded
from physics.validate.conservation import closes
from physics.validate.monotonicity import monotone


def complete(settings):
    return {"heat_capacity": 800.0, "room": 293.15, **settings}


def simulate(settings, times=None, *, tolerance=1e-6, device="cpu", progress=None):
    full = complete(dict(settings))
    C, room, start, rate = (
        torch.as_tensor(full[name], dtype=torch.float64).reshape(-1, 1)
        for name in ("heat_capacity", "room", "start", "rate")
    )
    times = default_times(full, 21) if times is None else torch.as_tensor(times, dtype=torch.float64)
    temperature = room + (start - room) * torch.exp(-rate * times)
    stored = (C * (temperature - start)).expand_as(temperature)
    lost = C * (start - room) * -torch.expm1(-rate * times)
    given = (C * (start - room))[:, 0].expand(len(temperature))
    terms = {"stored": stored[:, -1], "lost": lost[:, -1]}
    balance = Balance("heat", terms, sum(terms.values()), given, 1e-9, "J")
    return Solution(
        {
            "temperature": Output("temperature", "K", temperature, times, torch.zeros_like(temperature)),
            "stored": Output("stored", "J", stored, times),
            "lost": Output("lost", "J", lost, times),
            "half_time": Output("half_time", "s", (torch.log(torch.tensor(2.0)) / rate)[:, 0].expand(len(temperature))),
        },
        [balance],
        Status.CONVERGED,
        "",
        Cost(1, len(times), 0.0),
        tolerance,
    )


def mismatch(sample):
    """How far the heat stored is from the one that the temperature tells, in kelvin."""
    capacity, start = sample.number("heat_capacity").reshape(-1, 1), sample.number("start").reshape(-1, 1)
    return (sample.values("temperature") - start - sample.values("stored") / capacity).abs().amax(1)


def default_times(settings, count=21):
    rate = torch.as_tensor(settings["rate"], dtype=torch.float64).reshape(-1)[0]
    return torch.linspace(0.0, 3.0, count, dtype=torch.float64) / rate


EXPERIMENT = Experiment(
    name="cup",
    title="A cup that cools",
    meaning="Hot coffee stands in a room; how fast it cools tells the heat that it loses.",
    parameters=(
        Parameter("heat_capacity", "J/K", Role.APPARATUS, 1.0, 1e5, "of cup and coffee", default=800.0),
        Parameter("room", "K", Role.CONTROL, 200.0, 400.0, "temperature of the room", default=293.15),
        Parameter("start", "K", Role.CONTROL, 200.0, 400.0, "temperature of the coffee at first"),
        Parameter("rate", "1/s", Role.UNKNOWN, 1e-6, 1.0, "share of the excess lost in a second", display="1/h"),
    ),
    choices=(),
    observables=(
        Observable("temperature", "K", "curve", "of the coffee"),
        Observable("half_time", "s", "scalar", "until half the excess is lost"),
    ),
    balances=("heat",),
    limits=(Limit("excess", "over the room", "K", 0.0, 80.0, lambda s: float(s["start"] - s["room"])),),
    complete=complete,
    simulate=simulate,
    default_times=default_times,
    laws=(
        closes("heat is kept", (), ("stored", "lost")),
        Law(
            "heat is in the temperature", Kind.CONSERVATION, "K", "temperature less that of the heat stored",
            mismatch, lambda sample: sample.tolerance, ("temperature", "stored"),
        ),
        monotone("temperature", rising=False, unit="K"),
        bounded("temperature", lambda s: s.number("room"), lambda s: s.number("start"), unit="K"),
    ),
    example={"start": "358 K", "rate": "1.5 1/h"},
)
'''


def cup() -> Experiment:
    """Return what the file declares."""
    module = types.ModuleType("cup")
    exec(compile(CUP, "cup.py", "exec"), module.__dict__)  # noqa: S102
    return module.EXPERIMENT
