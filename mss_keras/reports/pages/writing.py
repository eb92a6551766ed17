"""A page as one HTML file that needs nothing else, unless its sounds are too large for it.

DIR/
    report.html
    report-sounds/*.js      only where sounds would make the page larger than `LIMIT`
"""

import contextlib
import re
from collections.abc import Mapping
from pathlib import Path

from mss_keras.jobs.files import appearing
from mss_keras.reports.pages.images import spectrograms
from mss_keras.reports.pages.markup import Media, examples_of, html
from mss_keras.reports.pages.parts import Page
from mss_keras.reports.pages.sounds import LIMIT, encode, unknown

_OURS = re.compile(r"[0-9a-f]{32}\.js")  # a file of sounds


def write_page(page: Page, path: Path) -> None:
    """Writes a page; the file appears when it is whole, and its sounds are there before it.

    Args:
        page: Page. What it shows.
        path: Path. The file. Sounds that would make it larger than `LIMIT` are files in a folder
            beside it, whose name is that of the file with `-sounds` at its end. Files of sounds
            there that the page does not need are removed.
    """
    examples = examples_of(page)
    pictures = [spectrograms(example) for example in examples]
    folder = path.with_name(path.stem + "-sounds")
    bare = html(page, Media(pictures, unknown(examples), folder.name))
    sounds = encode(examples, LIMIT - len(bare))
    whole = html(page, Media(pictures, sounds, folder.name))
    files = {} if sounds.inside else {f"{name}.js": (name, x) for name, x in sounds.files.items()}
    for file, (name, text) in files.items():
        with appearing(folder / file) as partial:
            partial.write_text(f'mssSound("{name}", "{text}");\n')
    with appearing(path) as partial:
        partial.write_bytes(whole)
    _clean(folder, files)


def _clean(folder: Path, needed: Mapping[str, object]) -> None:
    # Names of that form, which come from the bytes, are nobody else's.
    if folder.is_dir():
        for path in folder.iterdir():
            if _OURS.fullmatch(path.name) and path.name not in needed:
                path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # something is left in it
            folder.rmdir()
