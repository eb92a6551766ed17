"""Compressed audio files for the tests."""

import av
import numpy as np


def encode(path, waveform, codec, rate=44100):
    """A compressed file."""
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[waveform.shape[1]]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        samples = np.ascontiguousarray(waveform.T, np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout=layout)
        frame.sample_rate, frame.pts = rate, 0
        to_codec = av.AudioResampler(format=stream.format, layout=layout, rate=rate)
        for part in to_codec.resample(frame):
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
