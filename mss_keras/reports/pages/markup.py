"""A page's HTML, which needs nothing else and lets nothing else run."""

import base64
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any
from urllib.parse import quote

import jinja2

from mss_keras.reports import player
from mss_keras.reports.pages import grid, images
from mss_keras.reports.pages.parts import Example, Page, Picture, Table
from mss_keras.reports.pages.sounds import Sounds, faults

# What the template calls the parts of a section; lists of sentences are the rest.
_KINDS = {str: "text", Table: "table", Picture: "picture", Example: "example"}


@dataclass(frozen=True)
class Media:
    """What a page shows and plays of its examples.

    Args:
        pictures: sequence of sequence of bytes. Spectrograms of each example's stimuli, WebP.
        sounds: Sounds. Their sounds.
        folder: str. Name of the folder of the sounds, where they are not in the page.
    """

    pictures: Sequence[Sequence[bytes]]
    sounds: Sounds
    folder: str


def html(page: Page, media: Media) -> bytes:
    """A page as HTML, in UTF-8.

    All its texts stay texts. The policy that it states allows its own style and script alone,
    by their digests, and no network.

    Args:
        page: Page. What it says.
        media: Media. Of its examples, in their order.
    """
    style = player.style() + "\n" + _text("page.css")
    script = player.script() + "\n" + _text("examples.js") if media.pictures else ""
    examples = (_example(example, n, media) for n, example in enumerate(examples_of(page)))
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    text = environment.from_string(_text("page.html.jinja")).render(
        page=page,
        sections=[
            (
                section.title,
                [
                    (_kind(part), next(examples) if isinstance(part, Example) else part)
                    for part in section.parts
                ],
            )
            for section in page.sections
        ],
        links={name: quote(os.fsencode(path)) for name, path in page.links.items()},
        policy=_policy(style, script, beside=not media.sounds.inside),
        style=style,
        script=script,
        sounds=media.sounds,
        folder=media.folder,
        range=images.RANGE,
    )
    return text.encode(errors="replace")  # a file's name may hold what UTF-8 cannot


def examples_of(page: Page) -> list[Example]:
    """The examples of all sections."""
    parts = [part for section in page.sections for part in section.parts]
    return [part for part in parts if isinstance(part, Example)]


def _kind(part: Any) -> str:
    return next((kind for of, kind in _KINDS.items() if isinstance(part, of)), "list")


def _example(example: Example, number: int, media: Media) -> dict[str, Any]:
    low, high = images.frequencies(example.audio.sample_rate)
    samples = min((len(stimulus.waveform) for stimulus in example.stimuli), default=0)
    made = zip(media.pictures[number], media.sounds.examples[number], strict=True)
    return {
        "number": number + 1,
        "title": example.title,
        "facts": [*example.facts, *faults(example)],
        "tables": example.tables,
        "seconds": samples / example.audio.sample_rate,
        "low": low,
        "high": high,
        "rate": media.sounds.rates[number],
        "columns": grid.columns_of(example.stimuli),
        "rows": grid.rows_of(example.stimuli),
        "stimuli": [
            {
                "row": stimulus.row,
                "column": stimulus.column,
                "note": stimulus.note,
                "sound": sound.name,
                "picture": "data:image/webp;base64," + base64.b64encode(picture).decode(),
            }
            for stimulus, (picture, sound) in zip(example.stimuli, made, strict=True)
        ],
    }


def _policy(style: str, script: str, *, beside: bool) -> str:
    rules = ["default-src 'none'", "img-src data:", f"style-src {_digest(style)}"]
    if script:
        rules.append(f"script-src {_digest(script)}" + (" 'self'" if beside else ""))
    return "; ".join([*rules, "base-uri 'none'", "form-action 'none'"])


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _text(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
