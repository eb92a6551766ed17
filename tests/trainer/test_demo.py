"""The demonstration separates for real: +6 dB SI-SDR on what it has heard."""

import re

import pytest
import soundfile


@pytest.mark.long
def test_demo(trainer, tmp_path):
    result = trainer("--demo", "--output", tmp_path / "demo", check=0)
    assert "This is a demonstration" in result.stdout
    means = re.findall(r"^(train|valid) +mean +\S+ +\S+ +(\S+)$", result.stdout, re.MULTILINE)
    gains = {part: float(gain) for part, gain in means}
    assert gains["train"] >= 6.0
    assert gains["valid"] > 0.0
    rows = re.findall(r"^train +(vocals|drums|bass|other) +\S+ +\S+ +(\S+)$", result.stdout, re.M)
    assert len(rows) == 4
    for source, gain in rows:
        assert float(gain) > 0, source
        stem, rate = soundfile.read(tmp_path / f"demo/stems/train/{source}.wav")
        assert (rate, len(stem)) == (44100, 198450)
