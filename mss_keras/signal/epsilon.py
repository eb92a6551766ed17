"""The one policy for stabilisers, for TensorFlow and NumPy alike.

`EPSILON` is added to energies and to sums of magnitudes, never to amplitudes of single samples.
Audio of RMS 0.01 has an energy of 1e-4 a sample: over a second of such audio the stabiliser
changes a ratio by less than 1e-10 relative, while the logarithm and the gradient of silence stay
finite.
"""

EPSILON = 1e-10
