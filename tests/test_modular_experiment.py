"""Training on modular arithmetic: which tasks, which rows, and what the evaluators say."""

from __future__ import annotations

import json
from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsa_theory.modular import copy_accuracy
from lsa_theory.modular.experiment import ModularExperiment
from lsa_theory.modular.presets import PRESETS
from lsa_theory.modular.rows import answered, drawn_of, places, tokens
from lsa_theory.modular.stopping import stopped_early
from lsa_theory.modular.tasks import ModularTasks
from lsa_theory.transformer.training import trained


def codes(cells, p=7):
    return set((np.asarray(cells) @ (p, 1)).tolist())


# --- tasks and inputs ---


@pytest.mark.parametrize("rule", ["random", "rectangular"])
def test_sets_are_apart_and_as_many_as_asked_for(rule):
    data = ModularTasks(task_count=24, rule=rule)
    for seed in range(3):
        world = data.world(seed)
        counts = [len(codes(part)) for part in world]
        assert counts == [24, 5, 4, 39, 10]
        assert len(codes(np.concatenate(world[:3]))) == 33
        assert len(codes(np.concatenate(world[3:]))) == 49


def test_a_comparison_shares_new_tasks_and_split():
    data = ModularTasks(task_count=8)
    less, seed = data.world([3, 4]), [3, 4]
    others = [replace(data, task_count=40), replace(data, rule="rectangular"), replace(data)]
    for other in others:
        more = other.world(seed)
        for name in ("out_of_distribution", "validation", "inputs", "held_out"):
            np.testing.assert_array_equal(getattr(less, name), getattr(more, name))
        if other.rule == "random":
            np.testing.assert_array_equal(more.tasks[:8], less.tasks)
    for changed in (data.world([3, 5]), replace(data, world_seed=1).world(seed)):
        assert codes(changed.out_of_distribution) != codes(less.out_of_distribution)
        assert codes(changed.held_out) != codes(less.held_out)
    wider = replace(data, fraction=0.9).world(seed)
    assert codes(less.inputs) < codes(wider.inputs)


def test_rectangles_are_rectangles():
    tasks = ModularTasks(task_count=24, rule="rectangular").world(0).tasks
    bases, others = tasks[:6], tasks[6:].reshape(6, 3, 2)
    for (a, b), (beside, above, across) in zip(bases, others, strict=True):
        x, y = across
        assert beside.tolist() == [x, b]
        assert above.tolist() == [a, y]
        assert x != a
        assert y != b


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: ModularTasks(p=9), r"ModularTasks\(p=9\): must be a prime number"),
        (lambda: ModularTasks(task_count=41), r"task_count=41\): must be at most the 49 tasks"),
        (lambda: ModularTasks(fraction=0.001), r"at least one of the 49 inputs is for training"),
        (lambda: ModularTasks(fraction=0.999), r"at least one of the 49 inputs is held out"),
        (lambda: ModularTasks(fraction=1.5), r"fraction=1.5\): must be a number in \(0, 1\]"),
        (lambda: ModularTasks(rule="any"), r"rule='any'\): must be one of random, rectangular"),
        (lambda: ModularTasks(task_count=39, rule="rectangular"), "must be a multiple of 4"),
        (lambda: ModularTasks(examples=1), r"examples=1\): must be an integer >= 2"),
        (
            lambda: ModularTasks(p=5, task_count=20, validation_count=0, rule="rectangular").world(
                0
            ),
            r"task_count=20\): must be a number of which a rectangular draw completes",
        ),
        (lambda: ModularExperiment(evaluation_count=7), r"must be an integer >= 8"),
        (lambda: stopped_early([1, 2], [[1.0]], [[1.0]]), r"steps.*must be of length 1"),
        (lambda: stopped_early([1], [[1.0]], [[1.0], [0.0]]), r"validation.*must be of the shape"),
    ],
)
def test_refusals(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


# --- rows ---


def test_rows_are_what_they_say():
    world = ModularTasks().world(0)
    tasks, inputs, held_out = (jnp.asarray(world[k]) for k in (0, 3, 4))
    new = jnp.asarray(world.out_of_distribution)
    law = jax.jit(drawn_of, static_argnums=(3, 4, 6))
    drawings = law(jax.random.key(1), [tasks, tasks, new], inputs, (200, 8), 7, held_out, 2)
    plain, mixed, strange = np.asarray(drawings)
    place = np.asarray(places((200, 8)))
    assert (place.sum(1) == 1).all()
    assert (place.sum(0) == 25).all()
    assert codes(plain[..., :2].reshape(-1, 2)) == codes(world.inputs)
    assert codes(mixed[place][:, :2]) == codes(world.held_out)
    assert codes(mixed[~place][:, :2]) == codes(world.inputs)
    for rows, known in ((plain, world.tasks), (mixed, world.tasks), (strange, world[1])):
        agree = (rows[:, None, :, :2] * known[:, None]).sum(-1) % 7 == rows[:, None, :, 2]
        assert agree.all(-1).any(-1).all()  # one task of the list tells the whole row
    by_hand = [[3 * 2 + 5 * 6, 4 * 2 + 1 * 6]]
    rows = answered(jnp.array([[2, 6]]), jnp.array([[[3, 5], [4, 1]]]), 7)
    np.testing.assert_array_equal(rows[..., 2], np.array(by_hand) % 7)
    np.testing.assert_array_equal(tokens(rows), [[3, 5, 1, 4, 1]])


# --- evaluators ---


class Copier(eqx.Module):
    """Answers as the last earlier example of the same input did, else 0."""

    p: int = eqx.field(static=True)

    def __call__(self, numbers):
        x, y = numbers[::3], numbers[1::3]
        z = jnp.append(numbers[2::3], 0)
        earlier = jnp.tril(jnp.ones((len(x), len(x))), -1)
        same = (x[:, None] == x) & (y[:, None] == y)
        return (same * earlier) @ jax.nn.one_hot(z, self.p)


def test_evaluators_of_a_model_that_copies():
    data = ModularTasks(p=5, task_count=14, validation_count=0, examples=6)
    experiment = ModularExperiment(data, evaluation_count=3000)
    world = experiment.world(jax.random.key(0))
    found = jax.jit(experiment.evaluation)(Copier(5), world, jax.random.key(1))
    found = {name: np.asarray(value) for name, value in found.items()}
    assert set(found) == {"in_distribution", "out_of_distribution", "accuracy", "agreement"}
    expected = [copy_accuracy(5, k, inputs=world.inputs) for k in range(6)]
    seen = 1 - (1 - 1 / len(world.inputs)) ** np.arange(6)
    zero = [
        np.mean(tasks @ part.T % 5 == 0)
        for tasks in (world.tasks, world.out_of_distribution)
        for part in (world.inputs, world.held_out)
    ]
    for row, share in enumerate(zero):
        mean = share + (1 - share) * seen if row % 2 == 0 else share + 0 * seen
        count = 3000 if row % 2 == 0 else 500
        assert abs(found["accuracy"][row] - mean).max() < 4.5 * np.sqrt(0.25 / count)
    np.testing.assert_allclose(seen + (1 - seen) / 5, expected)
    np.testing.assert_array_equal(found["agreement"][0, 1:], 1)
    assert (found["agreement"][1, 1:] < 0.6).all()
    for name, row in (("in_distribution", 0), ("out_of_distribution", 2)):
        assert found[name] == found["accuracy"][row, -1]


def test_nothing_is_held_out():
    data = ModularTasks(p=3, task_count=4, ood_count=2, validation_count=0, fraction=1, examples=2)
    experiment = ModularExperiment(data, evaluation_count=16)
    world = experiment.world(jax.random.key(0))
    assert len(world.held_out) == 0
    found = jax.jit(experiment.evaluation)(Copier(3), world, jax.random.key(1))
    accuracy = np.asarray(found["accuracy"])
    assert np.isnan(accuracy[[1, 3]]).all()
    assert np.isfinite(accuracy[[0, 2]]).all()


# --- a run ---

PLAN = PRESETS["tiny"]()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return folder, trained(
        PLAN.experiment, PLAN.optimisation, seeds=PLAN.seeds, every=PLAN.every, folder=folder
    )


def test_a_run_says_everything(run):
    folder, history = run
    assert history.values["accuracy"].shape == (2, 4, 4, 3)
    assert history.values["agreement"].shape == (2, 4, 5, 3)
    assert history.values["validation"].shape == (2, 4)
    last = history.values["accuracy"][..., -1]
    np.testing.assert_array_equal(last[..., 0], history.values["in_distribution"])
    np.testing.assert_array_equal(last[..., 2], history.values["out_of_distribution"])
    with np.load(folder / "analysis.npz", allow_pickle=False) as kept:
        shapes = {name: kept[name].shape for name in kept.files}
    assert shapes == {
        "tasks": (2, 4, 2),
        "out_of_distribution": (2, 2, 2),
        "validation": (2, 1, 2),
        "inputs": (2, 7, 2),
        "held_out": (2, 2, 2),
        "grid_contexts": (2, 2, 2, 2),
        "grids": (2, 2, 3, 3),
        "grids_in_distribution": (2, 2, 3, 3),
        "embedding": (2, 3, 8),
        "attention": (2, 1, 2, 6),
        "attention_uniform": (2, 6),
        "neuron_frequency": (2, 1, 16),
        "neuron_line": (2, 1, 16),
    }
    assert codes(history.analysis["out_of_distribution"][0]) != codes(
        history.analysis["out_of_distribution"][1]
    )


def test_the_loss_is_of_every_answer(run):
    _, history = run
    model, world = history.model(0), history.world(0)
    rows = answered(world.tasks, world.inputs[jnp.arange(12).reshape(4, 3) % 7], 3)
    logits = np.array(jax.jit(jax.vmap(model))(tokens(rows)), dtype=float)
    assert logits.shape == (4, 3, 3)
    share = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    answers = np.asarray(rows[..., 2:])
    expected = -np.log(np.take_along_axis(share, answers, -1)).mean()
    np.testing.assert_allclose(jax.jit(PLAN.experiment.loss)(model, rows), expected, rtol=1e-5)


def test_grids_by_hand(run):
    _, history = run
    model, found = history.model(1), {k: v[1] for k, v in history.analysis.items()}
    context, query = found["grid_contexts"][0], np.array([2, 1])
    new = found["out_of_distribution"]
    rows = answered(new, np.tile(np.vstack([context, query]), (len(new), 1, 1)), 3)
    answers = jax.jit(jax.vmap(model))(tokens(rows))[:, -1].argmax(-1)
    np.testing.assert_allclose(found["grids"][0, 2, 1], (answers == rows[:, -1, 2]).mean())


@pytest.mark.parametrize("name", ["tiny", "cpu", "gpu", "paper"])
def test_presets(name):
    plan = PRESETS[name]()
    settings = json.loads(json.dumps(plan.experiment.as_dict()))
    assert settings["data"]["p"] == {"tiny": 3, "cpu": 7, "gpu": 11, "paper": 29}[name]
    assert len(plan.experiment.data.world(0).tasks) == settings["data"]["task_count"]
    assert len(plan.about) > 20


# --- early stopping ---


def test_stopping_is_by_validation_alone():
    steps = np.array([0, 10, 20, 30])
    validation = np.array([[0.1, 0.6, 0.6, 0.2], [0.1, 0.2, 0.3, 0.4]])
    new = np.array([[0.2, 0.5, 0.9, 0.3], [0.8, 0.2, 0.3, 0.25]])
    found = stopped_early(steps, validation, new)
    assert found.step.tolist() == [10, 30]  # the first of equals; not where the others are best
    np.testing.assert_allclose(found.accuracy, [0.5, 0.25])
    np.testing.assert_allclose(found.at_end, [0.3, 0.25])
    np.testing.assert_allclose(found.highest, [0.9, 0.8])
    np.testing.assert_allclose(found.gain, [0.2, 0.0])
