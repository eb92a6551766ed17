"""Workers together read what one would have read, in the same order."""

import numpy as np
import pytest

from mss_keras.config import AudioConfig, DataConfig
from mss_keras.data import Share, Unpaired, open_set, training_examples, validation_examples

AUDIO = AudioConfig(sample_rate=44100)


def shares(workers, parts=1):
    return [Share(worker, workers, parts) for worker in range(workers)]


@pytest.mark.parametrize(("workers", "batch_size"), [(1, 4), (2, 4), (3, 6), (4, 4)])
def test_every_example_is_read_once_and_in_its_batch(workers, batch_size):
    own = batch_size // workers
    found = [[share.index(i, batch_size) for i in range(5 * own)] for share in shares(workers)]
    for step in range(5):
        batch = [index for each in found for index in each[step * own : (step + 1) * own]]
        assert batch == list(range(step * batch_size, (step + 1) * batch_size))


def joined(batches_of_workers, batch_size):
    """Batches over all workers, of the batches of each."""
    streams = []
    for batches in batches_of_workers:
        examples = [
            {name: value[i] for name, value in batch.items()}
            for batch in batches
            for i in range(len(batch["sources"]))
        ]
        streams.append(examples)
    own = batch_size // len(streams)
    order = [
        example
        for step in range(len(streams[0]) // own)
        for stream in streams
        for example in stream[step * own : (step + 1) * own]
    ]
    return {name: np.stack([example[name] for example in order]) for name in order[0]}


@pytest.mark.parametrize(("parts", "unpaired"), [(1, None), (2, None), (1, Unpaired())])
def test_workers_train_on_the_same_examples_in_the_same_order(tree, parts, unpaired):
    data = DataConfig(root=str(tree), seq_dur=0.1, batch_size=4)
    tracks = open_set(data, AUDIO).train

    def numpy(share, steps):
        examples = training_examples(
            tracks, data, AUDIO, seed=3, start=8, unpaired=unpaired, share=share
        )
        return [
            {k: v.numpy() for k, v in x.items()} for x in examples.take(steps * max(1, share.parts))
        ]

    whole = joined([numpy(Share(), 3)], 4)
    both = joined([numpy(share, 3) for share in shares(2, parts)], 4)
    assert whole.keys() == both.keys()
    assert ("unpaired_mixture" in whole) == (unpaired is not None)
    for name in whole:
        np.testing.assert_array_equal(whole[name], both[name])


@pytest.mark.parametrize(("workers", "parts"), [(2, 1), (2, 2), (4, 1)])
def test_workers_validate_every_excerpt_once(tree, workers, parts):
    # 1.0 s of one track: 10 excerpts and silence, of which the last worker has nothing else.
    data = DataConfig(root=str(tree), seq_dur=0.1, batch_size=4)
    tracks = open_set(data, AUDIO).valid

    def numpy(share):
        examples = validation_examples(tracks, data, AUDIO, share=share)
        batches = [{k: v.numpy() for k, v in x.items()} for x in examples]
        assert len(batches) == examples.cardinality()
        return batches

    whole = joined([numpy(Share())], 4)
    shared = joined([numpy(share) for share in shares(workers, parts)], 4)
    assert whole["weight"].sum() < len(whole["weight"])  # some are silence
    for name in whole:
        np.testing.assert_array_equal(whole[name], shared[name])
