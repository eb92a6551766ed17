"""What is reported about separated stems.

si_sdr.py  SI-SDR, as a function and as a streaming Keras metric
"""

from mss_keras.metrics.si_sdr import SISDR, si_sdr

__all__ = ["SISDR", "si_sdr"]
