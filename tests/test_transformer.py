"""The transformer and its training loop: what flows where, and runs that survive being killed."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsa_theory.transformer import Architecture, Transformer
from lsa_theory.transformer.checkpoint import Run
from lsa_theory.transformer.model import Stream, rotated
from lsa_theory.transformer.training import Optimisation, trained

SMALL = Architecture(depth=2, width=8, heads=2, mlp=2)
ONE = replace(SMALL, depth=1)


@cache
def transformer(shape):
    return Transformer(shape, 5, jax.random.key(0))


def stream_of(shape, x, **options):
    kept = Stream(**options)
    return transformer(shape)(x, kept), kept.captured


@pytest.fixture(scope="module")
def tokens():
    return jax.random.normal(jax.random.key(1), (5, 8))


@pytest.mark.parametrize("attention", ["softmax", "linear"])
def test_attention_by_hand(tokens, attention):
    """One head at a time, in loops."""
    shape = replace(SMALL, depth=1, mlp=0, normalised=False, attention=attention)
    layer = transformer(shape).blocks[0].attention
    found, captured = stream_of(shape, tokens, capture=["block0.attention.weights"])
    x, expected = np.asarray(tokens), np.asarray(tokens).copy()
    q, k, v = (x @ np.asarray(m).T for m in (layer.query, layer.key, layer.value))
    mixed = np.zeros_like(x)
    for head in range(2):
        part = slice(4 * head, 4 * head + 4)
        for t in range(5):
            scores = q[t, part] @ k[: t + 1, part].T / 2
            weights = np.exp(scores) / np.exp(scores).sum()
            weights = weights if attention == "softmax" else scores / (t + 1)
            shown = np.asarray(captured["block0.attention.weights"][head, t])
            np.testing.assert_allclose(shown, np.pad(weights, (0, 4 - t)), atol=1e-6)
            mixed[t, part] = weights @ v[: t + 1, part]
    expected += mixed @ np.asarray(layer.output).T
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_nothing_flows_back(tokens):
    for shape in (ONE, replace(ONE, positions="rotary"), replace(ONE, attention="linear")):
        later = tokens.at[3:].add(1.0)
        one, two = (stream_of(shape, x)[0] for x in (tokens, later))
        np.testing.assert_array_equal(one[:3], two[:3])
        assert abs(one[3:] - two[3:]).max() > 1e-2


def test_positions(tokens):
    """Without them order does not matter to the last token; rotary ones see distances alone."""
    swapped = tokens[jnp.array([1, 0, 2, 3, 4])]
    last = {
        kind: [stream_of(replace(ONE, positions=kind), x)[0][-1] for x in (tokens, swapped)]
        for kind in ("none", "absolute", "rotary")
    }
    np.testing.assert_allclose(*last["none"], atol=1e-6)
    for kind in ("absolute", "rotary"):
        assert abs(last[kind][0] - last[kind][1]).max() > 1e-3
    heads = jax.random.normal(jax.random.key(2), (2, 1, 4))
    turned = rotated(jnp.concatenate([heads[:1]] * 6 + [heads[1:]] * 6), np.arange(12))
    products = [turned[t, 0] @ turned[t + 6, 0] for t in range(6)]
    np.testing.assert_allclose(products, products[0] * np.ones(6), rtol=1e-4)
    assert abs(turned[0, 0] @ turned[7, 0] - products[0]) > 1e-4


def test_capture_and_silence(tokens):
    _, every = stream_of(SMALL, tokens, capture=["all"])
    names = {"embedding"}
    for block in ("block0", "block1"):
        names |= {block, f"{block}.mlp", f"{block}.mlp.hidden"}
        names |= {f"{block}.attention{end}" for end in ("", ".weights", ".heads")}
    assert set(every) == names
    total = every["embedding"] + every["block0.attention"] + every["block0.mlp"]
    np.testing.assert_allclose(every["block0"], total, atol=1e-5)
    silenced, kept = stream_of(
        SMALL, tokens, capture=["block1"], silence=["block0.attention", "block1.attention"]
    )
    moved = tokens.at[0].add(1.0)
    again, _ = stream_of(SMALL, moved, silence=["block0.attention", "block1.attention"])
    np.testing.assert_array_equal(silenced[1:], again[1:])  # no token hears of another
    assert set(kept) == {"block1"}


def test_what_is_not_read_is_left_out(tokens):
    for shape in (SMALL, replace(ONE, positions="rotary", attention="linear")):
        whole, _ = stream_of(shape, tokens)
        part = transformer(shape)(tokens, read=slice(1, None, 3))
        np.testing.assert_allclose(part, whole[1::3], atol=1e-6)


# --- training ---

OPTIMISATION = Optimisation(steps=6, batch=8)


class Line(eqx.Module):
    """One matrix."""

    weight: Any


@dataclass(frozen=True)
class Regressed:
    """The cheapest experiment: a linear map of each seed's own."""

    size: int = 3

    def as_dict(self):
        return {"size": self.size}

    def model(self, key):
        return Line(jax.random.normal(key, (self.size, self.size)))

    def world(self, key):
        assert not isinstance(key, jax.core.Tracer)
        return np.asarray(jax.random.normal(key, (self.size, self.size)))

    def batch(self, world, key, size):
        x = jax.random.normal(key, (size, self.size))
        return x, x @ world.T

    def loss(self, model, batch):
        return ((batch[0] @ model.weight.T - batch[1]) ** 2).mean()

    def evaluation(self, model, world, key):
        gaps = abs(model.weight - world)
        return {"gap": gaps.max(), "gaps": gaps, "noise": jax.random.normal(key)}

    def analysis(self, model, world):
        return {"gaps": abs(model.weight - world), "sign": np.sign(world[0, 0])}


EXPERIMENT = Regressed()


def same(one, two):
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture(scope="module")
def whole():
    return trained(EXPERIMENT, OPTIMISATION, seeds=(1, 2), every=2)


def test_a_killed_run_goes_on_with_the_same_bits(whole, tmp_path):
    class Killed(Exception):
        pass

    def progress(step, last, means):
        if step == 4:
            raise Killed

    with pytest.raises(Killed):
        trained(EXPERIMENT, OPTIMISATION, seeds=(1, 2), every=2, folder=tmp_path, progress=progress)
    lines = (tmp_path / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [0, 2, 4]  # read while it runs
    with (tmp_path / "history.jsonl").open("a") as file:
        file.write('{"step": 6, "lo')  # a line that was being written
    seen = []
    found = trained(
        EXPERIMENT,
        OPTIMISATION,
        seeds=(1, 2),
        every=2,
        folder=tmp_path,
        progress=lambda step, last, means: seen.append(step),
    )
    assert seen == [6]
    same((found.values, found.models), (whole.values, whole.models))
    assert set(found.values) == {"loss", "gap", "gaps", "noise", "norm"}
    assert found.values["gaps"].shape == (2, 4, 3, 3)
    np.testing.assert_array_equal(found.values["gaps"].max((2, 3)), found.values["gap"])
    np.testing.assert_array_equal(found.analysis["gaps"], found.values["gaps"][:, -1])
    with np.load(tmp_path / "analysis.npz", allow_pickle=False) as kept:
        same(dict(kept), whole.analysis)


def test_a_seed_is_its_own(whole):
    alone = trained(EXPERIMENT, OPTIMISATION, seeds=(2,), every=2)
    for name, values in alone.values.items():
        np.testing.assert_allclose(values[0], whole.values[name][1], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(alone.world(0), whole.world(1))
    assert abs(whole.values["loss"][0] - whole.values["loss"][1])[1:].max() > 1e-3


def test_the_two_penalties_are_two(whole):
    norms = {}
    for name in ("l2", "weight_decay"):
        options = replace(OPTIMISATION, **{name: 1.0})
        norms[name] = trained(EXPERIMENT, options, seeds=(1, 2), every=6).values["norm"][:, -1]
    plain = whole.values["norm"][:, -1]
    assert (norms["l2"] < plain).all()
    assert (norms["weight_decay"] < plain).all()
    assert (abs(norms["l2"] / norms["weight_decay"] - 1) > 1e-4).all()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    trained(EXPERIMENT, OPTIMISATION, seeds=(1, 2), every=2, folder=folder)
    return folder


def spoilt(content):
    return content[:200] + bytes([content[200] ^ 1]) + content[201:]


DAMAGES = {
    "damaged checkpoint": ("checkpoint.bin", spoilt, "checkpoint.bin is not damaged"),
    "cut checkpoint": ("checkpoint.bin", lambda x: x[:20], "checkpoint.bin is not damaged"),
    "no history": ("history.jsonl", None, "history.jsonl goes up to its checkpoint"),
    "damaged history": ("history.jsonl", lambda x: x.replace(b"{", b"(", 2), "history.jsonl goes"),
    "a line lost": ("history.jsonl", lambda x: x[x.index(b"\n") + 1 :], "history.jsonl goes"),
    "a line short": ("history.jsonl", lambda x: x[: x.rindex(b"{")], "history.jsonl goes"),
    "a name lost": ("history.jsonl", lambda x: x.replace(b"gap", b"lap", 1), "history.jsonl goes"),
    "no numbers": ("history.jsonl", lambda x: b"1\n" * 4, "history.jsonl goes"),
    "no text": ("history.jsonl", lambda x: b"\xff" + x, "history.jsonl goes"),
    "damaged settings": ("settings.json", lambda x: b"{", "settings.json is not damaged"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_refused_in_one_sentence(damage, finished, tmp_path):
    name, change, sentence = DAMAGES[damage]
    for path in finished.iterdir():
        content = path.read_bytes() if path.name != name else change and change(path.read_bytes())
        if content is not None:
            (tmp_path / path.name).write_bytes(content)
    with pytest.raises(ValueError, match=sentence) as found:
        trained(EXPERIMENT, OPTIMISATION, seeds=(1, 2), every=2, folder=tmp_path)
    assert "\n" not in str(found.value)


def test_strangers_are_refused(finished, tmp_path):
    """Other settings; and the checkpoint of another run under the same."""
    options = replace(OPTIMISATION, l2=0.5)
    with pytest.raises(ValueError, match="of a run with the same optimisation"):
        trained(EXPERIMENT, options, seeds=(1, 2), every=2, folder=finished)
    content = (finished / "checkpoint.bin").read_bytes()
    run = Run(tmp_path, {"every": 2})
    (tmp_path / "checkpoint.bin").write_bytes(content)
    for state in ([np.zeros(3)], {}):
        with pytest.raises(ValueError, match=r"checkpoint.bin is of the same configuration"):
            run.resumed(state)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: Architecture(heads=5), r"heads=5\): must be a divisor of the width 64"),
        (lambda: Architecture(attention="hard"), r"must be one of softmax, linear"),
        (lambda: Optimisation(0), r"Optimisation\(steps=0\): must be an integer >= 1"),
        (lambda: trained(EXPERIMENT, OPTIMISATION, seeds=(1, 1)), r"must be different integers"),
    ],
)
def test_refusals(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
