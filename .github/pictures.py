"""Makes the pictures of the README small: `make pictures` calls it with what runs have drawn.

    python .github/pictures.py PICTURE.png...

Each picture is written beside this file under its own name, with 256 colours.
"""

import sys
from pathlib import Path

from PIL import Image

WIDTH, HEIGHT = 1500, 2400  # pixels at most


def shrink(path: Path) -> Path:
    """Writes the small picture and returns its path."""
    picture = Image.open(path).convert("RGB")
    picture.thumbnail((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    small = Path(__file__).with_name(path.name)
    # Coverage keeps the rare loud colours, and no dithering keeps the file small.
    coverage, plain = Image.Quantize.MAXCOVERAGE, Image.Dither.NONE
    picture.quantize(256, method=coverage, dither=plain).save(small, optimize=True)
    return small


if __name__ == "__main__":
    for name in sys.argv[1:]:
        made = shrink(Path(name))
        print(f"{made}: {made.stat().st_size / 1000:.0f} kB")
