"""Pages: one HTML file with texts, tables, pictures and sounds to compare."""

from mss_keras.reports.pages.parts import Example, Page, Picture, Section, Stimulus, Table

__all__ = ["Example", "Page", "Picture", "Section", "Stimulus", "Table"]
