"""Training curves of a run."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure


def curves(history: Sequence[Mapping[str, float]], loss: str) -> Figure:
    """Loss, validation SI-SDR and learning rate over epochs.

    The axis of the loss is logarithmic, unless a value is 0 or below.

    Args:
        history: one row an epoch, as in `history.csv`.
        loss: name of the loss, for its axis.

    Example:
        >>> row = {"loss": 2.0, "val_loss": 3.0, "val_si_sdr": 1.0, "learning_rate": 0.001}
        >>> figure = curves([{"epoch": epoch, **row} for epoch in (1, 2)], "l2_freq")
        >>> [panel.get_ylabel() for panel in figure.axes]
        ['l2_freq', 'validation SI-SDR, dB', 'learning rate']
    """
    figure = Figure(figsize=(9, 8), layout="constrained")
    panels = figure.subplots(3, 1, sharex=True, height_ratios=[3, 2, 1])
    epochs = [row["epoch"] for row in history]
    marker = "o" if len(epochs) < 3 else ""  # a line of one point cannot be seen
    for key, label in (("loss", "training"), ("val_loss", "validation")):
        panels[0].plot(epochs, [row[key] for row in history], marker=marker, label=label)
    panels[0].set_ylabel(loss)
    if all(row[key] > 0 for row in history for key in ("loss", "val_loss")):
        panels[0].set_yscale("log")
    panels[0].legend()
    panels[1].plot(epochs, [row["val_si_sdr"] for row in history], marker=marker, color="C1")
    panels[1].set_ylabel("validation SI-SDR, dB")
    panels[2].step(epochs, [row["learning_rate"] for row in history], where="mid", color="C2")
    panels[2].set_yscale("log")
    panels[2].set_ylabel("learning rate")
    panels[2].set_xlabel("epoch")
    for panel in panels:
        panel.grid(alpha=0.3)
    return figure
