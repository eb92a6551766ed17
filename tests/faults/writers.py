"""The commands that write, each as small as it can be, and what they read."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import soundfile
from command_line import flags
from excerpt import RATE, read_excerpt
from listening_tests import make_key, make_test
from once import once

from mss_keras.data.musdb import demo_stem
from mss_keras.data.stems import to_int16

sys.path.insert(0, str(Path(__file__).parents[1] / "models"))
from checkpoints import state
from pth import save

ROOT = Path(__file__).parents[2]
_AUDIO = {"sample_rate": 8820, "nb_channels": 1, "nfft": 256, "nhop": 128}
_RUN = {
    **_AUDIO,
    **{"hidden_size": 8, "unidirectional": True, "seq_dur": 0.1, "batch_size": 2},
    **{"samples_per_track": 4, "devices": "cpu", "deterministic": True},
}


def _music(folder: Path) -> None:
    stems = read_excerpt()
    for track, seconds in {"train/a": 0, "train/b": 1, "valid/c": 2, "test/d": 3}.items():
        (folder / track).mkdir(parents=True)
        for name, waveform in stems.items():
            piece = waveform[seconds * RATE : (seconds + 1) * RATE].mean(axis=1)[::5]
            soundfile.write(folder / f"{track}/{name}.wav", to_int16(piece), RATE // 5)


def _songs(folder: Path) -> None:
    shutil.copytree(made("music") / "train", folder)


def _stems(folder: Path) -> None:
    (folder / "train").mkdir(parents=True)
    for number in range(3):
        os.symlink(demo_stem(), folder / f"train/{number}.stem.mp4")


def _run(folder: Path) -> None:
    words = [*WRITERS["train"].command()[:-1], str(folder)]
    result = subprocess.run(words, capture_output=True, text=True, env=environment(folder.parent))
    assert result.returncode == 0, result.stderr


def _umx(folder: Path) -> None:
    folder.mkdir()
    sizes: Any = {"hidden": 8, "channels": 1, "bins": 129, "max_bin": 80}
    for seed, name in enumerate(("drums", "vocals")):
        save(folder / f"{name}.pth", state(seed, **sizes))
    sizes = {"sample_rate": 8000, "nfft": 256, "nhop": 128, "nb_channels": 1}
    (folder / "separator.json").write_text(json.dumps(sizes))


def _spleeter(folder: Path) -> None:
    shutil.copytree(ROOT / "tests/separation/spleeter/2stems", folder)


def _rated(folder: Path) -> None:
    folder.mkdir()
    make_test(folder, make_key(excerpts=2))


_INPUTS = {
    "music": _music,
    "songs": _songs,
    "stems": _stems,
    "run": _run,
    "umx": _umx,
    "2stems": _spleeter,
    "rated": _rated,
}


def made(name: str) -> Path:
    """An input of the commands, a key of `_INPUTS`, made once for all workers."""
    return once(f"writers-{name}", _INPUTS[name])


@dataclass(frozen=True)
class Writer:
    """A command that writes to `out` in its working directory, and beside it.

    Args:
        words: list of str. The command line but for `--output`; `{name}` stands for an input.
        output: str. What `--output` is given. Defaults to `out`.
        again: str. What another call does when one has finished: `nothing` that is new, `more`,
            such as a further version, or it is `refused`. Defaults to `nothing`.
    """

    words: list[str]
    output: str = "out"
    again: Literal["nothing", "more", "refused"] = "nothing"

    def command(self) -> list[str]:
        """The command line, once its inputs are made."""
        words = [re.sub(r"{(\w+)}", lambda found: str(made(found[1])), x) for x in self.words]
        return [sys.executable, "-m", "trainer", *words, "--output", self.output]


_HEARD = {name: _AUDIO[name] for name in ("sample_rate", "nb_channels")}
_MUSIC = ["--root", "{music}"]
_EXAMPLES = {name: _RUN[name] for name in (*_AUDIO, "seq_dur", "batch_size", "samples_per_track")}
WRITERS = {
    "prepare": Writer(["prepare", "--root", "{stems}", "--jobs", "2"]),
    "separate": Writer(["separate", "{songs}", "--model", "{run}"]),
    "evaluate": Writer(
        [
            *("evaluate", *_MUSIC, "--model", "{run}", "--jobs", "1", "--metrics", "si_sdr"),
            *("--subset", "train", "--stems", "out-stems"),
        ]
    ),
    "compare": Writer(
        ["compare", "{run}", "again={run}", *_MUSIC, "--subset", "train", "--duration", "1"],
        again="more",
    ),
    "import-openunmix": Writer(
        ["import-openunmix", "{umx}"], output="out/model.keras", again="refused"
    ),
    "import-spleeter": Writer(
        ["import-spleeter", "{2stems}", "--configuration", "2stems"],
        output="out/model.keras",
        again="refused",
    ),
    "export": Writer(["export", "--model", "{run}"], again="more"),
    "listen": Writer(
        [
            *("listen", *_MUSIC, *flags(_HEARD), "--subset", "train", "--duration", "0.5"),
            *("--per-source", "1", "--below-loudest", "40", "--below-mixture", "60"),
            *("--systems", "net={run}", "true={music}"),
        ]
    ),
    "correlate": Writer(
        [
            *("correlate", "--ratings", "{rated}/ratings", "--scores", "{rated}/scores"),
            *("--resamples", "100"),
        ]
    ),
    "preview": Writer(
        [
            *("preview", *_MUSIC, *flags(_EXAMPLES), "--examples", "2"),
            *("--loss", "adversarial", "--unpaired-root", "{songs}"),
        ]
    ),
    "train": Writer(["train", *flags(_RUN), "--epochs", "2", *_MUSIC, "--loss", "l2_freq"]),
    "benchmark": Writer(
        [
            *("benchmark", *flags(_RUN), "--epochs", "1", *_MUSIC),
            *("--losses", "l2_freq", "psa", "--jobs", "1"),
        ]
    ),
    "tune": Writer(
        [
            *("tune", *flags(_RUN), "--epochs", "1", *_MUSIC, "--loss", "dissimilarity_freq"),
            *("--tuner", "random", "--trials", "2", "--then-train", "--export", "served"),
        ],
        again="more",
    ),
}

MANIFOLD = ("benchmark", "tune")  # those of many processes, which take a minute


def environment(place: Path) -> dict[str, str]:
    """What the commands are given: their temporary files lie in `place/tmp`."""
    paths = {"PYTHONPATH": str(ROOT), "PATH": "/nowhere"}
    return {**os.environ, **paths, "TMPDIR": str(place / "tmp")}
