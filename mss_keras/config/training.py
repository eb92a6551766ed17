"""How the network is trained."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mss_keras.config.fields import ALWAYS, option, require, require_choices, require_positive
from mss_keras.config.names import FEATURE_LAYERS, VGGISH, FeatureLayer


@dataclass(frozen=True)
class TrainingConfig:
    """How the network is trained.

    Example:
        >>> TrainingConfig(loss=("l2_freq", "psa"), loss_weight=(1.0, 0.1)).epochs
        1000
        >>> TrainingConfig(loss=("l2_freq", "psa"), loss_weight=(1.0,))
        Traceback (most recent call last):
        mss_keras.config.errors.UserError: loss_weight: found [1.0], wanted one for each of ...
    """

    loss: tuple[str, ...] = option(
        ("l2_freq",),
        "Name of a loss; repeat the flag, or write A+B, for the sum of several",
        section="loss",
        everyday=True,
        repeated=True,
        may_change=["benchmark"],
    )
    loss_weight: tuple[float, ...] = option(
        (),
        "Weight of a loss, given once for each; 1 if not given",
        section="loss",
        everyday=True,
        repeated=True,
        may_change=["benchmark"],
    )
    loss_args: Mapping[str, Any] = option(
        {},
        "Hyper-parameters of the losses: `loss_args.beta` 0.2, or of one of several losses, "
        "`loss_args.LOSS.beta` 0.2",
        section="loss",
        everyday=True,
    )
    vggish: str = option(
        VGGISH,
        "VGGish: its TF-Hub handle, or its SavedModel as a folder or .tar.gz archive",
        section="deep_feature",
        everyday=True,
    )
    feature_layers: tuple[FeatureLayer, ...] = option(
        FEATURE_LAYERS, "Layers of VGGish that the loss compares", section="deep_feature"
    )
    log_gradient_norms: bool = option(
        False,
        "Log the norm of each term's gradient with respect to the estimates; slower",
        section="loss",
    )
    epochs: int = option(
        1000,
        "Number of epochs at most",
        section="training",
        everyday=True,
        may_change=["run", "search"],
    )
    lr: float | None = option(
        None,
        "Learning rate of Adam; the loss's own, from its paper, if not given",
        section="training",
        everyday=True,
    )
    lr_decay_gamma: float = option(
        0.3, "Factor on the learning rate at a plateau", section="training"
    )
    lr_decay_patience: int = option(
        80, "Epochs without improvement after which the learning rate falls", section="training"
    )
    lr_decay_cooldown: int = option(
        10, "Epochs after such a fall in which none are counted", section="training"
    )
    patience: int = option(
        140, "Epochs without improvement after which training stops", section="training"
    )
    weight_decay: float = option(1e-5, "L2 penalty added to the gradient", section="training")
    clip: float | None = option(
        None,
        "Norm to which the separator's gradient is clipped; not clipped if not given",
        section="training",
    )
    audio_every: int = option(
        100,
        "Epochs from one example in TensorBoard's log to the next, the sounds of each source and "
        "their spectrograms, 10 s at most; 0 for none",
        section="training",
        may_change=ALWAYS,
    )
    seed: int = option(42, "Seed of weights, dropout and examples", section="training")
    mixed_precision: Literal["float16", "bfloat16"] | None = option(
        None,
        "Type in which the network computes; STFT and losses stay in float32",
        section="machine",
    )
    jit_compile: bool = option(False, "Compile the training step with XLA", section="machine")
    deterministic: bool = option(
        False, "Make the run repeatable bit for bit; slower", section="machine"
    )
    devices: str = option(
        "auto",
        "auto (all GPUs, or else the CPU), cpu, or cpu:N or gpu:N for N virtual devices on one",
        section="machine",
        everyday=True,
        may_change=["search"],
    )

    def __post_init__(self):
        require_choices(self)
        require_positive(self, "epochs", "lr_decay_patience", "patience", "lr", "clip")
        both = self.jit_compile and self.deterministic
        require(not both, "jit_compile", found=True, wanted="False with `deterministic`")
        require(len(self.loss) > 0, "loss", found=list(self.loss), wanted="at least one name")
        require(
            len(set(self.loss)) == len(self.loss),
            "loss",
            found=list(self.loss),
            wanted="different names",
        )
        require(
            len(self.loss_weight) in (0, len(self.loss)),
            "loss_weight",
            found=list(self.loss_weight),
            wanted=f"one for each of the {len(self.loss)} losses",
        )
        for weight in self.loss_weight:
            require(0 <= weight < math.inf, "loss_weight", found=weight, wanted="0 or more")
        require(
            not self.loss_weight or any(self.loss_weight),
            "loss_weight",
            found=list(self.loss_weight),
            wanted="one above 0",
        )
        require(
            0 < len(self.feature_layers) == len(set(self.feature_layers)),
            "feature_layers",
            found=list(self.feature_layers),
            wanted=f"different ones of {', '.join(FEATURE_LAYERS)}",
        )
        require(
            0 < self.lr_decay_gamma < 1,
            "lr_decay_gamma",
            found=self.lr_decay_gamma,
            wanted="0 to 1",
        )
        require(
            self.lr_decay_cooldown >= 0,
            "lr_decay_cooldown",
            found=self.lr_decay_cooldown,
            wanted="0 or more",
        )
        require(
            self.audio_every >= 0, "audio_every", found=self.audio_every, wanted="0 or more epochs"
        )
        require(self.weight_decay >= 0, "weight_decay", found=self.weight_decay, wanted="0 or more")
        require(0 <= self.seed < 2**31, "seed", found=self.seed, wanted="0 to 2147483647")


@dataclass(frozen=True)
class AdversarialConfig:
    """What the adversarial loss takes besides: unpaired music, discriminators, pretraining.

    Example:
        >>> AdversarialConfig(pretrained="runs/l2_freq", pretrain_epochs=3)
        Traceback (most recent call last):
        mss_keras.config.errors.UserError: pretrain_epochs: found 3, wanted 0 with `pretrained`
    """

    unpaired_root: str | None = option(
        None,
        "Folder of songs without stems; mixtures of ROOT are used if not given",
        section="adversarial",
        everyday=True,
    )
    unpaired_sources: str | None = option(
        None,
        "Folder of recordings without mixtures, as SOURCE/ANY.wav; sources of ROOT are used if "
        "not given",
        section="adversarial",
        everyday=True,
    )
    pretrain_epochs: int | None = option(
        None,
        "Epochs by l2_freq alone before adversarial training; if not given, until the validation "
        "loss has not fallen for `lr_decay_patience` epochs, half of `epochs` at most",
        section="adversarial",
    )
    pretrained: str | None = option(
        None,
        "Run, .keras file or name of a published model with which adversarial training begins, in "
        "place of epochs by l2_freq",
        section="adversarial",
    )
    discriminator_lr: float = option(
        2e-4, "Learning rate of the discriminators' Adam", section="adversarial"
    )
    discriminator_clip: float | None = option(
        None,
        "Norm to which each discriminator's gradient is clipped; not clipped if not given",
        section="adversarial",
    )
    discriminator_filters: int = option(
        16,
        "Filters of the discriminators' first convolution; the others have more",
        section="adversarial",
    )

    def __post_init__(self):
        require_positive(self, "discriminator_lr", "discriminator_clip", "discriminator_filters")
        epochs = self.pretrain_epochs
        require(epochs is None or epochs >= 0, "pretrain_epochs", found=epochs, wanted="0 or more")
        require(
            self.pretrained is None or not epochs,
            "pretrain_epochs",
            found=epochs,
            wanted="0 with `pretrained`",
        )
