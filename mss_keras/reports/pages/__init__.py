"""Pages: one HTML file with texts, tables, pictures and sounds to compare."""

from mss_keras.reports.pages.parts import (
    Example,
    Page,
    Picture,
    Section,
    Stimulus,
    Table,
    picture_of,
)
from mss_keras.reports.pages.writing import write_page

__all__ = [
    "Example",
    "Page",
    "Picture",
    "Section",
    "Stimulus",
    "Table",
    "picture_of",
    "write_page",
]
