"""What TensorBoard shows of a run."""

from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from mss_keras.jobs.files import appearing
from mss_keras.reports.figures import as_image
from mss_keras.reports.spectrograms import spectrograms
from mss_keras.training.callbacks.times import EpochTimes

EXAMPLE_SECONDS = 10.0  # at most


class TensorBoardLog(keras.callbacks.Callback):
    """Writes what TensorBoard shows: scalars every epoch, an example every so many epochs.

    The example's mixture and targets are written once for a run, beside the first estimates. All
    sounds of a source have one tag, so that TensorBoard shows them side by side.

    Args:
        folder: log folder, or None on a machine that leaves it to another.
        times: measures the epoch; stands before this callback.
        example: one validation excerpt, `{"mixture": [samples, channels], "sources":
            [sources, samples, channels]}`, of which at most `EXAMPLE_SECONDS` are written.
        audio_every: number of epochs from one example to the next; 0 for none.
    """

    def __init__(
        self,
        folder: Path | None,
        times: EpochTimes,
        example: Mapping[str, np.ndarray],
        *,
        audio_every: int,
    ):
        super().__init__()
        self.folder, self.times = folder, times
        self.example, self.audio_every = example, audio_every
        self.writers: dict[str, tf.summary.SummaryWriter] = {}

    def on_train_begin(self, logs=None):
        """Opens the log, whose first event tells when the session began."""
        if self.folder is not None:
            self._writer("train")

    def on_epoch_begin(self, epoch, logs=None):
        """Begins the means of the companions anew."""
        self.model.objective.reset_logs()

    def on_epoch_end(self, epoch, logs=None):
        """Writes the epoch's scalars and, if it is due, the example."""
        step = epoch + 1
        means = self.model.objective.logs()  # several machines make them together
        if self.folder is None:
            return
        run = {
            "run/learning_rate": logs["learning_rate"],
            "run/seconds_per_step": self.times.train_seconds / max(self.times.steps, 1),
            "run/share_waiting_for_data": self.times.share_waiting,
        }
        for name, value in {**logs, **means, **run}.items():
            split = "validation" if name.startswith("val_") else "train"
            if name != "learning_rate":
                with self._writer(split).as_default():  # one chart for both, as Keras has it
                    tf.summary.scalar(name.removeprefix("val_"), float(value), step=step)
        if self.audio_every and step % self.audio_every == 0:
            self._write_example(step)
        for writer in self.writers.values():
            writer.flush()

    def on_train_end(self, logs=None):
        """Closes the log."""
        for writer in self.writers.values():
            writer.close()
        self.writers = {}

    def _writer(self, split: str) -> tf.summary.SummaryWriter:
        assert self.folder is not None  # nothing is written without
        if split not in self.writers:
            self.writers[split] = tf.summary.create_file_writer(str(self.folder / split))
        return self.writers[split]

    def _write_example(self, step: int) -> None:
        assert self.folder is not None  # nothing is written without
        samples = round(EXAMPLE_SECONDS * self.model.audio.sample_rate)
        mixture = self.example["mixture"][:samples]
        sources = self.example["sources"][:, :samples]
        if not (self.folder / "target").exists():
            with appearing(self.folder / "target") as partial:
                writer = tf.summary.create_file_writer(str(partial))
                with writer.as_default():
                    self._audio({"mixture": mixture}, 0)
                    self._audio(dict(zip(self.model.source_names, sources, strict=True)), 0)
                writer.close()
        stems = self.model.separate(mixture)
        image = as_image(
            spectrograms({"mixture": mixture, "sources": sources}, stems, self.model.audio)
        )
        with self._writer("estimate").as_default():
            self._audio(stems, step)
            tf.summary.image("spectrograms", image[np.newaxis], step=step)

    def _audio(self, waveforms: Mapping[str, np.ndarray], step: int) -> None:
        for name, waveform in waveforms.items():
            audio = np.clip(waveform, -1.0, 1.0)[np.newaxis]
            tf.summary.audio(f"example/{name}", audio, self.model.audio.sample_rate, step=step)
