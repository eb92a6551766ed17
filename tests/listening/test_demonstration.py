"""The analysis of `correlate --demo`: a test is scored, and simulated listeners rate it."""

import shutil

import pytest
import soundfile
from listening_tests import make_key

from mss_keras.config import SOURCES, CorrelationConfig, UserError
from mss_keras.listening.demonstration import demonstrate

KEY = make_key(excerpts=3, sources=("vocals",), systems=("clean", "rough"))
SHARES = {"clean": 0.1, "rough": 0.5}  # of the mixture in each estimate


def make(folder, tree):
    """A test whose systems leave a part of the mixture in their estimates."""
    pieces = [tree / "train" / name for name in "abc"]
    for trial, piece in zip(KEY.trials, pieces, strict=True):
        shutil.copytree(piece, folder / "excerpts/test" / trial.track)
        mixture, rate = soundfile.read(piece / "mixture.wav")
        for system, share in SHARES.items():
            place = folder / "estimates" / system / "test" / trial.track
            place.mkdir(parents=True)
            for source in SOURCES:
                target, _ = soundfile.read(piece / f"{source}.wav")
                estimate = (1 - share) * target + share * mixture
                soundfile.write(place / f"{source}.wav", estimate, rate, subtype="FLOAT")
    KEY.write(folder)


@pytest.mark.long
def test_listeners_who_go_by_sdr_are_found_out(tree, tmp_path):
    output, test = tmp_path / "out", tmp_path / "test"
    said: list[str] = []
    settings = CorrelationConfig(resamples=100)
    found = demonstrate(
        output, test, make=lambda folder: make(folder, tree), settings=settings, say=said.append
    )
    ranking = found.correlations.ranking().set_index("metric")
    assert ranking.loc["sdr", "rank"] == 1
    assert len(ranking) > 20
    assert len(found.screening.excluded) == 2
    means = found.means.set_index("kind")["mean"]
    assert means["clean"] > means["rough"] > means["mixture"]
    assert said[-1] == "The simulated listeners go by sdr."
    assert "Simulated: no person has heard this" in (output / "report.html").read_text()
    written = (output / "mos.csv").read_text()

    def remake(folder):
        raise AssertionError("the test is there already")

    theirs = output / "ratings/theirs.json"
    theirs.parent.mkdir()
    theirs.touch()
    demonstrate(output, test, make=remake, settings=settings)
    assert (output / "mos.csv").read_text() == written
    assert theirs.exists()  # what somebody put there
    with pytest.raises(UserError, match="output: found something else in"):
        demonstrate(test, test, make=remake, settings=settings)
