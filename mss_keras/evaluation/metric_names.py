"""Which metrics an evaluation reads."""

from collections.abc import Sequence

from mss_keras import losses
from mss_keras.config import UserError
from mss_keras.metrics.whole_track import WHOLE_TRACK


def resolve_metrics(chosen: Sequence[str]) -> list[str]:
    """Names of metrics, each once, with the groups `all` and `losses` spelled out.

    Losses add to what is read: where losses alone are chosen, all whole-track metrics are read,
    too.

    Args:
        chosen: names of whole-track metrics, of losses that need no network, and of groups.

    Raises:
        UserError: for an unknown name; proposes the closest one.

    Example:
        >>> resolve_metrics(["snr", "l1_time", "snr"]), resolve_metrics(["l1_time"])
        (['snr', 'l1_time'], ['si_sdr', 'sd_sdr', 'snr', 'l1_time'])
    """
    known = [*WHOLE_TRACK, *losses.readable()]
    groups = {"all": known, "losses": losses.readable()}
    names = [name for given in chosen for name in groups.get(given, [given])]
    for name in names:
        if name not in known:
            raise UserError.unknown("metrics", name, [*groups, *known])
    if names and not set(names) & set(WHOLE_TRACK):
        names = [*WHOLE_TRACK, *names]
    return list(dict.fromkeys(names))
