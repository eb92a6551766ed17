"""What counts as silence, for TensorFlow and NumPy alike."""

# A source whose RMS over an excerpt or a track is below this, dBFS, counts as silent in it: so do
# dither, and a single sample of the last bit. BSSEval goes by museval, where silence is exactly 0.
SILENCE_DBFS = -60.0
SILENT_MEAN_SQUARE = 10 ** (SILENCE_DBFS / 10)

# The score, dB, of an estimate that is as good as silent of a source that sounds. No other is
# worse. Its energy is so far below the source's, dB, or it is 0.
WORST_DB = -100.0
SILENT_ESTIMATE_DB = -60.0
