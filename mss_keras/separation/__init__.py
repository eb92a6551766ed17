"""Whole songs go in, stems come out; models that others published become models of ours."""

from mss_keras.separation.importing import import_openunmix
from mss_keras.separation.songs import separate_song, separate_songs

__all__ = ["import_openunmix", "separate_song", "separate_songs"]
