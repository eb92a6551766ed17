"""What counts as silence, for TensorFlow and NumPy alike."""

# A source whose RMS over an excerpt or a track is below this, dBFS, counts as silent in it: so do
# dither, and a single sample of the last bit. BSSEval goes by museval, where silence is exactly 0.
SILENCE_DBFS = -60.0
SILENT_MEAN_SQUARE = 10 ** (SILENCE_DBFS / 10)

# The score, dB, of an estimate that is exactly 0 of a source that sounds. No other is worse.
WORST_DB = -100.0
