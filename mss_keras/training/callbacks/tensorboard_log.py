"""What TensorBoard shows of a run."""

import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from mss_keras.reports.figures import as_image
from mss_keras.reports.spectrograms import spectrograms


class TensorBoardLog(keras.callbacks.Callback):
    """Writes what TensorBoard shows: scalars every epoch, an example when it improves.

    Args:
        folder: log folder.
        example: one validation excerpt, `{"mixture": [samples, channels], "sources":
            [sources, samples, channels]}`.
        stopping: tells which epoch is the best.
    """

    def __init__(
        self,
        folder: Path,
        example: dict[str, np.ndarray],
        stopping: keras.callbacks.EarlyStopping,
    ):
        super().__init__()
        self.folder = folder
        self.example = example
        self.stopping = stopping

    def on_train_begin(self, logs=None):
        """Opens the log, with the mixture and the targets to compare with."""
        splits = ("train", "validation")  # one chart for both, as Keras has it
        self.writers = {
            split: tf.summary.create_file_writer(str(self.folder / split)) for split in splits
        }
        self._audio("mixture", self.example["mixture"], 0)
        for name, target in zip(self.model.source_names, self.example["sources"], strict=True):
            self._audio(f"target/{name}", target, 0)

    def on_epoch_begin(self, epoch, logs=None):
        """Starts the clock."""
        self.model.objective.reset_logs()
        self.start, self.waited, self.steps = time.perf_counter(), self.model.data_wait, 0
        self.train_seconds = 0.0

    def on_train_batch_end(self, batch, logs=None):
        """Counts steps."""
        self.steps = batch + 1

    def on_test_begin(self, logs=None):
        """Notes the time of the steps, once `StopOnNaN` has waited for them; without validation."""
        self.train_seconds = time.perf_counter() - self.start

    def on_epoch_end(self, epoch, logs=None):
        """Writes the epoch's scalars and, if it is the best so far, the example."""
        step = epoch + 1
        seconds = max(self.train_seconds, 1e-9)
        run = {
            "run/learning_rate": logs["learning_rate"],
            "run/seconds_per_step": seconds / max(self.steps, 1),
            "run/share_waiting_for_data": (self.model.data_wait - self.waited) / seconds,
        }
        for name, value in {**logs, **self.model.objective.logs(), **run}.items():
            split = "validation" if name.startswith("val_") else "train"
            if name != "learning_rate":
                with self.writers[split].as_default():
                    tf.summary.scalar(name.removeprefix("val_"), float(value), step=step)
        if self.stopping.best_epoch == epoch:
            self._example(step)
        for writer in self.writers.values():
            writer.flush()

    def on_train_end(self, logs=None):
        """Closes the log."""
        for writer in self.writers.values():
            writer.close()

    def _example(self, step: int) -> None:
        stems = self.model.separate(self.example["mixture"])
        for name, stem in stems.items():
            self._audio(f"estimate/{name}", stem, step)
        image = as_image(spectrograms(self.example, stems, self.model.audio))
        with self.writers["validation"].as_default():
            tf.summary.image("spectrograms", image[np.newaxis], step=step)

    def _audio(self, tag: str, waveform: np.ndarray, step: int) -> None:
        audio = np.clip(waveform, -1.0, 1.0)[np.newaxis]
        with self.writers["validation"].as_default():
            tf.summary.audio(tag, audio, self.model.audio.sample_rate, step=step)
