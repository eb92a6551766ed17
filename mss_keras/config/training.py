"""How the network is trained."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mss_keras.config.fields import option, require, require_positive
from mss_keras.config.names import FEATURE_LAYERS, VGGISH, FeatureLayer


@dataclass(frozen=True)
class TrainingConfig:
    """How the network is trained."""

    loss: tuple[str, ...] = option(
        ("l2_freq",),
        "Loss, by its catalogue name; again for several, which are summed",
        repeated=True,
        may_change=["benchmark"],
    )
    loss_weight: tuple[float, ...] = option(
        (), "Weight of each loss; 1 each if not given", repeated=True, may_change=["benchmark"]
    )
    loss_args: Mapping[str, Any] = option(
        {},
        "Hyper-parameters: --loss-args.beta 0.2; of one of several losses, "
        "--loss-args.LOSS.beta 0.2",
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
    epochs: int = option(1000, "Epochs at most", may_change=["run", "search"])
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
    devices: str = option(
        "auto",
        "auto (all GPUs, else the CPU), cpu, or cpu:N for N virtual ones",
        may_change=["search"],
    )

    def __post_init__(self):
        require_positive(self, "epochs", "lr_decay_patience", "patience")
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
        layers = list(self.feature_layers)
        require(
            0 < len(layers) == len(set(layers) & set(FEATURE_LAYERS)),
            "feature_layers",
            found=layers,
            wanted=f"different ones of {', '.join(FEATURE_LAYERS)}",
        )
        require(self.lr is None or self.lr > 0, "lr", found=self.lr, wanted="a number above 0")
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
        require(self.weight_decay >= 0, "weight_decay", found=self.weight_decay, wanted="0 or more")
        require(
            self.clip is None or self.clip > 0, "clip", found=self.clip, wanted="a number above 0"
        )
        require(0 <= self.seed < 2**31, "seed", found=self.seed, wanted="0 to 2147483647")


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
        require_positive(self, "discriminator_lr", "discriminator_filters")
        clip, epochs = self.discriminator_clip, self.pretrain_epochs
        require(
            clip is None or clip > 0, "discriminator_clip", found=clip, wanted="a number above 0"
        )
        require(epochs is None or epochs >= 0, "pretrain_epochs", found=epochs, wanted="0 or more")
        require(
            self.pretrained is None or not epochs,
            "pretrain_epochs",
            found=epochs,
            wanted="0 with `pretrained`",
        )
