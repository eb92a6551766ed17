"""Records what Spleeter gives, for tests/separation/test_spleeter_import.py.

    python3.11 -m venv VENV; VENV/bin/pip install --no-deps spleeter==2.4.2 ffmpeg-python norbert
    VENV/bin/pip install 'tensorflow-cpu==2.12.1' 'numpy<1.24' 'pandas<2' 'httpx[http2]<0.20' \
        'typer<0.4' scipy
    python tests/benchmarks/record_spleeter.py --music MUSIC.npy
    VENV/bin/python tests/benchmarks/record_spleeter.py --music MUSIC.npy [--filters full]

The first command writes the music, by this package; the second separates it with Spleeter, which
needs TensorFlow 2.12, and writes tests/separation/spleeter/: a checkpoint for each configuration
with random weights and few filters, and `stems.npz`. With `--filters full` the sizes are those of
the published models, and everything is written to the folder `spleeter-full` beside MUSIC.npy.

Of Spleeter's BLSTM nothing is published; it is recorded with few units and bins, and with the other
way to fill the bins that are not read. Spleeter makes it of CuDNNLSTM, which runs on GPUs alone, by
CUDA 11 in TensorFlow 2.12; here it is of the LSTM to which Keras converts such layers.
"""

import argparse
import functools
import importlib.util
import json
import shutil
from importlib import metadata
from pathlib import Path

import numpy as np

HERE = Path(__file__).parents[1] / "separation/spleeter"
CONFIGURATIONS = ("2stems", "4stems", "5stems", "2stems-16kHz", "blstm")
FEW_FILTERS = (2, 2, 3, 3, 4, 4)
FEW_BINS, FEW_UNITS = 128, 3  # of the BLSTM
SEGMENT = 512 * 1024  # samples at which the frames of a segment of Spleeter begin
EVERY = 211


def write_music(path: Path) -> None:
    """Two times the excerpt, as long as the first segment of Spleeter, with silence at its end."""
    import sys

    sys.path.insert(0, str(Path(__file__).parents[1]))
    from excerpt import read_excerpt

    music = np.concatenate([read_excerpt()["mixture"]] * 2)[: SEGMENT - 5120]
    np.save(path, music.astype(np.float32))


def record(music: np.ndarray, folder: Path, filters: tuple[int, ...] | None) -> None:
    """Checkpoints and stems of all configurations."""
    folder.mkdir(parents=True, exist_ok=True)
    names = ("spleeter", "tensorflow-cpu", "numpy")
    recorded = {"versions": np.array([f"{name} {metadata.version(name)}" for name in names])}
    for name in CONFIGURATIONS:
        stems = separated(name, music, folder, filters=filters)
        every = 1 if filters is None else EVERY
        recorded |= {f"{name}/{stem}": stems[stem][::every] for stem in stems}
    np.savez_compressed(folder / "stems.npz", **recorded)


def separated(
    name: str, music: np.ndarray, folder: Path, *, filters: tuple[int, ...] | None
) -> dict[str, np.ndarray]:
    """Stems of Spleeter's estimator; those of 16 kHz use the other configuration's checkpoint."""
    from spleeter.separator import Separator

    model_dir = folder / name.removesuffix("-16kHz")
    configuration = configured(name, filters=filters) | {"model_dir": str(model_dir)}
    if not model_dir.exists():
        make_checkpoint(configuration, model_dir, seed=CONFIGURATIONS.index(name))
    path = folder / "configuration.json"
    path.write_text(json.dumps(configuration))
    probe = model_dir / ".probe"  # what Spleeter takes for a finished download
    probe.touch()
    stems = Separator(str(path), multiprocess=False).separate(music)
    path.unlink()
    probe.unlink()
    return stems


def configured(name: str, *, filters: tuple[int, ...] | None) -> dict:
    """Spleeter's configuration of a name, made small where the filters are few."""
    from spleeter.utils.configuration import load_configuration

    if name != "blstm":
        configuration = load_configuration(f"spleeter:{name}")
        if filters is not None:
            configuration["model"]["params"]["conv_n_filters"] = list(filters)
        return configuration
    import tensorflow as tf
    from spleeter.model.functions import blstm

    blstm.CuDNNLSTM = functools.partial(
        tf.compat.v1.keras.layers.LSTM, recurrent_activation="sigmoid"
    )
    configuration = load_configuration("spleeter:2stems") | {"mask_extension": "average"}
    configuration["model"] = {"type": "blstm.blstm", "params": {}}
    if filters is not None:
        configuration["F"], configuration["model"]["params"] = FEW_BINS, {"lstm_units": FEW_UNITS}
    return configuration


def make_checkpoint(configuration: dict, folder: Path, *, seed: int) -> None:
    """A checkpoint of Spleeter's graph whose variables are all random."""
    import tensorflow as tf
    from spleeter.model import EstimatorSpecBuilder, InputProviderFactory

    rng = np.random.default_rng(seed)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        features = InputProviderFactory.get(configuration).get_input_dict_placeholders()
        EstimatorSpecBuilder(features, configuration).build_predict_model()
        tf.compat.v1.train.get_or_create_global_step()
        session.run(tf.compat.v1.global_variables_initializer())
        for variable in tf.compat.v1.global_variables():
            shape, kind = variable.shape.as_list(), variable.op.name.split("/")[-1]
            if kind in ("gamma", "moving_variance"):
                variable.load(rng.uniform(0.5, 1.5, shape), session)
            elif kind in ("beta", "bias"):
                variable.load(rng.normal(0, 0.3, shape), session)
            elif kind == "moving_mean":
                variable.load(rng.normal(0, 1.0, shape), session)
        tf.compat.v1.train.Saver().save(session, str(folder / "model"), write_meta_graph=False)
    # What TensorFlow writes has a path of this machine.
    (folder / "checkpoint").write_text('model_checkpoint_path: "model"\n')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--music", type=Path, required=True)
    parser.add_argument("--filters", choices=["few", "full"], default="few")
    options = parser.parse_args()
    if importlib.util.find_spec("spleeter") is None:
        write_music(options.music)
        return
    full = options.filters == "full"
    folder = options.music.parent / "spleeter-full" if full else HERE
    shutil.rmtree(folder, ignore_errors=True)
    record(np.load(options.music), folder, None if full else FEW_FILTERS)


if __name__ == "__main__":
    main()
