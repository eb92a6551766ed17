"""Commands that read a damaged file, damaged requests, and what is wrong with an answer."""

import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from answering import Answer
from command_line import SMALL, flags
from encoded import encode
from excerpt import RATE
from mutating import OF_BYTES, OF_TEXT, mutated

RUN = {**SMALL, "epochs": 3, "deterministic": True}  # one more than the run has


@dataclass(frozen=True)
class Kind:
    """What is damaged, and who reads it.

    Args:
        file: what is damaged, in the folder of a case.
        words: of the command line, in that folder.
        quick: whether it is answered in a second or two, whatever was made of the file.
    """

    file: str
    words: Callable[[Path], list]
    quick: bool = True

    @property
    def form(self) -> str:
        return self.file.rpartition(".")[2]


def separate(song, model="run"):
    return lambda at: ["separate", at / song, "--model", at / model, "--output", at / "out"]


def check(root):
    return lambda at: ["check-data", "--root", at / root]


def evaluate(*words):
    given = ["--subset", "test", "--metrics", "snr", "--jobs", "1"]
    return lambda at: [
        *("evaluate", "--root", at / "music", "--output", at / "scores"),
        *[*given, *_placed(words, at)],
    ]


def train(*words, output="run"):
    return lambda at: [
        *_placed(words, at),
        *[*flags({**RUN, "root": at / "music"}), "--output", at / output],
    ]


def _placed(words, at):
    return [at / word[1:] if word.startswith("@") else word for word in words]


ESTIMATES = evaluate("--estimates", "@estimates")
WEIGHTS, STATE = (f"run/checkpoints/epoch-0002/{name}" for name in ("weights.npz", "state.json"))
KINDS = [
    *[Kind("song.wav", separate("song.wav")), Kind("song24.wav", separate("song24.wav"))],
    *[Kind(f"music/train/a/{name}.wav", check("music")) for name in ("vocals", "mixture")],
    Kind("estimates/e/vocals.wav", ESTIMATES),
    *[Kind("song.flac", separate("song.flac")), Kind("song.mp3", separate("song.mp3"))],
    Kind("song.stem.mp4", separate("song.stem.mp4")),
    Kind("stems/train/x.stem.mp4", check("stems")),
    *[Kind("given.yaml", train("--config", "@given.yaml", output="new"), quick=False)] * 2,
    Kind("run/config.yaml", train(), quick=False),
    Kind("run/config.yaml", separate("song.wav"), quick=False),
    Kind("scores/evaluation.yaml", ESTIMATES),
    Kind("given.npz", train("--statistics", "@given.npz", output="new"), quick=False),
    Kind("run/statistics.npz", train(), quick=False),
    *[Kind(WEIGHTS, words, quick=False) for words in (train(), separate("song.wav"))],
    *[Kind("model.keras", separate("song.wav", "model.keras"), quick=False)] * 2,
    Kind("model.keras", evaluate("--model", "@model.keras"), quick=False),
    Kind("run/tracks.json", train(), quick=False),
    *[Kind(STATE, words, quick=False) for words in (train(), separate("song.wav"))],
    *[Kind("scores/estimates/e.json", ESTIMATES)] * 3,
]
FORMS = ("wav", "flac", "mp3", "mp4", "yaml", "npz", "keras", "json")
# How many trainings go on to their end; the others end when all files are read.
WHOLE = {"weights.npz": 0.1, "statistics.npz": 0.1, "given.npz": 0.1, "state.json": 0.3}


def write_songs(at: Path) -> None:
    """A short song in each format, and a data set of stems."""
    from mss_keras.data.encoding import stem_files

    names = ("mixture", "drums", "bass", "other", "vocals")
    stems = {name: soundfile.read(at / f"music/train/a/{name}.wav")[0] for name in names}
    stems = {name: stem[: RATE // 3].astype(np.float32) for name, stem in stems.items()}
    for name, form in (("song.wav", "PCM_16"), ("song24.wav", "PCM_24"), ("song.flac", "PCM_16")):
        soundfile.write(at / name, stems["mixture"], RATE, form)
    encode(at / "song.mp3", stems["mixture"], "mp3")
    with stem_files(
        at / "song", names, format="stem.mp4", bits="float", rate=RATE, channels=2
    ) as writer:
        writer.write(stems)
    for split in ("train", "test"):
        (at / "stems" / split).mkdir(parents=True)
        shutil.copy(at / "song.stem.mp4", at / f"stems/{split}/x.stem.mp4")


def case_of(kind: Kind, seed: str, materials: Path, at: Path) -> tuple:
    """Makes a folder with a damaged file; returns what `Answering` asks about it."""
    shutil.copytree(materials, at, copy_function=_linked)
    rng = random.Random(seed)
    path, scored = at / kind.file, at / "scores/evaluation.yaml"
    scored.write_text(scored.read_text().replace(str(materials), str(at)))  # of the same paths
    content = path.read_bytes()
    path.unlink()
    text = kind.form in ("yaml", "json")
    path.write_bytes(mutated(content, rng, OF_TEXT if text else OF_BYTES))
    return "command", [*map(str, kind.words(at))], rng.random() < WHOLE.get(path.name, 0.0)


def _linked(source, target) -> None:
    # Music is big, and nothing writes to it.
    if source.endswith(".wav"):
        os.link(source, target)
    else:
        shutil.copy(source, target)


def fault_of(answer: Answer | str, at: Path) -> str | None:
    """What is wrong with an answer of the command line, or None."""
    if isinstance(answer, str):
        return answer
    if answer.code is None or "Traceback" in answer.said + answer.errors:
        return answer.said + answer.errors
    lines = [x for x in answer.errors.splitlines() if x.strip() and not _warns(x)]
    told = len(lines) == 1 and lines[0].startswith(("error: ", "failed: "))
    if answer.code not in (0, 1, 2) or told != (answer.code != 0) or len(lines) > 1:
        return f"exit code {answer.code}: {answer.errors}"
    for path in (at / "out").rglob("*.wav"):
        if not np.isfinite(soundfile.read(path)[0]).all():
            return f"{path.name} is not finite"
    history = at / "run/history.csv"
    if answer.code == 0 and history.exists() and "nan" in history.read_text():
        return "NaN in the history"
    return None


def _warns(line: str) -> bool:
    # Ours, and TensorFlow's of many graphs in one process.
    return line.startswith(("warning: ", "WARNING:tensorflow:"))


def right_requests(song: Path) -> dict[str, list[np.ndarray]]:
    """Right inputs of each signature of a model with an FFT size of 512."""
    waveform, _ = soundfile.read(song, dtype="float32")
    files = [song.read_bytes()]
    batch = np.stack([waveform, waveform[::-1]])
    noise = np.random.default_rng(0).normal(size=[1, 9, 2, 257])
    return {
        "serving_default": [batch, batch[:1, :5000]],
        "spectrogram": [np.abs(noise).astype(np.float32)],
        "fixed_length": [batch[:, : RATE // 5]],
        "separate_wav": [np.array(files, object), np.array(files * 3, object)],
        "describe": [np.array([b""], object), np.array([b"x"] * 3, object)],
    }


def damaged_request(value: np.ndarray, rng: random.Random) -> bytes:
    """A TensorProto of a value that is damaged, or damaged itself."""
    import tensorflow as tf

    files = value.dtype == object
    inside = files and rng.random() < 0.8
    if inside:
        value = np.array([mutated(file, rng) for file in value], object)
    proto = tf.make_tensor_proto(value, tf.string if files else tf.float32)
    return proto.SerializeToString() if inside else mutated(proto.SerializeToString(), rng)
