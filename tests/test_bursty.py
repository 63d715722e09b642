"""Sequences of classes: what is drawn, and what the evaluators say of models that are known."""

from __future__ import annotations

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsa_theory.transformer.model import Architecture, Stream
from lsa_theory.transience.bursty import Bursty, integers
from lsa_theory.transience.circuits import circuits, logits_without
from lsa_theory.transience.classifier import classifier
from lsa_theory.transience.experiment import BurstyExperiment, World
from lsa_theory.transience.probes import training

# --- the law ---

LAW = Bursty(class_count=10, label_count=3, pairs=6, burst=2, dimension=4)


def drawn(data, kind, size=4000, seed=0):
    found = getattr(data, kind)(data.uniforms(jax.random.key(seed), size))
    return jax.tree.map(np.asarray, found)


def test_sequences_are_what_they_say():
    rows, labels = drawn(LAW, "training")
    np.testing.assert_array_equal(labels, rows % 3)
    counts = (rows[:, :-1] == rows[:, -1:]).sum(1)
    assert counts.min() >= 2
    assert all(max(np.bincount(row[:-1][row[:-1] != row[-1]], minlength=1)) >= 2 for row in rows)
    matching = (rows[:, :-1] == rows[:, -1:]).mean(0)
    assert abs(matching - matching.mean()).max() < 0.1  # in any order
    free, _ = drawn(replace(LAW, burstiness=0.0), "training")
    assert abs((free[:, :-1] == free[:, -1:]).mean() - 0.1) < 0.02
    half, _ = drawn(replace(LAW, burstiness=0.5, class_count=1000), "training")
    assert abs(((half[:, :-1] == half[:, -1:]).sum(1) >= 2).mean() - 0.5) < 0.03


def test_classes_by_their_frequencies():
    u = jax.random.uniform(jax.random.key(1), (20_000,))
    for exponent in (0.0, 1.0):
        classes = np.asarray(replace(LAW, zipf=exponent).drawn(u))
        weights = np.arange(1.0, 11.0) ** -exponent
        shares = np.bincount(classes, minlength=10) / 20_000
        assert abs(shares - weights / weights.sum()).max() < 0.015
    np.testing.assert_array_equal(integers(jnp.array([0.0, 0.3, 0.5, 0.99999997]), 2), [0, 0, 1, 1])


def test_others_are_of_another_label():
    u = jax.random.uniform(jax.random.key(1), (10, 5000))
    others = np.asarray(LAW.others(u, jnp.arange(10)[:, None]))
    assert (others % 3 != np.arange(10)[:, None] % 3).all()
    assert len(np.unique(others[0])) == 6  # all classes of another label


def test_evaluators_are_what_they_say():
    classes, labels = drawn(LAW, "flipped")
    first, second = classes.min(1, keepdims=True), classes.max(1, keepdims=True)
    assert ((classes[:, :-1] == first).sum(1) == 3).all()
    np.testing.assert_array_equal(labels, np.where(classes == first, second, first) % 3)
    assert 0.4 < (classes[:, -1:] == first).mean() < 0.6
    classes, labels = drawn(LAW, "unsupported")
    np.testing.assert_array_equal(labels, classes % 3)
    assert (labels[:, :-1] != labels[:, -1:]).all()
    same, shown = drawn(LAW, "label_shown")
    np.testing.assert_array_equal(same, classes)
    assert ((shown[:, :-1] == shown[:, -1:]).sum(1) == 1).all()
    assert ((shown != labels).sum(1) == 1).all()
    (side, labels), pair = drawn(LAW, "new")
    assert (pair[:, 0] != pair[:, 1]).all()
    assert len(np.unique(pair, axis=0)) == 6  # all pairs of labels
    np.testing.assert_array_equal(labels, np.where(side == 0, pair[:, :1], pair[:, 1:]))
    assert (side[:, :-1].sum(1) == 3).all()


def test_gaussian_exemplars():
    experiment = BurstyExperiment(replace(LAW, noise=2.0))
    world = World(jnp.arange(40.0).reshape(10, 4))
    classes = jnp.tile(jnp.arange(10), (2000, 1))
    shown = np.asarray(experiment.exemplars(world, jax.random.key(0), classes)) * 5**0.5
    np.testing.assert_allclose(shown.mean(0), world.means, atol=0.2)
    np.testing.assert_allclose(shown.std(0), 2.0, rtol=0.1)
    side = jnp.tile(jnp.array([0, 1, 1]), (2000, 1))
    new = np.asarray(experiment.newcomers(world, jax.random.key(0), side))
    product = (new[:, :, None] * new[:, None]).mean((0, 3))  # 1 = 1/5 of the mean, 4/5 of noise
    np.testing.assert_allclose(product, [[1, 0, 0], [0, 1, 0.2], [0, 0.2, 1]], atol=0.05)


# --- models that are known ---

DATA = Bursty(class_count=12, label_count=6, pairs=4, burst=2, noise=0.0, dimension=12)
PLAIN = Architecture(width=18, heads=1, mlp=0, normalised=False)
KNOWN = BurstyExperiment(DATA, PLAIN, evaluation_count=400)


def planted(strength, memory):
    """Classes in the first 12 entries of the stream, labels in the others. Attention copies the
    labels of what is alike, and the embedding may write the label itself."""
    model = classifier(DATA, PLAIN, False, jax.random.key(0))
    upper, lower = np.eye(18)[:12], np.eye(18)[12:]
    like = np.diag([strength] * 12 + [0] * 6)
    copied = np.diag([0.0] * 12 + [1.0] * 6)
    known = memory * np.eye(6)[np.arange(12) % 6] @ lower
    matrices = (like, like, copied if strength else 0 * copied, np.eye(18))
    return eqx.tree_at(
        lambda m: [m.exemplar, m.label, m.readout, *(getattr(layer_of(m), n) for n in NAMES)],
        model,
        [jnp.asarray(x, jnp.float32) for x in ((upper + known).T, lower, lower, *matrices)],
    )


NAMES = ("query", "key", "value", "output")


def layer_of(model):
    return model.core.blocks[0].attention


@pytest.fixture(scope="module")
def judged():
    """Of the model that reads, and of the one that knows."""
    world = World(12**0.5 * jnp.eye(12))
    found = eqx.filter_jit(KNOWN.evaluation)
    models = planted(3.0, 0.0), planted(0.0, 1.0)
    return [
        {name: float(x) for name, x in found(m, world, jax.random.key(3)).items()} for m in models
    ]


def test_a_model_that_reads_the_context(judged):
    reads = judged[0]
    for name in ("icl", "icl_two_way", "icl_without_mlp"):
        assert reads[name] > 0.97  # new classes may be near each other
    assert reads["flip"] == 1
    for name in ("iwl", "copy", "iwl_without_mlp", "iwl_without_attention"):
        assert reads[name] < 0.35
    assert reads["icl_without_attention"] < 0.3
    assert abs(reads["match"] - 2 / 3) < 1e-3  # two of its class, and itself
    assert abs(reads["logit_attention"] - 2 / 3 * 5 / 6) < 1e-3
    assert reads["logit_mlp"] == 0


def test_a_model_that_knows(judged):
    knows = judged[1]
    for name in ("iwl", "copy", "iwl_without_attention"):
        assert knows[name] == 1
    assert knows["flip"] == 0
    assert 0.3 < knows["icl_two_way"] < 0.7
    for name in ("icl", "icl_without_mlp", "icl_without_attention", "iwl_without_mlp"):
        assert knows[name] < 0.4
    assert abs(knows["match"] - 2 / 5) < 1e-3  # uniform
    assert knows["logit_attention"] == 0
    assert abs(knows["logit_mlp"] - 12**0.5 * 5 / 6) < 1e-3


def test_paths_add_up_to_the_logits():
    """Two blocks, a norm, two tokens a pair; the direct path is what the two leave."""
    shape = Architecture(depth=2, width=8, heads=2, mlp=1)
    experiment = BurstyExperiment(DATA, shape, interleaved=True)
    model = experiment.model(jax.random.key(0))
    world = experiment.world(jax.random.key(1))
    batch, same = training(experiment, world, jax.random.key(2), 1)

    @eqx.filter_jit
    def everything(model, batch, same):
        seen = Stream(capture=["all"])
        logits = model(batch.exemplars[0], batch.labels[0], seen)
        silence = Stream(silence=["block0.mlp", "block1.mlp"])
        again = model(batch.exemplars[0], batch.labels[0], silence)
        without = logits_without(model, batch, "mlp")[0]
        return circuits(model, batch, same), logits, seen.captured, without, again

    found, logits, seen, without, again = everything(model, batch, same)
    norm = model.core.norm
    factor = norm.scale / jnp.sqrt((seen["block1"][-1] ** 2).mean() + 1e-6)
    direct = (seen["embedding"][-1] * factor) @ model.readout.T
    rest = logits - direct
    right = batch.labels[0, -1]
    total = found["logit_attention"] + found["logit_mlp"]
    np.testing.assert_allclose(total, rest[right] - rest.mean(), rtol=1e-4, atol=1e-5)
    weights = np.concatenate([seen[f"block{k}.attention.weights"][:, -1, :8] for k in (0, 1)])
    pairs = weights.reshape(4, 4, 2).sum(-1)  # exemplar and label
    np.testing.assert_allclose(found["match"], (pairs * np.asarray(same[0])).sum(1).max(), 1e-5)
    np.testing.assert_allclose(without, again, rtol=1e-4, atol=1e-5)
    assert abs(without - logits).max() > 1e-2


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: Bursty(burst=3), r"burst=3\): must be at most half of the 4 pairs"),
        (lambda: Bursty(class_count=8), r"class_count=8\): must be at least 3 and as many as"),
        (lambda: Bursty(burstiness=1.5), r"burstiness=1.5\): must be a number in \[0, 1\]"),
        (lambda: BurstyExperiment(evaluation_count=0), r"evaluation_count=0\): must be an int"),
    ],
)
def test_refusals(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
