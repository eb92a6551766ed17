"""Training curves of a run."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from mss_keras.reports import figures

_LOSS, _TERMS, _DECIBELS = "loss", "terms", "validation, dB"
_DISCRIMINATORS, _SCORES = "discriminators'\nlosses", "discriminators'\nscores"
_NORMS, _RATE = "norms of\ngradients", "learning rate"
_LINEAR = (_DECIBELS, _SCORES)
_FROM_ZERO = (_DISCRIMINATORS, _SCORES, _RATE)
# Columns of the history: panel, label and style.
_PLAIN = {
    "loss": (_LOSS, "training", "-"),
    "val_loss": (_LOSS, "validation", "--"),
    "val_si_sdr": (_DECIBELS, "SI-SDR", "-"),
    "val_snr": (_DECIBELS, "SNR", "--"),
    "learning_rate": (_RATE, "", "-"),
}
_DISCRIMINATOR = "discriminator/"
_SCORE = {"score_real": ("music", "-"), "score_fake": ("estimates", "--")}
_LEAST_DB = 3.0  # an axis in dB spans them at least
_LEAST_SHARE = 0.1  # of its largest value, which another axis spans at least
_RATIO = 10.0  # of its largest value to its smallest, from which on an axis is logarithmic
_FEW = 30  # epochs up to which each is a point
_PANEL = 1.9  # inches


@dataclass(frozen=True)
class _Line:
    panel: str
    label: str
    values: np.ndarray  # [epochs], NaN where nothing was measured
    style: str = "-"
    of: str = ""  # lines of the same have the same colour


def curves(
    history: Sequence[Mapping[str, float]],
    loss: str,
    *,
    best_epoch: int | None = None,
) -> Figure:
    """What was measured in each epoch, a panel for what is of one kind.

    Loss, SI-SDR and SNR of validation, and the learning rate; the terms of a loss, the losses and
    scores of discriminators, and norms of gradients where the history has them. The loss of a
    discriminator is the mean of its four terms. An axis does not show small differences large, and
    is logarithmic where its values differ by more than a factor of ten. A line stands where the
    adversarial phase begins, and another on the epoch whose weights are the run's.

    Args:
        history: one row an epoch, as in `history.csv`.
        loss: name of the loss, for the title.
        best_epoch: the epoch whose weights are the run's. Defaults to that of the lowest loss of
            validation since the last phase began.

    Example:
        >>> row = {"loss": 2.0, "val_loss": 3.0, "val_si_sdr": 1.0, "learning_rate": 0.001}
        >>> history = [{"epoch": epoch, **row} for epoch in (1, 2)]
        >>> figure = curves(history, "l2_freq")
        >>> [panel.get_ylabel() for panel in figure.axes]
        ['loss', 'validation, dB', 'learning rate']
        >>> figure.get_suptitle()
        'l2_freq, best epoch: 1 of 2 (grey)'
    """
    lines = list(_lines(history))
    order = (_LOSS, _TERMS, _DECIBELS, _DISCRIMINATORS, _SCORES, _NORMS, _RATE)
    drawn = {name: found for name in order if (found := [x for x in lines if x.panel == name])}
    heights = [0.6 * _PANEL if name == _RATE else _PANEL for name in drawn]
    begin = adversarial_from(history)
    best = best_epoch or _best(history, begin)
    title = f"{loss}, best epoch: {best} of {history[-1]['epoch']:g} (grey)" if best else loss
    figure = figures.blank(0.9 + sum(heights), title)
    panels = figure.subplots(len(drawn), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    epochs = np.array([row["epoch"] for row in history])
    for panel, (name, found) in zip(panels, drawn.items(), strict=True):
        _draw(panel, epochs, found)
        panel.set_ylabel(name)
        values = np.concatenate([line.values for line in found])
        _set_scale(panel, values[np.isfinite(values)], of=name)
        if begin:
            panel.axvline(begin - 0.5, color=figures.GREY, linestyle=":", zorder=1)
        if best:
            panel.axvline(best, color="0.8", linewidth=4, zorder=0.5)
    if begin:
        panels[0].annotate(
            f"adversarial from epoch {begin}",
            (begin - 0.5, 1.0),
            xycoords=panels[0].get_xaxis_transform(),
            xytext=(0, 3),
            textcoords="offset points",
            ha="left" if begin < epochs.mean() else "right",
            fontsize=9,
        )
    panels[-1].set_xlabel("epoch")
    panels[-1].xaxis.set_major_locator(
        MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10])
    )
    margin = max(0.5, 0.02 * len(epochs))
    panels[-1].set_xlim(epochs[0] - margin, epochs[-1] + margin)
    return figure


def adversarial_from(history: Sequence[Mapping[str, float]]) -> int | None:
    """The epoch with which discriminators began to be trained; None where none were.

    Example:
        >>> adversarial_from([{"epoch": 1}, {"epoch": 2, "discriminator/bass/score_real": 0.5}])
        2
    """
    begun = (
        int(row["epoch"])
        for row in history
        if any(key.startswith(_DISCRIMINATOR) and np.isfinite(row[key]) for key in row)
    )
    return next(begun, None)


def _best(history: Sequence[Mapping[str, float]], begin: int | None) -> int | None:
    measured = [row for row in history if row["epoch"] >= (begin or 1) and "val_loss" in row]
    return int(min(measured, key=lambda row: row["val_loss"])["epoch"]) if measured else None


def _lines(history: Sequence[Mapping[str, float]]) -> Iterator[_Line]:
    keys = dict.fromkeys(key for row in history for key in row if key != "epoch")
    columns = {
        key: np.array([row.get(key, np.nan) for row in history], float)
        for key in sorted(keys, key=_place)
    }
    terms_of: dict[str, list[np.ndarray]] = {}
    for key, values in columns.items():
        rest = key.partition("/")[2]
        if key in _PLAIN:
            panel, label, style = _PLAIN[key]
            yield _Line(panel, label, values, style, of=label)
        elif key.startswith("gradient_norm/"):
            yield _Line(_NORMS, rest, values, of=rest)
        elif key.startswith(_DISCRIMINATOR):
            source, _, what = rest.rpartition("/")
            if what in _SCORE:
                label, style = _SCORE[what]
                yield _Line(_SCORES, f"{source}, {label}", values, style, of=source)
            else:
                terms_of.setdefault(source, []).append(values)
        else:
            term = key.removeprefix("val_")
            label, style = (term, "-") if term == key else (f"{term}, validation", "--")
            yield _Line(_TERMS, label, values, style, of=term)
    for source, terms in terms_of.items():
        yield _Line(_DISCRIMINATORS, source, np.mean(terms, axis=0), of=source)


def _place(key: str) -> int:
    # Of a column; those that have no place stay in their order, behind.
    return list(_PLAIN).index(key) if key in _PLAIN else len(_PLAIN)


def _draw(panel: Axes, epochs: np.ndarray, lines: Sequence[_Line]) -> None:
    colors = _different(figures.COLORS, (line.of for line in lines))
    markers = _different(figures.MARKERS, (line.of for line in lines))
    for line in lines:
        few = np.isfinite(line.values).sum() <= _FEW
        panel.plot(
            epochs,
            line.values,
            line.style,
            color=colors[line.of],
            marker=markers[line.of] if few else "",
            markersize=4,
            linewidth=1.5,
            label=line.label,
        )
    panel.grid(alpha=0.3)
    if lines[0].label:  # beside the panel, where it hides no line
        panel.legend(
            loc="upper left",
            bbox_to_anchor=(1.0, 1.0),
            fontsize=9,
            frameon=False,
            borderaxespad=0.2,
        )


def _different(choice: Sequence[str], names: Iterable[str]) -> dict[str, str]:
    return {name: choice[i % len(choice)] for i, name in enumerate(dict.fromkeys(names))}


def _set_scale(panel: Axes, values: np.ndarray, *, of: str) -> None:
    if not len(values):
        return
    low, high = values.min(), values.max()
    if low > 0 and high > _RATIO * low and of not in _LINEAR:
        panel.set_yscale("log")
        subs = (1, 2, 5) if high < _RATIO**2 * low and of != _RATE else (1,)
        panel.yaxis.set_major_locator(LogLocator(subs=subs))
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        panel.yaxis.set_minor_formatter(NullFormatter())
        return
    if of in _FROM_ZERO:
        low, high = min(low, 0.0), max(high, 0.0)
    least = _LEAST_DB if of == _DECIBELS else _LEAST_SHARE * max(abs(low), abs(high))
    missing = max(0.0, least - (high - low)) / 2
    low, high = low - missing, high + missing
    margin = 0.06 * (high - low) or 1.0
    panel.set_ylim(low - margin, high + margin)
