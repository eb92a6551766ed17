"""What a page is made of: sections with texts, tables, pictures and examples to listen to."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.figure import Figure

from mss_keras.config import AudioConfig
from mss_keras.reports.figures import as_png


@dataclass(frozen=True)
class Table:
    """A table of a page.

    Args:
        caption: str. What it shows.
        columns: sequence of str. Names of the columns; the first has the names of the rows.
        rows: sequence of sequence of str. The cells.
        texts: sequence of str. Columns of words rather than numbers. Defaults to none.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    texts: Sequence[str] = ()


@dataclass(frozen=True)
class Picture:
    """A picture of a page.

    Args:
        png: bytes. The PNG file.
        alt: str. What it shows, for who does not see it.
        caption: str. Stands below.
    """

    png: bytes
    alt: str
    caption: str

    @property
    def data(self) -> str:
        """The picture as an address."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode()

    @property
    def width(self) -> int:
        """Width in pixels, as the file says."""
        return int.from_bytes(self.png[16:20])

    @property
    def height(self) -> int:
        """Height in pixels, as the file says."""
        return int.from_bytes(self.png[20:24])


def picture_of(figure: Figure, *, alt: str, caption: str) -> Picture:
    """A figure as a picture of a page.

    Args:
        figure: Figure. As the functions of this room's neighbours draw them.
        alt: str. What it shows, for who does not see it.
        caption: str. Stands below.
    """
    return Picture(as_png(figure), alt, caption)


@dataclass(frozen=True)
class Stimulus:
    """A sound of an example, in a cell of its grid.

    Args:
        row: str. Name of the grid's row, such as `vocals`; the mixture has a row of its own.
        column: str. Name of the grid's column, such as `target` or a method. A row that has no
            columns, such as the mixture's, has an empty one.
        waveform: np.ndarray. `[samples, channels]`, −1 to 1 or beyond, as long as those of the
            example's other stimuli.
        note: str. What the cell says besides, such as `5.2 dB`. Defaults to nothing.
    """

    row: str
    column: str
    waveform: np.ndarray
    note: str = ""

    @property
    def name(self) -> str:
        """The row and the column; the row alone where it has no columns.

        Example:
            >>> Stimulus("vocals", "target", np.zeros([1, 1])).name
            'vocals, target'
        """
        return f"{self.row}, {self.column}" if self.column else self.row


@dataclass(frozen=True)
class Example:
    """Sounds of the same place of a song, between which a listener switches while they play.

    Args:
        title: str. The song, its split, and seconds from and to.
        stimuli: sequence of Stimulus. The first is heard at first.
        audio: AudioConfig. Sample rate of the sounds, and sizes of the STFT that is shown.
        facts: sequence of str. What is to be known of it. Defaults to nothing.
        tables: sequence of Table. Stand below its sounds. Defaults to none.
    """

    title: str
    stimuli: Sequence[Stimulus]
    audio: AudioConfig
    facts: Sequence[str] = ()
    tables: Sequence[Table] = ()


@dataclass(frozen=True)
class Section:
    """A section of a page.

    Args:
        title: str. Its heading.
        parts: sequence. Sentences, lists of sentences, tables, pictures and examples, in their
            order.
    """

    title: str
    parts: Sequence[str | Sequence[str] | Table | Picture | Example]


@dataclass(frozen=True)
class Page:
    """A page.

    Args:
        title: str. Its heading.
        sections: sequence of Section. Its sections.
        answer: str. What the page says, in a sentence or two; stands on top. Defaults to nothing.
        warnings: sequence of str. What has to be read before anything else. Defaults to nothing.
        links: mapping of str to str. Paths of files, relative to the page's folder, by what they
            are called. Defaults to none.
    """

    title: str
    sections: Sequence[Section]
    answer: str = ""
    warnings: Sequence[str] = ()
    links: Mapping[str, str] = field(default_factory=dict)
