"""The page of a run: what it is, how it went, and how it sounds."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mss_keras import data
from mss_keras.config import RunConfig, flag_name, respelled
from mss_keras.data import MusicSet
from mss_keras.reports import figures
from mss_keras.reports.curves import curves
from mss_keras.reports.pages import Example, Page, Picture, Section, Stimulus, Table
from mss_keras.reports.tables import counted
from mss_keras.training.advice import Remark
from mss_keras.training.report import Separated
from mss_keras.training.scores import Score, mean_of, rows_of
from mss_keras.training.spent import seconds_spent
from mss_keras.training.state import Row
from mss_keras.training.wording import duration

DEMONSTRATION = (
    "This is a demonstration: a small network that has heard 4.5 seconds of one song (train), "
    "tried on the rest of it (valid). It is not a trained separator."
)
# Files beside the page, by what they are called there.
_FILES = {
    "configuration": "config.yaml",
    "history of the epochs": "history.csv",
    "curves": "curves.png",
    "spectrograms": "spectrograms.png",
    "model card": "saved_model/1/README.md",
}


@dataclass(frozen=True)
class Finished:
    """A run that has been trained.

    Args:
        config: RunConfig. Its configuration, resolved.
        folder: Path. Its folder.
        music: MusicSet. Its tracks.
        history: sequence of dict. A row for each epoch.
        best_epoch: int. Epoch that the model is of, counted from 1.
        loss: str. The loss in words.
        devices: str. Its devices and precision, in words.
        parameters: int. Number of the network's parameters.
        separated: sequence of Separated. Its excerpts.
    """

    config: RunConfig
    folder: Path
    music: MusicSet
    history: Sequence[Row]
    best_epoch: int
    loss: str
    devices: str
    parameters: int
    separated: Sequence[Separated]

    @property
    def scores(self) -> list[Score]:
        """The scores of its excerpts."""
        return [score for each in self.separated for score in each.scores]


def page_of(run: Finished, remarks: Sequence[Remark]) -> Page:
    """The page of a run; draws `curves.png`.

    Args:
        run: Finished. The run.
        remarks: sequence of Remark. What `advice` says of it.
    """
    figures.save(
        curves(run.history, run.loss, best_epoch=run.best_epoch), run.folder / "curves.png"
    )
    drawn = Picture(
        (run.folder / "curves.png").read_bytes(),
        alt=f"Curves over {counted(len(run.history), 'epoch')} of training.",
        caption=f"What was measured in each epoch. The model is that of epoch {run.best_epoch}, "
        "where the validation loss was lowest.",
    )
    demonstration = [DEMONSTRATION] if data.is_demo(run.music) else []
    serious, notes = (
        [respelled(remark.text, flag_name) for remark in remarks if remark.serious is kind]
        for kind in (True, False)
    )
    return Page(
        title=f"A separator trained by {run.loss}",
        answer=_answer(run.scores),
        warnings=[*demonstration, *serious],
        sections=[
            *([Section("Worth knowing", [notes])] if notes else []),
            Section("How well", [_table(run.scores)]),
            Section("How it sounds", [_example(each, run.config) for each in run.separated]),
            Section("How it went", [drawn]),
            Section("What it is", [_facts(run)]),
        ],
        links=_links(run),
    )


def _answer(scores: Sequence[Score]) -> str:
    mean = mean_of(scores, "valid")
    if mean is None:
        return "The validation excerpt is silent: no source of it has a score."
    gain = abs(mean.improvement)
    return (
        f"On the validation excerpt SI-SDR is {mean.estimate:z.1f} dB in the mean of the sources, "
        f"{gain:.1f} dB {'better' if mean.improvement >= 0 else 'worse'} than the mixture left as "
        "it is."
    )


def _table(scores: Sequence[Score]) -> Table:
    rows = [
        [
            f"{row.split}, {row.source}",
            *(
                ["silent target", "", ""]
                if np.isnan(row.improvement)
                else [f"{row.estimate:.2f}", f"{row.mixture:.2f}", f"{row.improvement:+.2f}"]
            ),
        ]
        for row in rows_of(scores)
    ]
    return Table("SI-SDR, dB", ["excerpt, source", "estimate", "mixture", "improvement"], rows)


def _example(each: Separated, config: RunConfig) -> Example:
    stimuli = [Stimulus("mixture", "", each.mixture)]
    for score, target in zip(each.scores, each.sources, strict=True):
        silent = np.isnan(score.improvement)
        note = "" if silent else f"{score.estimate:.1f} dB ({score.improvement:+.1f})"
        stimuli.append(Stimulus(score.source, "target", target, "silent" if silent else ""))
        stimuli.append(Stimulus(score.source, "estimate", each.stems[score.source], note))
    heard = "a track that it was trained on" if each.split == "train" else "a track of validation"
    return Example(
        each.title(config.audio),
        stimuli,
        config.audio,
        facts=[
            f"The beginning of {heard}. Beside an estimate stand its SI-SDR and, in brackets, how "
            f"much that is above the mixture's. Its stems are in stems/{each.split}/."
        ],
    )


def _facts(run: Finished) -> Table:
    config, training, own = run.config, run.config.training, run.config.data
    model, audio = config.model, config.audio
    steps = data.steps_per_epoch(run.music.train, own)
    arguments = ", ".join(f"{name} {value}" for name, value in training.loss_args.items())
    spent = seconds_spent(run.folder / "tensorboard/train")
    facts = {
        "loss": " with ".join(filter(None, [run.loss, arguments])),
        "sources": ", ".join(own.sources),
        "network": f"{model.described()}, {run.parameters:,} parameters",
        "waveforms": f"{audio.sample_rate} Hz, {'stereo' if audio.nb_channels == 2 else 'mono'}, "
        f"STFT {audio.nfft} with hop {audio.nhop}",
        "music": f"{Path(own.root or '').name}: {counted(len(run.music.train), 'track')} to train "
        f"on, {len(run.music.valid)} to validate on",
        "examples": f"{own.seq_dur:g} s in batches of {own.batch_size}; {counted(steps, 'step')} "
        f"an epoch; {' and '.join(own.augmentations) or 'no augmentation'}",
        "learning rate": f"{training.lr:g} at first, {run.history[-1]['learning_rate']:.2g} in the "
        "end",
        "devices": run.devices,
        "seed": str(training.seed),
        "epochs": f"{len(run.history)} of at most {training.epochs}; the best was {run.best_epoch}",
        "time": duration(spent),
    }
    rows = [[name, value] for name, value in facts.items()]
    return Table("The run", ["setting", "value"], rows, texts=["value"])


def _links(run: Finished) -> dict[str, str]:
    stems = {
        f"stems, {each.split}, {name}": f"stems/{each.split}/{name}.wav"
        for each in run.separated
        for name in each.stems
    }
    files = {name: path for name, path in _FILES.items() if (run.folder / path).exists()}
    return {**files, **stems}
