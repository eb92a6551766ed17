"""Damaged files and requests: one line, in time, no traceback, no crash, and no NaN comes out."""

import random
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from answering import Answer, Answering
from damaged import (
    ESTIMATES,
    FORMS,
    KINDS,
    Kind,
    case_of,
    damaged_request,
    fault_of,
    right_requests,
    write_songs,
)
from once import once

SECONDS = 10.0  # an answer may take
TRAINING = 60.0  # where a model is trained, or separates for the first time
SIGNATURES = ("serving_default", "separate_wav", "spectrogram", "fixed_length", "describe")


@pytest.fixture(scope="session")
def answering(tmp_path_factory) -> Iterator[Answering]:
    process = Answering(tmp_path_factory.mktemp("answers") / "native.log")
    yield process
    process.stop()


@pytest.fixture(scope="session")
def materials(run, _tree, answering) -> Path:
    """A folder with a file of each kind, all of them right."""

    def make(at):
        shutil.copytree(_tree, at / "music")
        dropped = ("saved_model", "stems", "*.png", "tensorboard")
        shutil.copytree(run, at / "run", ignore=shutil.ignore_patterns(*dropped))
        shutil.copytree(at / "music/test", at / "estimates")
        shutil.copy(at / "run/config.yaml", at / "given.yaml")
        shutil.copy(at / "run/statistics.npz", at / "given.npz")
        write_songs(at)
        answer = answering.ask(("command", [*map(str, ESTIMATES(at))], False), TRAINING)
        assert isinstance(answer, Answer), answer
        assert answer.code == 0, answer

        from mss_keras.training import runs

        runs.load(at / "run").save(at / "model.keras")

    return once("fault-materials", make)


@pytest.fixture(scope="session")
def served() -> Path:
    """A model with all signatures."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "serving"))
    from exported import ALL, make_separator

    from mss_keras.config import SeparationConfig, ServingConfig

    options = SeparationConfig(niter=1, wiener_win_len=100, chunk_dur=0.6, context_dur=1.0)
    limits = ServingConfig(ALL, max_seconds=20.0, max_batch=8, fixed_seconds=0.2)
    folder = once("fault-served", lambda at: make_separator().export(at, options, limits=limits))
    return folder / "1"


def run_files(
    kinds: Sequence[Kind], count: int, *, answering: Answering, materials: Path, work: Path
) -> None:
    """Asserts that none of so many damaged files, of these kinds in turn, shows a fault."""
    faults = []
    for number in range(count):
        kind = kinds[number % len(kinds)]
        at = work / f"{kind.form}-{number}"
        case = case_of(kind, f"{kind.form} {number}", materials, at)
        fault = fault_of(answering.ask(case, SECONDS if kind.quick else TRAINING), at)
        if fault is None:
            shutil.rmtree(at)
        else:
            faults.append(f"{at / kind.file}\n{' '.join(case[1])}\n{fault}")
    assert not faults, f"{len(faults)} of {count}:\n\n" + "\n\n".join(faults)


def run_requests(
    model: Path, signatures: Sequence[str], count: int, *, answering: Answering, song: Path
) -> None:
    """Asserts that none of so many damaged requests, of these signatures in turn, shows a fault."""
    faults, right = [], right_requests(song)
    for number in range(count):
        signature = signatures[number % len(signatures)]
        rng = random.Random(f"{signature} {number}")
        content = damaged_request(rng.choice(right[signature]), rng)
        answer = answering.ask(("request", model, signature, content), SECONDS)
        refused = isinstance(answer, Answer) and answer.code == 2
        if not refused and answer != Answer(0):
            path = answering.log.with_name(f"{signature}-{number}")
            path.write_bytes(content)
            faults.append(f"{path}\n{answer}")
    assert not faults, f"{len(faults)} of {count}:\n\n" + "\n\n".join(faults)


@pytest.mark.long
def test_some_files(answering, materials, tmp_path):
    kinds = [kind for kind in KINDS if kind.quick]
    run_files(kinds, len(kinds), answering=answering, materials=materials, work=tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("form", FORMS)
def test_more_files(form, answering, materials, tmp_path):
    kinds = [kind for kind in KINDS if kind.form == form]
    run_files(kinds, 10, answering=answering, materials=materials, work=tmp_path)


@pytest.mark.faults
@pytest.mark.parametrize("form", FORMS)
def test_a_thousand_files(form, answering, materials, tmp_path):
    kinds = [kind for kind in KINDS if kind.form == form]
    run_files(kinds, 1000 // len(FORMS), answering=answering, materials=materials, work=tmp_path)


def test_some_requests(run, answering, materials):
    signatures = ["serving_default", "separate_wav", "describe"]  # of a run
    model, song = run / "saved_model/1", materials / "song.wav"
    run_requests(model, signatures, 12, answering=answering, song=song)


@pytest.mark.long
def test_more_requests(served, answering, materials):
    song = materials / "song.wav"
    run_requests(served, SIGNATURES, 200, answering=answering, song=song)


@pytest.mark.faults
@pytest.mark.parametrize("signature", SIGNATURES)
def test_a_thousand_requests(signature, served, answering, materials):
    song, count = materials / "song.wav", 1000 // len(SIGNATURES)
    run_requests(served, [signature], count, answering=answering, song=song)
