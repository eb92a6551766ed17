"""The demonstration's test: complete, of systems of different strength, and called what it is."""

import json

import numpy as np
import pytest
import soundfile

from mss_keras.config import SOURCES, AudioConfig, ModelConfig
from mss_keras.listening import demo
from mss_keras.listening.key import read_key
from mss_keras.models.masking import MaskingModel


@pytest.mark.long
def test_a_whole_test_of_six_seconds(tmp_path):
    asked = []

    def train(loss, root, folder):  # not at all
        asked.append((loss, root.name, folder.name))
        model = MaskingModel(SOURCES, AudioConfig(nfft=512, nhop=256), ModelConfig(hidden_size=4))
        model.build()
        return model

    lines: list[str] = []
    output = tmp_path / "demo"
    demo.make(output, train=train, say=lines.append)
    assert asked == [(loss, "demo-data", loss) for loss in demo.LOSSES]
    key = read_key(output)
    assert key.demonstration
    assert key.systems == ("ratio_mask", "ratio_mask_weak", "binary_mask", *demo.LOSSES)
    counts = [sum(trial.source == source for trial in key.trials) for source in SOURCES]
    assert counts == [demo.SETTINGS.per_source] * len(SOURCES)
    assert json.dumps({"demonstration": True})[1:-1] in (output / "page/test.js").read_text()
    assert lines[-1].startswith("This is a demonstration: all its excerpts are of six seconds")

    def error(system):
        found = []
        for trial in key.trials:
            name = f"{trial.track}/{trial.source}.wav"
            true, _ = soundfile.read(output / "excerpts/test" / name)
            estimate, _ = soundfile.read(output / "estimates" / system / "test" / name)
            found.append(np.sum((estimate - true) ** 2) / np.sum(true**2))
        return np.mean(found)

    assert error("ratio_mask") < error("binary_mask") < error("ratio_mask_weak")
