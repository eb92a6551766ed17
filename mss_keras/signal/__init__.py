"""STFT and its inverse, decibels, and the one policy for stabilisers.

stft.py      framing, STFT, inverse STFT, and the two as Keras layers
numerics.py  EPSILON, guarded logarithms and ratios
"""
