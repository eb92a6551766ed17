"""What is told of examples is what they hold."""

import dataclasses

import numpy as np
import soundfile
from labelled import AUDIO, labelled, write

from mss_keras import data
from mss_keras.config import AdversarialConfig


def heard(origins, files, samples):
    """The excerpts that origins tell of, read and changed by hand."""
    excerpts = []
    for origin, path in zip(origins, files, strict=True):
        waveform, _ = soundfile.read(path, samples, origin.start, dtype="float32", always_2d=True)
        waveform = waveform[:, ::-1] if origin.changes.get("channelswap") else waveform
        excerpts.append(waveform * origin.changes.get("gain", 1.0))
    return np.stack(excerpts)


def test_origins_are_those_of_the_examples(tmp_path):
    config, tracks = labelled(tmp_path, 4, 3000)
    for augmentations in ((), ("channelswap", "gain")):
        config = dataclasses.replace(config, augmentations=augmentations)
        unpaired = data.Unpaired()
        examples = data.training_examples(tracks, config, AUDIO, seed=1, unpaired=unpaired)
        (batch,) = examples.skip(1).take(1).as_numpy_iterator()
        told = data.origins_of(range(4, 8), tracks, config, audio=AUDIO, seed=1, unpaired=unpaired)
        samples = batch["mixture"].shape[1]
        for number, origins in enumerate(told):
            assert set(origins) == {"sources", "unpaired_mixture", "unpaired_sources"}
            for name, parts in origins.items():
                assert all(set(part.changes) == set(augmentations) for part in parts)
                files = [
                    tmp_path / part.name / f"{source}.wav"
                    for part, source in zip(parts, config.sources, strict=True)
                ]
                found = heard(parts, files, samples)
                found = found.sum(0) if name == "unpaired_mixture" else found
                np.testing.assert_allclose(batch[name][number], found, atol=1e-6, err_msg=name)
    assert [set(x) for x in data.origins_of([0], tracks, config, audio=AUDIO, seed=1)] == [
        {"sources"}
    ]


def test_origins_from_elsewhere(tmp_path):
    config, tracks = labelled(tmp_path / "music", 2, 3000)
    rng = np.random.default_rng(0)
    for name in ("songs/1", "songs/2", "parts/a/1", "parts/a/2", "parts/b/1"):
        write(tmp_path / f"{name}.wav", rng.uniform(-0.5, 0.5, (4000, 2)))
    settings = AdversarialConfig(
        unpaired_root=str(tmp_path / "songs"), unpaired_sources=str(tmp_path / "parts")
    )
    unpaired = data.open_unpaired(settings, config, AUDIO)
    (batch,) = (
        data.training_examples(tracks, config, AUDIO, seed=1, unpaired=unpaired)
        .take(1)
        .as_numpy_iterator()
    )
    told = data.origins_of(range(4), tracks, config, audio=AUDIO, seed=1, unpaired=unpaired)
    samples = batch["mixture"].shape[1]
    for number, origins in enumerate(told):
        (song,) = origins["unpaired_mixture"]
        (found,) = heard([song], [tmp_path / "songs" / song.name], samples)
        np.testing.assert_allclose(batch["unpaired_mixture"][number], found, atol=1e-6)
        alone = origins["unpaired_sources"]
        files = [tmp_path / "parts" / s / x.name for s, x in zip("ab", alone, strict=True)]
        found = heard(alone, files, samples)
        np.testing.assert_allclose(batch["unpaired_sources"][number], found, atol=1e-6)
