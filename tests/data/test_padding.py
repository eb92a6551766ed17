"""Batches of one size."""

import numpy as np
import tensorflow as tf

from mss_keras.data.padding import padded_batches


def test_the_size_of_all_batches_is_known_to_who_compiles_a_step():
    examples = {"sources": np.ones([5, 2, 7], np.float32), "mixture": np.ones([5, 7], np.float32)}
    batches = padded_batches(tf.data.Dataset.from_tensor_slices(examples), 3)
    shapes = {name: spec.shape.as_list() for name, spec in batches.element_spec.items()}
    assert shapes == {"sources": [3, 2, 7], "mixture": [3, 7], "weight": [3]}
