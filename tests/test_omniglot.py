"""Drawings of characters: read from zips, turned, embedded, and shown in sequences."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import equinox as eqx
import jax
import numpy as np
import pytest
from PIL import Image

from lsa_theory.transformer import Architecture
from lsa_theory.transformer.checkpoint import unpacked
from lsa_theory.transformer.training import Optimisation, trained
from lsa_theory.transience.bursty import Bursty
from lsa_theory.transience.drawn import drawn_classes
from lsa_theory.transience.images import Drawings, drawings, shrunk, turned
from lsa_theory.transience.omniglot import OmniglotExperiment
from tests.drawn import omniglot, png, zipped

PUBLISHED = list(filter(None, [os.environ.get("LSA_OMNIGLOT")]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return omniglot(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module")
def read(folder):
    return drawings(folder)


# --- reading ---


def test_characters_come_by_name_and_once(read, folder, monkeypatch):
    assert read.characters == tuple(
        f"{alphabet}/character{k:02}" for alphabet in ("Attic", "Brahmi") for k in (1, 2, 3)
    )
    for index, drawing in ((0, 0), (2, 19), (4, 7)):
        with Image.open(BytesIO(png([index, drawing]))) as image:
            ink = 255 - np.asarray(image.convert("L"))
        np.testing.assert_array_equal(read.ink[index, drawing], shrunk(ink[None])[0])
    assert read.ink.dtype == np.uint8
    monkeypatch.setenv("LSA_OMNIGLOT", str(folder))
    assert drawings().sha256 == read.sha256
    assert replace(read, ink=read.ink[:, ::-1]).sha256 != read.sha256


def test_every_folder_holds_few_strokes(folder):
    """The generated one, and the published sets where they are."""
    for path, least in ((folder, 6), *((Path(x), 242) for x in PUBLISHED)):
        found = drawings(path)
        assert len(found.characters) == len(set(found.characters)) >= least
        share = found.ink.mean((1, 2, 3)) / 255
        assert 0.01 < share.min() < share.max() < 0.2


def test_a_new_pixel_is_the_mean_of_its_area():
    ink = np.random.default_rng(0).integers(0, 256, (1, 105, 105)).astype(np.uint8)
    found = shrunk(ink)[0]
    side = Fraction(105, 28)
    for row, column in ((0, 0), (13, 5), (27, 27)):
        total = Fraction(0)
        for i in range(int(row * side), min(int(row * side) + 5, 105)):
            for j in range(int(column * side), min(int(column * side) + 5, 105)):
                tall = min(i + 1, (row + 1) * side) - max(i, row * side)
                wide = min(j + 1, (column + 1) * side) - max(j, column * side)
                total += max(tall, 0) * max(wide, 0) * int(ink[0, i, j])
        assert abs(found[row, column] - total / side**2) <= Fraction(1, 2)
    assert (shrunk(np.full((1, 105, 105), 255, np.uint8)) == 255).all()


def test_the_positions_are_those_of_a_square():
    ink = np.arange(16).reshape(1, 1, 4, 4)
    positions = turned(ink)[0, :, 0]
    assert len({position.tobytes() for position in positions}) == 8
    for position in positions:
        again = turned(position[None, None])[0, :, 0]
        assert {x.tobytes() for x in again} == {x.tobytes() for x in positions}
    np.testing.assert_array_equal(positions[0], ink[0, 0])
    assert (abs(np.diff(positions[:, [0, 0], [0, 1]])) % 3 == 1).all()  # neighbours stay so


def other_content(path):
    with ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "no drawing")


def cut(path):
    zipped(path, ["A/character01"])
    path.write_bytes(path.read_bytes()[:3000])


def flipped_byte(path):
    zipped(path, ["A/character01"])
    content = bytearray(path.read_bytes())
    content[120] ^= 255
    path.write_bytes(content)


def no_image(path):
    with ZipFile(path, "w") as archive:
        for drawing in range(20):
            archive.writestr(f"a/A/character01/{drawing:02}.png", b"\x89PNG no more")


DAMAGED, LAYOUT = "must be a zip that is not damaged", r"must be a zip of ALPHABET/characterNN"


@pytest.mark.parametrize(
    ("write", "sentence"),
    [
        (other_content, LAYOUT),
        (lambda path: zipped(path, ["A/character01"], count=19), LAYOUT),
        (lambda path: zipped(path, ["A/character01"], size=104), LAYOUT),
        (lambda path: zipped(path, ["cats"]), LAYOUT),
        (cut, DAMAGED),
        (flipped_byte, DAMAGED),
        (no_image, DAMAGED),
        (lambda path: path.mkdir(), DAMAGED),
        (lambda path: None, r"must be a folder with the files images_\*.zip of Omniglot"),
    ],
)
def test_what_is_not_omniglot_is_refused(write, sentence, tmp_path):
    write(tmp_path / "images_background.zip")
    with pytest.raises(ValueError, match=r"^drawings\(folder=.*\): " + sentence) as caught:
        drawings(tmp_path)
    assert "\n" not in str(caught.value)


def test_no_folder_named(monkeypatch):
    monkeypatch.delenv("LSA_OMNIGLOT", raising=False)
    with pytest.raises(ValueError, match=r"Lake, Salakhutdinov .*LSA_OMNIGLOT the name of one"):
        drawings()


# --- exemplars ---

LAW = Bursty(class_count=30, label_count=5, noise=0.0, dimension=6)
SHAPE = Architecture(width=8, heads=2, mlp=1)


@pytest.fixture(scope="module")
def marked():
    """Of 7 characters; a drawing's shade tells which it is, a black pixel in which position."""
    ink = np.arange(140, dtype=np.uint8).reshape(7, 20, 1, 1) * np.ones((28, 28), np.uint8)
    ink[:, :, 0, 1] = 255
    return drawn_classes(Drawings(tuple("abcdefg"), ink), "trained")


@pytest.fixture(scope="module")
def fixed(read):
    return drawn_classes(read, dimension=6)


def decoded(classes, exemplars):
    """Class and drawing of each exemplar."""
    pixels = np.asarray(exemplars) * float(classes.spread) + float(classes.centre)
    shade = np.rint(pixels[..., 14, 14]).astype(int)
    corner = np.zeros((1, 1, 28, 28))
    corner[..., 0, 1] = 1
    places = turned(corner)[0, :, 0].reshape(8, -1).argmax(1)
    dark = pixels.reshape(*shade.shape, -1).argmax(-1)
    position = (dark[..., None] == places).argmax(-1)
    return 8 * (shade // 20) + position, shade % 20


def test_drawings_that_are_shown(marked):
    experiment = OmniglotExperiment(
        marked, LAW, held_out_characters=3, held_out_drawings=4, evaluation_count=8
    )
    world = experiment.world(jax.random.key(0))
    trained_on, held = np.asarray(world.classes), np.asarray(world.characters)
    assert len(set(trained_on)) == 30
    assert sorted({*held, *(trained_on // 8)}) == list(range(7))  # 3 and 4 of 7
    classes = np.arange(3000).reshape(600, 5) % 30
    for fresh, among in ((False, range(16)), (True, range(16, 20))):
        shown = experiment.exemplars(world, jax.random.key(1), classes, fresh)
        found, drawing = decoded(marked, shown)
        np.testing.assert_array_equal(found, trained_on[classes])
        assert sorted(set(drawing.flat)) == list(among)
    side = np.arange(3000).reshape(600, 5) % 3 % 2
    found, drawing = decoded(marked, experiment.newcomers(world, jax.random.key(2), side))
    assert {*found.flat} == {8 * character + s for character in held for s in range(8)}
    assert len(set(drawing.flat)) == 20
    for row, sides in zip(found, side, strict=True):
        first, second = (set(row[sides == k]) for k in (0, 1))
        assert len(first) == len(second) == 1
        assert next(iter(first)) // 8 != next(iter(second)) // 8


def test_more_classes_hold_fewer(marked):
    worlds = [
        OmniglotExperiment(
            marked, replace(LAW, class_count=count), held_out_characters=3, evaluation_count=8
        ).world(jax.random.key(4))
        for count in (12, 32)
    ]
    np.testing.assert_array_equal(worlds[0].classes, worlds[1].classes[:12])


def test_fixed_features(fixed, read):
    values = np.asarray(fixed(np.arange(48)[:, None], np.arange(20)))
    np.testing.assert_allclose(values.mean((0, 1)), 0, atol=1e-5)
    np.testing.assert_allclose(values.std((0, 1)), 1, rtol=1e-5)
    again, other = (drawn_classes(read, dimension=6, seed=seed).values for seed in (0, 1))
    np.testing.assert_array_equal(again, fixed.values)
    assert abs(other - fixed.values).max() > 0.01
    within, between = values.var(1).mean(), values.mean(1).var(0).mean()
    assert between > within / 19  # what is left of a class in the mean of its drawings


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"held_out_characters": 6}, r"characters=6\): must be less than the 6 characters"),
        ({"held_out_characters": 1}, r"characters=1\): must be an integer >= 2"),
        ({"held_out_characters": 3}, r"class_count=30\): must be at most 24, 8 for each of 3"),
        ({"held_out_drawings": 20}, r"held_out_drawings=20\): must be less than the 20 drawings"),
        ({"data": replace(LAW, dimension=7)}, r"dimension=7\): must be that of the fixed .* 6"),
        ({"evaluation_count": 0}, r"evaluation_count=0\): must be an integer >= 1"),
    ],
)
def test_refusals(options, sentence, fixed):
    with pytest.raises(ValueError, match=r"^OmniglotExperiment\(.*" + sentence):
        OmniglotExperiment(fixed, **{"data": LAW, "held_out_characters": 2} | options)


def test_refused_embedding(read):
    with pytest.raises(ValueError, match=r"embedding='pca'\): must be \"fixed\" or \"trained\""):
        drawn_classes(read, "pca")


# --- training ---


@pytest.mark.parametrize("embedding", ["fixed", "trained"])
def test_programs_hold_no_drawings(embedding, fixed, marked):
    classes = fixed if embedding == "fixed" else marked
    experiment = OmniglotExperiment(classes, LAW, SHAPE, held_out_characters=2)
    world, key = experiment.world(jax.random.key(0)), jax.random.key(1)
    program = eqx.filter_jit(lambda experiment, world: experiment.batch(world, key, 3))
    baked = eqx.filter_jit(lambda world: experiment.batch(world, key, 3))
    without, within = program.lower(experiment, world), baked.lower(world)
    assert len(within.as_text()) - len(without.as_text()) > classes.values.nbytes
    model = experiment.model(key)
    assert (model.network is None) == (embedding == "fixed")


def test_a_run_keeps_no_drawings(marked, tmp_path):
    experiment = OmniglotExperiment(marked, LAW, SHAPE, held_out_characters=2, evaluation_count=8)
    options = Optimisation(steps=1, batch=4)
    history = trained(experiment, options, seeds=(0,), every=1, folder=tmp_path)
    for name in ("icl", "iwl", "match", "icl_without_mlp", "logit_attention", "loss"):
        assert np.isfinite(history.values[name][:, 1:]).all()
    start = experiment.model(jax.random.split(jax.random.key(0), 3)[0])
    moved = abs(history.model(0).network.first.weight - start.network.first.weight)
    assert 1e-4 < moved.max() < 1e-2  # by the rate at most
    kept = unpacked((tmp_path / "checkpoint.bin").read_bytes()[32:])
    assert max(x.size for x in kept.values()) < marked.values.size / 10
    settings = json.loads((tmp_path / "settings.json").read_text())["experiment"]
    assert settings["images"] == marked.sha256
    others = replace(experiment, classes=replace(marked, sha256="0" * 64))
    with pytest.raises(ValueError, match="of a run with the same experiment"):
        trained(others, options, seeds=(0,), every=1, folder=tmp_path)
