"""Workers that do not have the same are refused, whoever they are."""

from types import SimpleNamespace
from typing import Any

import pytest

from mss_keras.config import RunConfig, UserError
from mss_keras.data import MusicSet, Unpaired
from mss_keras.data.tracks import AudioFile
from mss_keras.training.machines import Cluster, Workers, agreed, agreed_unpaired


class Told(Workers):
    """Worker 1, which hears that worker 0 has something else of one kind."""

    def __init__(self, **others):
        super().__init__(Cluster(("a:1", "b:1"), 1))
        self.others = others

    def from_all(self, value):
        self.told = value
        return [{**value, **{name: x for name, x in self.others.items() if name in value}}, value]


def music(**lengths):
    tracks: Any = tuple(SimpleNamespace(name=x, samples=y) for x, y in lengths.items())
    return MusicSet(train=tracks, valid=tracks, test=())


def agree(given, workers):
    return agreed(given, given, music(a=5), workers=workers, devices="1 × CPU")


def test_the_chiefs_configuration_is_taken_and_places_stay_this_workers():
    given = RunConfig.from_flat({"root": "here", "epochs": 5})
    filled = {**given.to_flat(), "lr": 0.25}
    del filled["root"]
    workers = Told(filled=filled)
    found = agree(given, workers)
    assert (found.training.lr, found.data.root) == (0.25, "here")
    own = {"root", "prepared", "in_memory", "startup_timeout", "unpaired_root", "vggish"}
    assert not own & (workers.told["asked"].keys() | workers.told["filled"].keys())
    assert {"epochs", "batch_size", "seed", "mixed_precision"} <= workers.told["asked"].keys()


@pytest.mark.parametrize(
    ("others", "line"),
    [
        ({"asked": {"epochs": 7}}, "epochs: found 100 on worker 1 (b:1), wanted 7, as on worker 0"),
        ({"devices": "1 × GPU"}, "devices: found 1 × CPU on worker 1 (b:1), wanted 1 × GPU, as"),
        ({"tracks": {"train": {"a": 6}}}, "root: found 5 samples of train/a on worker 1 (b:1), "),
        ({"tracks": {"train": {"a": 5, "b": 1}}}, "root: found no train/b on worker 1 (b:1), "),
        ({"tracks": {"train": {"a": 5}, "valid": {}}}, "root: found 5 samples of valid/a on w"),
    ],
)  # fmt: skip
def test_another_worker_is_refused(others, line):
    given = RunConfig.from_flat({"epochs": 100})
    workers = Told(**others)
    with pytest.raises(UserError) as caught:
        agree(given, workers)
    assert str(caught.value).startswith(line)


def files(*lengths):
    return tuple(AudioFile("x.wav", samples, 2, 44100, "int16") for samples in lengths)


def test_unpaired_music_has_to_be_the_same():
    own = Unpaired(files(5, 6), (files(1), files(2, 3)))
    same = {"unpaired_root": [5, 6], "unpaired_sources": [[1], [2, 3]]}
    agreed_unpaired(own, workers=Told(**same))
    agreed_unpaired(None, workers=Told())
    agreed_unpaired(Unpaired(), workers=Told())
    for field, other, line in (
        ("unpaired_root", [5], "2 files of 11 samples together on worker 1 (b:1), wanted 1 files"),
        ("unpaired_root", [6, 5], "2 files of 11 samples together of other lengths, or in another"),
        ("unpaired_sources", [[1, 2], [3]], "3 files of 6 samples together of other lengths, or"),
        ("unpaired_sources", [], "3 files of 6 samples together on worker 1 (b:1), wanted 0 files"),
    ):
        with pytest.raises(UserError) as caught:
            agreed_unpaired(own, workers=Told(**{**same, field: other}))
        assert str(caught.value).startswith(f"{field}: found {line}")
