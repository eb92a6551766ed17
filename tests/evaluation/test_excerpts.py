"""Where a source is loud enough to be judged."""

from loud_songs import OFF, song, tracks_of

from mss_keras.evaluation.excerpts import Rule, starts_of


def test_where_a_source_is_loud_enough(tmp_path):
    # 20 dB softer from second 8 on: below its loudest part. The bass covers it in seconds 4 to 7.
    vocals = [OFF, OFF, -20, -20, -20, -20, -20, -20, -40, -40]
    bass = [-20, -20, -20, -20, 10, 10, 10, 10, -20, -20]
    song(tmp_path, "a", vocals=vocals, bass=bass)
    (track,) = tracks_of(tmp_path)
    rule = Rule(duration=2.0)
    found = starts_of(track, {"vocals": 0}, rule)["vocals"]
    # From 1.0 on the source sounds in half of the excerpt; a tenth of a second of loud bass is
    # 10 dB above it over the whole.
    assert found == [1.0, 1.5, 2.0]
    loud = starts_of(track, {"vocals": 0}, Rule(duration=2.0, below_mixture=40.0))
    assert loud["vocals"] == [1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0, 7.5]
    soft = Rule(duration=2.0, below_mixture=40.0, below_loudest=25.0)
    assert starts_of(track, {"vocals": 0}, soft)["vocals"][-1] == 8.0


def test_no_excerpt_begins_or_ends_in_silence(tmp_path):
    levels = [OFF, -20, -20, -20, OFF]
    song(tmp_path, "a", vocals=levels, bass=[OFF] * 5)
    (track,) = tracks_of(tmp_path)
    found = starts_of(track, {"vocals": 0, "bass": 1}, Rule(duration=2.0))
    # Half a second of a song's silence is not its silent end.
    assert found == {"vocals": [0.5, 1.0, 1.5, 2.0, 2.5], "bass": []}
