"""Random changes of sources, by name."""

import dataclasses
import typing

import numpy as np
import pytest
import tensorflow as tf
from labelled import AUDIO, labelled

from mss_keras import data
from mss_keras.config import DataConfig
from mss_keras.data.augmentations import AUGMENTATIONS, ChannelSwap, Gain, augment
from mss_keras.data.draws import draw, draw_unpaired


@dataclasses.dataclass(frozen=True)
class Sign:
    """A third augmentation, as somebody may add it."""

    def draw(self, key, sources):
        return tf.random.stateless_uniform([sources, 2], key) < 0.5  # of each channel

    def apply(self, sources, drawn):
        return tf.where(drawn[:, tf.newaxis], -sources, sources)


def sources_and_draws():
    return tf.random.stateless_normal([3, 10, 2], [0, 1]), draw(7, 12345, tracks=5, sources=3)


def test_the_choices_of_the_configuration_are_the_table():
    annotation = typing.get_type_hints(DataConfig)["augmentations"]
    names = typing.get_args(typing.get_args(annotation)[0])
    assert list(names) == list(AUGMENTATIONS)
    assert list(DataConfig().augmentations) == list(AUGMENTATIONS)


def test_the_help_states_the_constants_of_the_table():
    (field,) = (x for x in dataclasses.fields(DataConfig) if x.name == "augmentations")
    gain, swap = AUGMENTATIONS["gain"], AUGMENTATIONS["channelswap"]
    assert isinstance(gain, Gain)
    assert isinstance(swap, ChannelSwap)
    assert f"{gain.lowest} to {gain.highest}" in field.metadata["help"]
    assert f"probability {swap.probability}" in field.metadata["help"]


def test_augmentations_can_be_left_out():
    sources, drawn = sources_and_draws()
    np.testing.assert_array_equal(augment(sources, drawn.augmentations, ()), sources)
    gained = augment(sources, drawn.augmentations, ("gain",))
    gain = drawn.augmentations["gain"]
    np.testing.assert_allclose(gained, sources * gain[:, None, None], rtol=1e-6)


def test_channels_are_swapped_where_drawn():
    sources, drawn = sources_and_draws()
    swap = drawn.augmentations["channelswap"].numpy()
    assert set(swap) == {True, False}
    swapped = augment(sources, drawn.augmentations, ("channelswap",)).numpy()
    for number, source in enumerate(sources.numpy()):
        np.testing.assert_array_equal(swapped[number], source[:, ::-1] if swap[number] else source)


def test_fewer_sources_take_the_first_draws():
    """A song without stems is one source."""
    sources, drawn = sources_and_draws()
    one = augment(sources[:1], drawn.augmentations, ("gain", "channelswap"))
    whole = augment(sources, drawn.augmentations, ("gain", "channelswap"))
    np.testing.assert_array_equal(one, whole[:1])


def test_the_order_is_that_of_the_table(monkeypatch):
    """Not that of the names: to add and to multiply is not to multiply and to add."""

    class Shift(Sign):
        def apply(self, sources, drawn):
            return sources + drawn[:, tf.newaxis, tf.newaxis]

    monkeypatch.setitem(AUGMENTATIONS, "shift", Shift())
    drawn = {"gain": tf.constant([0.5]), "shift": tf.constant([3.0])}
    for chosen in (("gain", "shift"), ("shift", "gain")):
        assert float(augment(tf.ones([1, 1, 1]), drawn, chosen)) == 3.5


def test_matrices_give_what_gain_and_swap_give():
    """To the last bit: the other channel's zero takes nothing away."""
    sources, drawn = sources_and_draws()
    gain, swap = drawn.augmentations["gain"], drawn.augmentations["channelswap"]
    gained = sources * gain[:, None, None]
    expected = tf.where(swap[:, None, None], gained[..., ::-1], gained)
    both = augment(sources, drawn.augmentations, ("gain", "channelswap"))
    np.testing.assert_array_equal(both, expected)
    mono = augment(sources[..., :1], drawn.augmentations, ("gain", "channelswap"))
    np.testing.assert_array_equal(mono, gained[..., :1])


def test_one_that_is_not_linear_stands_among_those_that_are(monkeypatch):
    """The matrices before it are applied before it, those behind it behind it."""

    class Square(Sign):
        def apply(self, sources, drawn):
            return sources**2

    table = {"gain": AUGMENTATIONS["gain"], "square": Square(), **AUGMENTATIONS, "loud": Gain(1, 4)}
    monkeypatch.setattr("mss_keras.data.augmentations.AUGMENTATIONS", table)
    drawn = {
        "gain": tf.constant([0.5]),
        "square": tf.constant([True]),
        "channelswap": tf.constant([True]),
        "loud": tf.constant([3.0]),
    }
    (found,) = augment(tf.constant([[[2.0, 6.0]]]), drawn, list(table)).numpy().tolist()
    assert found == [[27.0, 3.0]]


def test_a_new_augmentation_leaves_the_draws_of_the_others(monkeypatch):
    sizes = {"tracks": 5, "sources": 3}

    def drawn(index):
        unpaired = draw_unpaired(7, index, batch_size=4, **sizes)
        return [draw(7, index, **sizes), unpaired["mixture"], unpaired["sources"]]

    before = [drawn(index) for index in range(3)]
    monkeypatch.setitem(AUGMENTATIONS, "sign", Sign())
    for index in range(3):
        for old, new in zip(before[index], drawn(index), strict=True):
            assert new.augmentations["sign"].shape == (3, 2)
            np.testing.assert_array_equal(old.track, new.track)
            np.testing.assert_array_equal(old.position, new.position)
            for name in ("gain", "channelswap"):
                np.testing.assert_array_equal(old.augmentations[name], new.augmentations[name])


def test_a_new_augmentation_reaches_paired_and_unpaired_examples(tmp_path, monkeypatch):
    """Beside its name among the choices, a class and a line of the table are all that it takes."""
    monkeypatch.setitem(AUGMENTATIONS, "sign", Sign())
    config, tracks = labelled(tmp_path, 3, 3000)
    object.__setattr__(config, "augmentations", ("sign",))  # which the Literal does not have
    examples = data.training_examples(tracks, config, AUDIO, seed=1, unpaired=data.Unpaired())
    batch = next(examples.as_numpy_iterator())
    for index in range(4):
        signs = [draw(1, index, tracks=3, sources=2).augmentations["sign"].numpy()]
        unpaired = draw_unpaired(1, index, tracks=3, sources=2, batch_size=4)
        signs.append(unpaired["sources"].augmentations["sign"].numpy())
        for name, sign in zip(("sources", "unpaired_sources"), signs, strict=True):
            np.testing.assert_array_equal(batch[name][index, :, 0, 1] < 0, sign[:, 1])


# Drawn before augmentations were objects: seed 7, 3 sources, batches of 4. Runs of then go on.
PAIRED = {
    0: {
        "track": [2, 1, 2],
        "position": [0.032901335, 0.478279068, 0.536585503],
        "gain": [0.81367135, 0.411303878, 1.172204852],
        "channelswap": [False, True, False],
    },
    12345: {
        "track": [0, 4, 0],
        "position": [0.040672719, 0.151164004, 0.342542861],
        "gain": [0.729441881, 0.336501837, 0.876322746],
        "channelswap": [False, True, True],
    },
}
UNPAIRED = {
    (5, 12345, "mixture"): {
        "track": [4, 4, 4],
        "choice": [0.435431742, 0.83276979, 0.610258696],
        "position": [0.093924891, 0.760100313, 0.505621483],
        "gain": [0.339513302, 1.154514313, 0.921694994],
        "channelswap": [True, True, False],
        "span": [0, 1],
    },
    (5, 12345, "sources"): {
        "track": [0, 1, 2],
        "choice": [0.012786248, 0.529684325, 0.224993091],
        "position": [0.463392789, 0.387519409, 0.867226284],
        "gain": [0.648892999, 0.900550246, 0.950476646],
        "channelswap": [False, True, True],
        "span": [0, 1],
    },
    (1, 0, "mixture"): {
        "track": [0, 0, 0],
        "choice": [0.671955962, 0.505014707, 0.869851551],
        "position": [0.474139665, 0.02400644, 0.053397963],
        "gain": [0.981411338, 0.508528948, 0.25140965],
        "channelswap": [True, True, False],
        "span": [0, 0.5],
    },
    (1, 0, "sources"): {"track": [0, 0, 0], "span": [0.5, 1]},
    (1, 12345, "mixture"): {"span": [0.5, 1]},
    (1, 12345, "sources"): {"gain": [0.648892999, 0.900550246, 0.950476646], "span": [0, 0.5]},
}


def same(drawn, expected):
    found = {**vars(drawn), **drawn.augmentations}
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=0, atol=2e-8, err_msg=name)


@pytest.mark.parametrize("index", PAIRED)
def test_examples_of_a_seed_stay_what_they_were(index):
    same(draw(7, index, tracks=5, sources=3), PAIRED[index])


@pytest.mark.parametrize("case", UNPAIRED)
def test_unpaired_examples_of_a_seed_stay_what_they_were(case):
    tracks, index, kind = case
    same(draw_unpaired(7, index, tracks=tracks, sources=3, batch_size=4)[kind], UNPAIRED[case])
