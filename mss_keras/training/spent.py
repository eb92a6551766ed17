"""How long a run was trained, by the times of what it wrote for TensorBoard."""

from pathlib import Path

import tensorflow as tf
from tensorflow.core.util import event_pb2


def seconds_spent(folder: Path) -> float:
    """Seconds from the beginning to the last epoch of each of a run's sessions, added up.

    Args:
        folder: Path. TensorBoard's, of the training split. Each session of a run has a file there.
    """
    return sum(_seconds(path) for path in folder.glob("events.*"))


def _seconds(path: Path) -> float:
    times = []
    try:
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            times.append(event_pb2.Event.FromString(record).wall_time)
    except tf.errors.DataLossError:  # the end of a session that was killed
        pass
    return max(times) - min(times) if times else 0.0
