"""A checkpointed run gives what a taped one gives, in value and gradient, and keeps what its schedule says."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import forward_ad

from physics.adjoint.checkpoint import checkpointed, with_lengths
from physics.adjoint.schedule import binomial, budgeted, logarithmic, repeated, store_all
from physics.errors import ParameterError
from physics.integrate.loop import march

F64 = torch.float64
STEPS = 60
SCHEDULES = {
    "store all": store_all,
    "one snapshot": lambda n: binomial(n, 1),
    "binomial": lambda n: binomial(n, 5),
    "as many as steps": lambda n: binomial(n, n),
    "repeated": lambda n: repeated(n, 2),
    "logarithmic": logarithmic,
    "budgeted": lambda n: budgeted(n, 64 * 8, 10 * 64 * 8),
}


def burgers(state, parameters, index):
    """Periodic viscous Burgers, explicit, in flux form, with a forcing that depends on the index; cells last."""
    (u,), (nu, strength) = state, parameters
    h, dt = 2 * math.pi / u.shape[-1], 0.01
    face = 0.25 * (u**2 + torch.roll(u, -1, -1) ** 2) - nu[:, None] * (torch.roll(u, -1, -1) - u) / h
    force = strength * math.sin(0.3 * index)
    return (u - dt * (face - torch.roll(face, 1, -1)) / h + dt * force,)


def setup(batch=2, cells=64):
    x = torch.arange(cells, dtype=F64) * 2 * math.pi / cells
    start = torch.sin(x) + 0.3 * torch.cos(2 * x + torch.arange(batch, dtype=F64)[:, None])
    return start, torch.linspace(0.05, 0.1, batch, dtype=F64), torch.tensor(0.2, dtype=F64)


def mean_square(state, index):
    return (state[0] ** 2).mean(-1)


def run(make, start, nu, strength, at=None):
    (end,), curve = checkpointed(
        burgers, (start,), (nu, strength), STEPS, schedule=make(STEPS), observe=mean_square, at=at
    )
    weights = torch.sin(torch.arange(len(curve), dtype=F64) + 1)[:, None]
    return (end**3).sum() + (weights * curve).sum()


@pytest.mark.parametrize("at", [None, [0, 7, 30], [60], [59]], ids=str)
@pytest.mark.parametrize("make", SCHEDULES.values(), ids=SCHEDULES)
def test_equals_store_all(make, at) -> None:
    leaves = [part.requires_grad_() for part in setup()]
    expected = run(store_all, *leaves, at=at)
    slopes = torch.autograd.grad(expected, leaves)
    value = run(make, *leaves, at=at)
    assert torch.equal(value, expected)
    for mine, theirs in zip(torch.autograd.grad(value, leaves), slopes, strict=True):
        assert float((mine - theirs).abs().max()) <= 1e-12 * float(theirs.abs().max())


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 40), st.integers(1, 12), st.booleans())
def test_any_number_of_steps_and_snapshots(steps, snapshots, watch_curve) -> None:
    slopes = []
    for schedule in (store_all(steps), binomial(steps, snapshots)):
        leaves = [part.requires_grad_() for part in setup(1, 8)]
        (end,), curve = checkpointed(
            burgers, (leaves[0],), tuple(leaves[1:]), steps,
            schedule=schedule, observe=mean_square if watch_curve else None,
        )  # fmt: skip
        value = (end**2).sum() + (curve.sum() if curve is not None else 0)
        slopes.append(torch.autograd.grad(value, leaves, allow_unused=True))
    for a, b in zip(*slopes, strict=True):
        assert torch.allclose(torch.zeros(()) if a is None else a, torch.zeros(()) if b is None else b, rtol=1e-12)


def test_forward_mode_agrees() -> None:
    start, nu, strength = setup()
    leaf = nu.clone().requires_grad_()
    slope = torch.autograd.grad(run(logarithmic, start, leaf, strength), leaf)[0].sum()
    with forward_ad.dual_level():
        dual = run(logarithmic, start, forward_ad.make_dual(nu, torch.ones_like(nu)), strength)
        assert float(forward_ad.unpack_dual(dual).tangent) == pytest.approx(float(slope), rel=1e-12)
    (_, tangent) = torch.func.jvp(lambda p: run(logarithmic, start, p, strength), (nu,), (torch.ones_like(nu),))
    assert float(tangent) == pytest.approx(float(slope), rel=1e-12)


def test_keeps_no_more_than_its_snapshots_and_runs_no_more_than_it_says() -> None:
    """The states alive are counted from inside the step by weak references."""
    import weakref

    states: list[weakref.ref] = []
    counts = {"calls": 0, "most": 0}

    def step(state, parameters, index):
        counts["calls"] += 1
        after = state[0] * parameters[0] * 0.999
        states[:] = [ref for ref in states if ref() is not None]
        states.append(weakref.ref(after.untyped_storage()))
        counts["most"] = max(counts["most"], len({id(r()) for r in states}))
        return (after,)

    schedule = binomial(500, 8)
    factor = torch.ones(1, dtype=F64, requires_grad=True)
    (end,), _ = checkpointed(step, (torch.ones(1, dtype=F64),), (factor,), 500, schedule=schedule)
    end.sum().backward()
    assert factor.grad is not None
    assert float(factor.grad) == pytest.approx(500 * 0.999**500, rel=1e-12)
    assert counts["calls"] == schedule.evaluations
    assert counts["most"] <= 8 + 4  # the snapshots, and the working states around one step


@pytest.mark.parametrize(
    "make", [lambda n: repeated(n, 2), lambda n: repeated(n, 3), logarithmic], ids=["2", "3", "log"]
)
def test_ten_thousand_steps_need_a_twentieth_of_the_memory_of_store_all(make) -> None:
    """Bytes that a taped step saves, as torch hands them over, against snapshots, working state and one tape."""
    start, nu, strength = setup(1, 2048)
    saved: dict[int, torch.UntypedStorage] = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        saved[storage.data_ptr()] = storage
        return tensor

    nu.requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        state = (start,)
        for k in range(50):
            state = burgers(state, (nu, strength), k)
    taped = sum(storage.nbytes() for storage in saved.values()) / 50
    schedule = make(10_000)
    ours = (schedule.snapshots + 3) * start.nbytes + taped
    assert 20 * ours <= 10_000 * taped
    assert schedule.evaluations <= 4 * 10_000  # store-all takes one and as much again or more backwards


def test_a_second_pass_over_the_same_graph() -> None:
    leaves = [part.requires_grad_() for part in setup()]
    value = run(logarithmic, *leaves)
    first = torch.autograd.grad(value, leaves, retain_graph=True)
    second = torch.autograd.grad(value, leaves)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_complex_integer_and_untouched_parts_of_a_state() -> None:
    """A spectral step with a counter, and a part that is only passed on."""

    def step(state, parameters, index):
        hat, count, fixed = state
        return hat * torch.exp(1j * parameters[0] * fixed - 0.01 * count), count + 1, fixed

    results = []
    for schedule in (store_all(20), binomial(20, 3)):
        hat = torch.tensor([1.0 + 0.5j, -0.3j], requires_grad=True)
        rate = torch.tensor(0.1, requires_grad=True)
        fixed = torch.tensor(0.7, requires_grad=True)
        (end, count, same), _ = checkpointed(step, (hat, torch.tensor(0), fixed), (rate,), 20, schedule=schedule)
        assert int(count) == 20
        results.append(torch.autograd.grad((end * (1 - 2j)).real.sum() + same, (hat, rate, fixed)))
    for a, b in zip(*results, strict=True):
        assert torch.allclose(a, b, rtol=1e-5)


def test_the_steps_that_a_loop_chose_are_replayed() -> None:
    """The tape of the loop and the checkpointed replay with its lengths have the same gradient."""

    def step(state, parameters, time, dt):
        return (state[0] - dt * parameters[0] * state[0] ** 2 + dt * math.cos(time),)

    start, slopes = torch.ones(1, dtype=F64), []
    rate = torch.tensor([2.0], dtype=F64, requires_grad=True)
    taped = march(lambda s, t, dt: step(s, (rate,), t, dt), (start,), [1.0, 2.0], dt=lambda s: 0.1 / (1 + s[0] ** 2))
    slopes.append(torch.autograd.grad(taped.state[0].sum(), rate)[0])
    (end,), _ = checkpointed(
        with_lengths(step, taped.dts), (start,), (rate,), taped.steps, schedule=logarithmic(taped.steps)
    )
    slopes.append(torch.autograd.grad(end.sum(), rate)[0])
    assert len(set(taped.dts)) > 1
    assert float(slopes[0]) == pytest.approx(float(slopes[1]), rel=1e-12)


def test_a_hidden_parameter_is_refused() -> None:
    hidden = torch.tensor(0.5, requires_grad=True)
    start = torch.ones(2, requires_grad=True)
    with pytest.raises(ParameterError, match="put it among"):
        checkpointed(lambda s, p, k: (s[0] * hidden,), (start,), (), 5, schedule=binomial(5, 2))
    with pytest.raises(ParameterError, match="only use the state"):
        checkpointed(lambda s, p, k: s, (start,), (), 5, schedule=binomial(5, 2), observe=lambda s, k: s[0] * hidden)


def test_bad_arguments() -> None:
    start = (torch.ones(2, requires_grad=True),)
    with pytest.raises(ParameterError, match="make one for 6"):
        checkpointed(lambda s, p, k: s, start, (), 6, schedule=binomial(5, 2))
    for at in ([3, 2], [6], [-1], []):
        with pytest.raises(ParameterError, match="must rise within 0 to 5"):
            checkpointed(lambda s, p, k: s, start, (), 5, schedule=binomial(5, 2), observe=lambda s, k: s[0], at=at)
