"""GPUs are shared out evenly, whoever ends first."""

from mss_keras.jobs.gpus import VISIBLE, Gpus


def test_a_gpu_that_is_given_back_once_still_has_its_other_jobs():
    gpus = Gpus(["0", "1"])
    taken = [gpus.take()[VISIBLE] for _ in range(5)]
    assert taken == ["0", "1", "0", "1", "0"]
    gpus.give_back({VISIBLE: "0"})
    gpus.give_back({VISIBLE: "1"})
    assert [gpus.take()[VISIBLE] for _ in range(3)] == ["1", "0", "1"]


def test_without_gpus_nothing_is_shared_out():
    gpus = Gpus([])
    assert gpus.take() == {}
    gpus.give_back({})
