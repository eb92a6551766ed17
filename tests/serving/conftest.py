"""Small separators, exported once for all tests, and a stand-in server."""

import pytest
from exported import ALL, Exported, make_separator
from once import once

from mss_keras.config import AudioConfig, SeparationConfig, ServingConfig


@pytest.fixture(scope="session")
def exported() -> Exported:
    """Of all signatures, with the Wiener filter; several rounds within seconds."""
    separator = make_separator()
    options = SeparationConfig(niter=1, wiener_win_len=100, chunk_dur=0.6, context_dur=1.0)
    limits = ServingConfig(ALL, max_seconds=20.0, max_batch=8, fixed_seconds=0.5)
    folder = once("open_unmix", lambda path: separator.export(path, options, limits=limits))
    return Exported(separator, options, folder, folder / "1")


@pytest.fixture(scope="session")
def quick() -> Exported:
    """A second model, for long songs: at 8 kHz, with rounds of 8 s, and two versions."""
    audio = AudioConfig(sample_rate=8000, nfft=512, nhop=256)
    options = SeparationConfig(chunk_dur=2.0, context_dur=1.0, wiener_win_len=30)
    limits = ServingConfig(("serving_default", "separate_wav"), max_seconds=2000.0)
    separators = [make_separator(seed, audio) for seed in (1, 2)]

    def export(path):
        for separator in separators:
            separator.export(path, options, limits=limits)

    folder = once("quick", export)
    return Exported(separators[0], options, folder, folder / "1")


@pytest.fixture(scope="session")
def stand_in(exported, quick):
    """See `stand_in.StandIn`: two models, one of two versions and a label."""
    from stand_in import StandIn

    models = {"open_unmix": exported.folder, "quick": quick.folder}
    server = StandIn(models, {("quick", "stable"): 1})
    yield server
    server.stop()
