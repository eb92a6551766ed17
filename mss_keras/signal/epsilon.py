"""The one policy for stabilisers, for TensorFlow and NumPy alike.

`EPSILON` is added to energies and to sums of magnitudes, never to amplitudes of
single samples. Audio of RMS 0.01 has energy 1e-4 a sample, so over a second of
it the stabiliser changes a ratio by less than 1e-10 relative, while silence
still has a finite logarithm and a finite gradient.
"""

EPSILON = 1e-10
