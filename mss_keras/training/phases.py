"""The phases of a run: one, but for adversarial training, which comes after pretraining."""

from dataclasses import dataclass

from mss_keras import losses
from mss_keras.config import RunConfig


@dataclass(frozen=True)
class Phase:
    """Epochs that are trained in one way.

    Args:
        epochs: of the run when the phase ends at the latest.
        patience: epochs without improvement, within the phase, that end it.
        unpaired: whether batches hold unpaired music.
    """

    epochs: int
    patience: int
    unpaired: bool = False


def phases(config: RunConfig) -> list[Phase]:
    """The phases of a run, in order.

    Improvement is counted anew in each: adversarial training costs some L2_freq, and a
    best epoch of the pretraining would never be passed.
    """
    settings, adversarial = config.training, config.adversarial
    if not any(losses.entry(name).loss.companion == "discriminators" for name in settings.loss):
        return [Phase(settings.epochs, settings.patience)]
    opposed = Phase(settings.epochs, settings.patience, unpaired=True)
    epochs, patience = adversarial.pretrain_epochs, settings.patience
    if epochs is None:
        epochs, patience = settings.epochs // 2, settings.lr_decay_patience
    if adversarial.pretrained is not None or epochs == 0:
        return [opposed]
    return [Phase(epochs, patience), opposed]
