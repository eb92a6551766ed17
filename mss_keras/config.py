"""Typed, frozen specifications of a run, and the names everything else agrees on.

Field names are the command line's flags (with `-` for `_`) and the keys of a
run's `config.yaml`. Units stand in each field's help.
"""

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

SOURCES = ("vocals", "drums", "bass", "other")
DOMAINS = ("waveform", "magnitude", "phase_sensitive", "mask")
VGGISH = "https://tfhub.dev/google/vggish/1"
FeatureLayer = Literal["conv1", "conv2", "conv3_1", "conv3_2", "conv4_1", "conv4_2"]
FEATURE_LAYERS: tuple[FeatureLayer, ...] = typing.get_args(FeatureLayer)


class UserError(ValueError):
    """Something the user can mend; the command line prints it as one line."""


def flag_name(field: str) -> str:
    """`batch_size` → `--batch-size`."""
    return "--" + field.replace("_", "-")


def option(default: Any, help: str) -> Any:
    """A dataclass field whose help text travels with it."""
    return dataclasses.field(default=default, metadata={"help": help})


def repeated(default: tuple, help: str) -> Any:
    """An `option` whose flag is given once for each value."""
    return dataclasses.field(default=default, metadata={"help": help, "repeated": True})


def require(condition: bool, field: str, found: Any, wanted: str) -> None:
    """Raises UserError naming the flag, the value found and the value wanted.

    Raises:
        UserError: if `condition` does not hold.
    """
    if not condition:
        raise UserError(f"{flag_name(field)}: found {found!r}, wanted {wanted}")


def _require_positive(config: Any, *fields: str) -> None:
    for field in fields:
        value = getattr(config, field)
        require(value > 0, field, value, "a number above 0")


@dataclass(frozen=True)
class AudioConfig:
    """Waveforms and their short-time Fourier transform."""

    sample_rate: int = option(44100, "Sample rate of the audio, Hz")
    nb_channels: int = option(2, "Audio channels: 1 (mono, files are mixed down) or 2 (stereo)")
    nfft: int = option(4096, "FFT size and length of the periodic Hann window, samples")
    nhop: int = option(1024, "Hop between frames, samples; must divide nfft at least twice")

    def __post_init__(self):
        """Checks the values."""
        _require_positive(self, "sample_rate", "nfft", "nhop")
        require(self.nb_channels in (1, 2), "nb_channels", self.nb_channels, "1 or 2")
        require(
            self.nfft % self.nhop == 0 and self.nfft >= 2 * self.nhop,
            "nhop",
            self.nhop,
            f"a divisor of nfft {self.nfft}, at most half of it",
        )

    @property
    def bins(self) -> int:
        """Frequency bins of a spectrogram."""
        return self.nfft // 2 + 1


@dataclass(frozen=True)
class ModelConfig:
    """The OpenUnmix network."""

    architecture: Literal["joint", "separate"] = option(
        "joint", "One trunk with a head per source (joint) or one network per source (separate)"
    )
    hidden_size: int = option(
        512, "Width of the network, units; the paper's joint network has 1024"
    )
    bandwidth: float = option(16000.0, "Frequencies above this are not read by the network, Hz")
    unidirectional: bool = option(False, "LSTM layers in one direction only (causal)")
    dropout: float = option(0.4, "Dropout between LSTM layers, a share of the units")

    def __post_init__(self):
        """Checks the values."""
        _require_positive(self, "hidden_size", "bandwidth")
        require(
            self.unidirectional or self.hidden_size % 2 == 0,
            "hidden_size",
            self.hidden_size,
            "an even number (half of it for each direction)",
        )
        require(0 <= self.dropout < 1, "dropout", self.dropout, "a share from 0 to below 1")


@dataclass(frozen=True)
class DataConfig:
    """Where the music lies and how examples are cut from it."""

    root: str | None = option(
        None,
        "Data set: MUSDB18 (.stem.mp4), MUSDB18-HQ, or folders of tracks with a WAV per source",
    )
    sources: tuple[str, ...] = option(
        SOURCES, "Names of the sources, each a WAV in a track's folder"
    )
    prepared: str | None = option(
        None, "Where .stem.mp4 files are decoded to WAV, once; ROOT-wav if not given"
    )
    statistics: str | None = option(
        None,
        "Statistics of another run to use (its statistics.npz) in place of a pass over the data",
    )
    seq_dur: float = option(6.0, "Length of a training excerpt, seconds")
    samples_per_track: int = option(64, "Examples an epoch for each training track")
    batch_size: int = option(16, "Examples a step, over all devices together")
    augmentations: tuple[Literal["gain", "channelswap"], ...] = option(
        ("gain", "channelswap"),
        "Per source: gain uniform in 0.25 to 1.25, channel swap with probability 0.5",
    )
    in_memory: bool = option(False, "Keep the decoded tracks in memory")

    def __post_init__(self):
        """Checks the values."""
        _require_positive(self, "seq_dur", "samples_per_track", "batch_size")
        require(
            len(self.sources) > 0 and len(set(self.sources)) == len(self.sources),
            "sources",
            list(self.sources),
            "different names, at least one",
        )
        require("mixture" not in self.sources, "sources", "mixture", "names other than mixture")


@dataclass(frozen=True)
class TrainingConfig:
    """How the network is trained."""

    loss: tuple[str, ...] = repeated(
        ("l2_freq",), "Loss, by its catalogue name; again for several, which are summed"
    )
    loss_weight: tuple[float, ...] = repeated((), "Weight of each loss; 1 each if not given")
    loss_args: Mapping[str, Any] = dataclasses.field(
        default_factory=dict,
        metadata={
            "help": "Hyper-parameters: --loss-args.beta 0.2; of one of several losses, "
            "--loss-args.LOSS.beta 0.2"
        },
    )
    vggish: str = option(
        VGGISH,
        "VGGish of deep_feature: TF-Hub handle, or its SavedModel as a folder or .tar.gz archive",
    )
    feature_layers: tuple[FeatureLayer, ...] = option(
        FEATURE_LAYERS, "Layers of VGGish that deep_feature compares"
    )
    log_gradient_norms: bool = option(
        False, "Log the norm of each term's gradient with respect to the estimates; slower"
    )
    epochs: int = option(1000, "Epochs at most")
    lr: float | None = option(
        None, "Learning rate of Adam; the loss's own, from the paper, if not given"
    )
    lr_decay_gamma: float = option(0.3, "Factor on the learning rate at a plateau")
    lr_decay_patience: int = option(80, "Epochs without improvement before the learning rate falls")
    lr_decay_cooldown: int = option(10, "Epochs after a fall before the next count starts")
    patience: int = option(140, "Epochs without improvement before training stops")
    weight_decay: float = option(1e-5, "L2 penalty added to the gradient")
    clip: float | None = option(
        None, "Norm to which the separator's gradient is clipped; not clipped if not given"
    )
    seed: int = option(42, "Seed of weights, dropout and examples")
    mixed_precision: Literal["float16", "bfloat16"] | None = option(
        None, "Compute the network in this type; STFT and losses stay in float32"
    )
    jit_compile: bool = option(False, "Compile the training step with XLA")
    deterministic: bool = option(False, "Bitwise repeatable, slower")
    devices: str = option("auto", "auto (all GPUs, else the CPU), cpu, or cpu:N for N virtual ones")

    def __post_init__(self):
        """Checks the values."""
        _require_positive(self, "epochs", "lr_decay_patience", "patience")
        require(len(self.loss) > 0, "loss", list(self.loss), "at least one name")
        require(len(set(self.loss)) == len(self.loss), "loss", list(self.loss), "different names")
        require(
            len(self.loss_weight) in (0, len(self.loss)),
            "loss_weight",
            list(self.loss_weight),
            f"one for each of the {len(self.loss)} losses",
        )
        layers = list(self.feature_layers)
        require(
            0 < len(layers) == len(set(layers) & set(FEATURE_LAYERS)),
            "feature_layers",
            layers,
            f"different ones of {', '.join(FEATURE_LAYERS)}",
        )
        require(self.lr is None or self.lr > 0, "lr", self.lr, "a number above 0")
        require(0 < self.lr_decay_gamma < 1, "lr_decay_gamma", self.lr_decay_gamma, "0 to 1")
        require(
            self.lr_decay_cooldown >= 0, "lr_decay_cooldown", self.lr_decay_cooldown, "0 or more"
        )
        require(self.weight_decay >= 0, "weight_decay", self.weight_decay, "0 or more")
        require(self.clip is None or self.clip > 0, "clip", self.clip, "a number above 0")
        require(0 <= self.seed < 2**31, "seed", self.seed, "0 to 2147483647")


@dataclass(frozen=True)
class AdversarialConfig:
    """What the adversarial loss takes besides: unpaired music, discriminators, pretraining."""

    unpaired_root: str | None = option(
        None, "Folder of songs without stems for adversarial; mixtures of ROOT if not given"
    )
    unpaired_sources: str | None = option(
        None,
        "Folder of recordings without mixtures for adversarial, SOURCE/ANY.wav or the like; "
        "sources of ROOT if not given",
    )
    pretrain_epochs: int | None = option(
        None,
        "Epochs by l2_freq alone before adversarial training; if not given until the validation "
        "loss has not fallen for --lr-decay-patience epochs, half of --epochs at most",
    )
    pretrained: str | None = option(
        None, "Run or .keras file to begin adversarial training with, in place of epochs by l2_freq"
    )
    discriminator_lr: float = option(2e-4, "Learning rate of the discriminators' Adam")
    discriminator_clip: float | None = option(
        None, "Norm to which each discriminator's gradient is clipped; not clipped if not given"
    )
    discriminator_filters: int = option(
        16, "Filters of the discriminators' first convolution; the others have more"
    )

    def __post_init__(self):
        """Checks the values."""
        _require_positive(self, "discriminator_lr", "discriminator_filters")
        clip, epochs = self.discriminator_clip, self.pretrain_epochs
        require(clip is None or clip > 0, "discriminator_clip", clip, "a number above 0")
        require(epochs is None or epochs >= 0, "pretrain_epochs", epochs, "0 or more")
        require(
            self.pretrained is None or not epochs, "pretrain_epochs", epochs, "0 with --pretrained"
        )


@dataclass(frozen=True)
class SeparationConfig:
    """How a trained separator is used on a song of any length."""

    targets: tuple[str, ...] = option((), "Sources to separate; all of the model if not given")
    residual: str | None = option(
        None, "Name of one more stem: the mixture less the targets; they then sum to the mixture"
    )
    niter: int = option(
        0, "Iterations of the multichannel Wiener filter (open-unmix's default is 1); 0 for none"
    )
    wiener_win_len: int = option(300, "Frames that share a spatial model in the Wiener filter")
    softmask: bool = option(
        False, "Start the Wiener filter from ratio masks instead of the mixture's phase"
    )
    chunk_dur: float = option(14.0, "Length of a chunk that the network takes at a time, seconds")
    context_dur: float = option(
        3.0, "What the network hears before and after a chunk, seconds; 1 or more"
    )

    def __post_init__(self):
        """Checks the values."""
        _require_positive(self, "wiener_win_len", "chunk_dur")
        require(self.niter >= 0, "niter", self.niter, "0 or more")
        require(self.context_dur >= 1, "context_dur", self.context_dur, "1 second or more")
        require(
            len(set(self.targets)) == len(self.targets),
            "targets",
            list(self.targets),
            "different names",
        )
        require(
            self.residual is None or self.residual not in ("", *self.targets),
            "residual",
            self.residual,
            "a name of its own",
        )


@dataclass(frozen=True)
class ServingConfig:
    """What an exported model offers, and to what length."""

    signatures: tuple[
        Literal["serving_default", "separate_wav", "spectrogram", "fixed_length"], ...
    ] = option(
        ("serving_default", "separate_wav", "spectrogram"),
        "Waveforms to stems, WAV bytes to WAV bytes (for REST), magnitudes to masks; fixed_length: "
        "waveforms of one length, which a server may gather into batches",
    )
    max_seconds: float = option(900.0, "Longest song of a request, seconds; responses end at 2 GiB")
    fixed_seconds: float = option(
        6.0, "Length of the waveforms of fixed_length, seconds; below --chunk-dur"
    )

    def __post_init__(self):
        """Checks the values."""
        _require_positive(self, "max_seconds", "fixed_seconds")
        require(
            len(self.signatures) > 0 and len(set(self.signatures)) == len(self.signatures),
            "signatures",
            list(self.signatures),
            "different names, at least one",
        )


@dataclass(frozen=True)
class SongConfig:
    """Which part of a song is read, and what is written."""

    start: float = option(0.0, "Where in the song to begin, seconds")
    duration: float | None = option(None, "How much of the song to separate, seconds; to its end")
    downmix: bool = option(False, "Mix songs of more than two channels down to stereo")
    format: Literal["wav", "flac", "stem.mp4"] = option(
        "wav", "Files: a WAV or FLAC for each stem, or one .stem.mp4 (AAC) with the mixture"
    )
    bits: Literal["16", "24", "float"] = option(
        "float", "Samples of WAV and FLAC files; float is not rescaled and cannot clip"
    )
    original_rate: bool = option(
        False, "Write stems at the song's sample rate in place of the model's"
    )
    aggregate: Mapping[str, list[str]] = dataclasses.field(
        default_factory=dict,
        metadata={
            "help": "Sums of stems to write in place of the stems, as JSON: "
            '{"accompaniment": ["drums", "bass", "other"]}'
        },
    )

    def __post_init__(self):
        """Checks the values."""
        require(self.start >= 0, "start", self.start, "0 or more")
        require(
            self.duration is None or self.duration > 0,
            "duration",
            self.duration,
            "a number above 0",
        )


@dataclass(frozen=True)
class EvaluationConfig:
    """What is scored against a data set's sources."""

    subset: Literal["train", "valid", "test"] = option("test", "Split of the data set to score")
    tracks: int | None = option(None, "Score the first so many tracks alone; all if not given")
    estimates: str | None = option(
        None, "Folder of stems to score, as [SUBSET/]TRACK/SOURCE.wav, made by anyone"
    )
    oracle: tuple[Literal["irm", "ibm", "mwf", "mixture"], ...] = option(
        (),
        "References: ideal ratio mask, ideal binary mask, multichannel Wiener filter of the true "
        "sources; the mixture as every estimate",
    )
    metrics: tuple[str, ...] = option(
        ("si_sdr", "sd_sdr", "snr"),
        "What is read besides BSSEval's SDR, ISR, SIR, SAR: these, names of losses, losses, or all",
    )
    stems: str | None = option(None, "Folder to keep a model's stems in; not kept if not given")
    jobs: int | None = option(
        None, "Tracks scored at a time; as cores and free memory allow if not given"
    )

    def __post_init__(self):
        """Checks the values."""
        for field in ("tracks", "jobs"):
            value = getattr(self, field)
            require(value is None or value > 0, field, value, "a number above 0")


@dataclass(frozen=True)
class SearchConfig:
    """How the weights of losses are searched."""

    tuner: Literal["bayesian", "hyperband", "random", "grid"] = option(
        "bayesian", "KerasTuner's Oracle: how the next trial is chosen"
    )
    trials: int = option(30, "Trials at most")
    trial_epochs: int | None = option(
        None, "Epochs of a trial at most, of hyperband's longest; --epochs if not given"
    )
    objective: str = option("val_si_sdr", "Metric on the validation split that decides")
    range: tuple[str, ...] = repeated(
        (),
        "NAME=LOW:HIGH[:log|linear] in place of the loss's own range; also of lr, hidden-size, "
        "seq-dur, feature-layers (=conv1+conv2:conv4_2), loss_weight.LOSS; again for several",
    )
    workers: int = option(1, "Trials at a time on this machine, a process each")
    worker_timeout: float = option(
        60.0, "Seconds without a word after which the chief gives up a worker and its trial"
    )

    def __post_init__(self):
        """Checks the values."""
        _require_positive(self, "trials", "workers", "worker_timeout")
        epochs = self.trial_epochs
        require(epochs is None or epochs > 0, "trial_epochs", epochs, "a number above 0")


GROUPS: dict[str, type] = {
    "audio": AudioConfig,
    "model": ModelConfig,
    "data": DataConfig,
    "training": TrainingConfig,
    "adversarial": AdversarialConfig,
}


@dataclass(frozen=True)
class Config:
    """All of a run. Flat on disk and on the command line, grouped here."""

    audio: AudioConfig = AudioConfig()
    model: ModelConfig = ModelConfig()
    data: DataConfig = DataConfig()
    training: TrainingConfig = TrainingConfig()
    adversarial: AdversarialConfig = AdversarialConfig()

    def __post_init__(self):
        """Checks what concerns more than one group."""
        nyquist = self.audio.sample_rate / 2
        bandwidth = self.model.bandwidth
        require(
            bandwidth <= nyquist, "bandwidth", bandwidth, f"at most the Nyquist rate {nyquist:g}"
        )
        pretraining, epochs = self.adversarial.pretrain_epochs, self.training.epochs
        require(
            pretraining is None or pretraining < epochs,
            "pretrain_epochs",
            pretraining,
            f"fewer than --epochs {epochs}",
        )

    @classmethod
    def from_flat(cls, values: Mapping[str, Any]) -> "Config":
        """Builds a configuration from `{field: value}` over all groups.

        Raises:
            UserError: for an unknown field or a value out of range.
        """
        rest = dict(values)
        groups = {}
        for name, group in GROUPS.items():
            own = {
                f.name: _frozen(f.type, rest.pop(f.name)) for f in _fields(group) if f.name in rest
            }
            groups[name] = group(**own)
        if rest:
            raise UserError(
                f"configuration: unknown keys {sorted(rest)}, wanted {sorted(fields())}"
            )
        return cls(**groups)

    def to_flat(self) -> dict[str, Any]:
        """`{field: value}` over all groups, of types that YAML and JSON know."""
        flat = {
            field.name: getattr(getattr(self, name), field.name)
            for name, group in GROUPS.items()
            for field in _fields(group)
        }
        return {key: _plain(value) for key, value in flat.items()}


def default_of(field: dataclasses.Field) -> Any:
    """A field's default, of types that YAML and JSON know."""
    if callable(field.default_factory):
        return _plain(field.default_factory())
    return _plain(field.default)


def _fields(group: type) -> tuple[dataclasses.Field, ...]:
    return dataclasses.fields(group)


def fields() -> dict[str, dataclasses.Field]:
    """Every field of a run's configuration, by name."""
    return {f.name: f for group in GROUPS.values() for f in _fields(group)}


def from_options(group: type, options: Mapping[str, Any]) -> Any:
    """One group, from the options of a command that has fields of it as flags.

    Raises:
        UserError: for a value out of range.
    """
    own = {f.name: _frozen(f.type, options[f.name]) for f in _fields(group) if f.name in options}
    return group(**own)


def _frozen(annotation: Any, value: Any) -> Any:
    if typing.get_origin(annotation) is tuple:
        return tuple(value) if isinstance(value, (list, tuple)) else (value,)
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
