"""Small runs, as fields of a configuration and as flags."""

# Small enough to train in seconds.
SMALL = {
    "nfft": 512,
    "nhop": 256,
    "hidden_size": 16,
    "seq_dur": 0.3,
    "batch_size": 2,
    "samples_per_track": 4,
    "devices": "cpu",
}


def flags(values: dict) -> list[str]:
    """A configuration as flags of the command line."""
    given = []
    for name, value in values.items():
        flag = "--" + name.replace("_", "-")
        given += [flag] if value is True else [flag, str(value)]
    return given
