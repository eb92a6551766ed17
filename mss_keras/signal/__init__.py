"""STFT and its inverse, decibels, and the one policy for stabilisers.

stft.py      framing, STFT, inverse STFT, and the two as Keras layers
ratios.py    SI-SDR and SNR, for losses and metrics
mel.py       log-mel patches, as VGGish hears them
numerics.py  guarded logarithms and ratios
epsilon.py   EPSILON, without TensorFlow
"""
