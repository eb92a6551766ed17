"""Flags that would do nothing beside others: they are refused where they are given."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from jsonargparse import Namespace

from mss_keras import config
from mss_keras.config import UserError, flag_name


@dataclass(frozen=True)
class Idle:
    """Flags, and when they do nothing.

    Args:
        names: names of the flags, as in Python.
        when: says of a command's options whether the flags do nothing beside them.
        found: what stands in the way.
        wanted: what would be right.
    """

    names: tuple[str, ...]
    when: Callable[[Namespace], bool]
    found: str
    wanted: str


def _without_stft(options: Namespace) -> bool:
    losses = set(options.metrics) - {"si_sdr", "sd_sdr", "snr"}
    return not losses and not set(options.oracle) - {"mixture"}


def _untaken(name: str) -> Callable[[Namespace], bool]:
    # Whether a network does not take a setting, which its class tells; a wrong name is told later.
    def untaken(options: Namespace) -> bool:
        network = options.network
        if network in config.OPENUNMIX or not (network in config.NETWORKS or ":" in network):
            return False
        from mss_keras.models.network import traits_of

        return name not in traits_of(network).settings

    return untaken


_OF_NETWORKS = tuple(
    Idle(
        (name,),
        _untaken(name),
        "it with a `network` that does not take it",
        "`network_args`",
    )
    for name in ("hidden_size", "bandwidth", "unidirectional", "dropout", "mask_activation")
)

_DOWNLOAD = Idle(("download_url",), lambda x: not x.download, "no `download`", "both, or neither")

_MACHINES = Idle(
    ("cluster", "startup_timeout"),
    lambda options: options.strategy is None,
    "no `strategy`",
    "both, or neither",
)

# How models separate.
_OF_MODELS = ("precision", "niter", "wiener_win_len", "softmask", "chunk_dur", "context_dur")

# What a listening test is made of.
_OF_A_TEST = (
    *("root", "sources", "prepared", "sample_rate", "nb_channels"),
    *("systems", "subset", "targets", "duration", "per_source", "scale", "title", "seed"),
    *("loudness", "below_loudest", "below_mixture"),
    *_OF_MODELS,
)

IDLE: Mapping[str, tuple[Idle, ...]] = {
    "train": (
        _DOWNLOAD,
        *_OF_NETWORKS,
        _MACHINES,
        Idle(
            ("tensorboard",),
            lambda options: options.dry_run,
            "it with `dry_run`, which writes no run",
            "one of the two",
        ),
    ),
    "benchmark": (*_OF_NETWORKS, _MACHINES),
    "tune": (*_OF_NETWORKS, _MACHINES),
    "prepare": (_DOWNLOAD,),
    "separate": (
        Idle(
            ("bits",),
            lambda options: options.format in ("mp3", "stem.mp4"),
            "it with `format` mp3 or stem.mp4, which have no such samples",
            "it with wav or flac",
        ),
    ),
    "evaluate": (
        Idle(
            ("sources", "sample_rate", "nb_channels", "nfft", "nhop"),
            lambda options: options.model is not None,
            "it with `model`",
            "one of the two: the model says what it is",
        ),
        Idle(
            (*_OF_MODELS, "stems"),
            lambda options: options.model is None,
            "no `model`",
            "both, or neither",
        ),
        Idle(
            ("nfft", "nhop"),
            _without_stft,
            "nothing that has an STFT",
            "it with an `oracle` or with losses as `metrics`",
        ),
    ),
    "compare": (
        Idle(
            ("sources", "sample_rate", "nb_channels", "nfft", "nhop"),
            lambda options: bool(options.models),
            "it with `models`",
            "one of the two: the models say what it is",
        ),
        Idle(
            _OF_MODELS,
            lambda options: not options.models,
            "no `models`",
            "both, or neither",
        ),
    ),
    "listen": (
        Idle(
            ("host", "port", "allow_host"),
            lambda options: not options.serve,
            "no `serve`",
            "both, or neither",
        ),
        Idle(
            _OF_A_TEST,
            lambda options: options.serve,
            "it with `serve`, which takes the test as it is",
            "one of the two",
        ),
        Idle(
            _OF_A_TEST,
            lambda options: options.demo,
            "it with `demo`, which has its own",
            "one of the two",
        ),
        Idle(("demo",), lambda options: options.serve, "it with `serve`", "one after the other"),
    ),
    "correlate": (
        Idle(
            ("ratings", "scores"),
            lambda options: options.demo,
            "it with `demo`, which has its own",
            "one of the two",
        ),
        Idle(
            ("reference_below", "anchor_above", "allowed_share"),
            lambda options: options.keep_all,
            "it with `keep_all`, which asks no rule",
            "one of the two",
        ),
    ),
    "models": (Idle(("from",), lambda options: not options.fetch, "no `fetch`", "both"),),
    "export": (
        Idle(
            ("fixed_seconds",),
            lambda options: "fixed_length" not in options.signatures,
            "no fixed_length among `signatures`",
            "both, or neither",
        ),
    ),
}


def refuse_idle(command: str, options: Namespace, words: Iterable[str]) -> None:
    """Refuses flags of a command line that would do nothing.

    Args:
        command: name of the command.
        options: its options.
        words: the words of the command line; what a configuration file says is not refused.

    Raises:
        UserError: for the first such flag.
    """
    given = {word.split("=")[0] for word in words}
    for idle in IDLE.get(command, ()):
        for name in idle.names:
            flag = flag_name(name)
            if {flag, f"--no-{flag[2:]}"} & given and idle.when(options):
                raise UserError(name, idle.found, idle.wanted)
