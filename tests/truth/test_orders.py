"""Which estimate is the better one, by every metric and every loss read as a metric.

`ORDERS` has to hold for all of them, on music with digital silence at both ends. What does not hold
is an exception, which has a reason; an exception that does hold is an error, too.
"""

import numpy as np
import pytest
from estimates import METRICS, ORACLES, estimates, scores

ORDERS = [
    *(("target", oracle) for oracle in ORACLES),
    *((oracle, "model") for oracle in ORACLES),
    ("model", "mixture"),
    ("mixture", "silence"),
    ("model", "wrong"),
    ("target", "soft"),
    ("soft", "silence"),
]

NO_SCORE = "BSSEval is not defined for silence, which has no score"
ERROR = "the mixture's error is all the other sources, more than the source itself, silence's error"
FORMULA = (
    "the formula as it is written gives 0 dB for silence; there is no floor below it in a loss"
)
OF_MASKS = "of a true source, the magnitude by the mixture's is no ratio mask where sources cancel"

# (better, worse) that does not hold, by metric.
EXCEPTIONS: dict[str, dict[tuple[str, str], str]] = {
    **{
        name: {("mixture", "silence"): NO_SCORE, ("soft", "silence"): NO_SCORE}
        for name in ("sdr", "isr", "sir", "sar")
    },
    **{
        f"{name}_{domain}": {("mixture", "silence"): ERROR}
        for name in ("l1", "l2", "logl1", "logl2")
        for domain in ("time", "freq")
    },
    "dissimilarity_freq": {("mixture", "silence"): ERROR},
    "sisdr_time": {("mixture", "silence"): FORMULA},
    "sisdr_freq": {("mixture", "silence"): FORMULA},
    "psa": {("mixture", "silence"): ERROR},
    "snr_psa": {("mixture", "silence"): ERROR},
    "l1_mask": {("mixture", "silence"): ERROR},
    "l2_mask": {("mixture", "silence"): ERROR},
    "cross_entropy_mask": {
        ("mixture", "silence"): "both give each source the same share",
        ("target", "soft"): "shares do not depend on a gain, but masks are 1 at most",
    },
    "binary_cross_entropy_mask": {("mixture", "silence"): ERROR},
}
EXCEPTIONS["isr"] |= {
    **{(x, "model"): "ISR hears no interference, which the mixture is full of" for x in ORACLES},
    ("model", "mixture"): "the same",
}
EXCEPTIONS["sar"] |= {
    **{(x, "model"): "SAR hears artifacts alone, of which the mixture has none" for x in ORACLES},
    ("model", "mixture"): "the same",
    ("model", "wrong"): "nor has another source",
}
EXCEPTIONS["multi_resolution_stft"] = {
    ("ibm", "model"): "logarithms of magnitudes punish the holes that binary masks leave"
}
for _name in ("psa", "snr_psa"):
    EXCEPTIONS[_name] |= {
        ("target", x): "the target is |Y| cos(∠X − ∠Y), which is less than |Y|" for x in ORACLES
    }
for _name in ("l1_mask", "l2_mask", "cross_entropy_mask", "binary_cross_entropy_mask"):
    EXCEPTIONS[_name] |= {("target", x): OF_MASKS for x in ORACLES}


@pytest.fixture(params=METRICS)
def metric(request):
    return request.param


def test_order(metric):
    exceptions = EXCEPTIONS.get(metric, {})
    for better, worse in ORDERS:
        first, second = (scores(kind)[metric] for kind in (better, worse))
        holds = first > second * (1 + 1e-5 * np.sign(second))
        assert holds == ((better, worse) not in exceptions), (better, first, worse, second)


def test_exceptions_are_of_what_exists():
    assert set(EXCEPTIONS) <= set(METRICS)
    for exceptions in EXCEPTIONS.values():
        assert set(exceptions) <= set(ORDERS)
        assert all(exceptions.values())


def test_oracles_come_out_best(metric):
    """Of all that a separator could give, in spite of the silence at both ends."""
    others = {"model", "mixture", "silence", "wrong"}
    exceptions = EXCEPTIONS.get(metric, {})
    for oracle in ORACLES:
        if (oracle, "model") not in exceptions:
            values = {kind: scores(kind)[metric] for kind in others}
            best = max(value for value in values.values() if not np.isnan(value))
            assert scores(oracle)[metric] > best, (oracle, values)


def test_the_music_is_silent_at_both_ends():
    for kind, waveforms in estimates().items():
        for end in (waveforms[:, :10000], waveforms[:, -10000:]):
            assert np.abs(end).max() < 1e-6, kind
