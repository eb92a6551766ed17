"""What an epoch spends its time on."""

import time

import keras


class EpochTimes(keras.callbacks.Callback):
    """Measures an epoch, for the callbacks that stand behind it.

    Stands behind `StopOnNaN`, which waits for the last step before validation begins.

    Attributes:
        steps: int. Number of steps that the epoch has taken.
    """

    def __init__(self):
        super().__init__()
        self.steps = 0
        self._start, self._waited = 0.0, 0.0
        self._end: float | None = None  # of the steps, once validation has begun

    def on_epoch_begin(self, epoch, logs=None):
        """Starts the clock."""
        self.steps, self._end = 0, None
        self._start, self._waited = time.perf_counter(), self.model.data_wait

    def on_train_batch_end(self, batch, logs=None):
        """Counts the step."""
        self.steps = batch + 1

    def on_test_begin(self, logs=None):
        """Notes that the steps are over."""
        self._end = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Seconds since the epoch began."""
        return time.perf_counter() - self._start

    @property
    def train_seconds(self) -> float:
        """Seconds of the steps, without validation; above 0."""
        return max((self._end or time.perf_counter()) - self._start, 1e-9)

    @property
    def share_waiting(self) -> float:
        """Share of these seconds that was spent waiting for data."""
        return min((self.model.data_wait - self._waited) / self.train_seconds, 1.0)
