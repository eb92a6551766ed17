"""The folder that a listener opens: the page, its scripts, the test and the sounds."""

import base64
import json
import re
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from mss_keras.jobs.files import appearing
from mss_keras.reports import player

_ID = re.compile(r"[0-9a-zA-Z_-]+")


def write_page(folder: Path, test: Mapping[str, Any], audio: Iterable[tuple[str, bytes]]) -> None:
    """Writes the folder of a listening test's page; it appears when it is whole.

    The folder may be published as it is: it holds no more than a listener may know. It works
    from a disk and from any web server.

    Args:
        folder: Path. The folder, which is replaced if it exists.
        test: mapping. The description of the test that the page reads: `format`, `test`, `title`,
            `scale` (`mushra` or `mos`), `simulated`, `demonstration`, `seed`, `lufs` (loudness
            of the loudest trial, by which listeners set the volume), `trials` and `training`. A
            trial has `trial`, `source`, `seconds`, `sample_rate`, `channels`,
            `reference` (an id, or None for no reference) and `stimuli` (ids).
        audio: iterable of (id, bytes of a WAV file), each id of the test once. They are taken
            one after the other, and of one trial all have the trial's sample rate.

    Raises:
        ValueError: if the sounds are not those that the test names, or an id is no file's name.
    """
    wanted = _ids(test)
    with appearing(folder) as partial:
        (partial / "audio").mkdir(parents=True)
        for path in resources.files("mss_keras.listening").joinpath("page").iterdir():
            if path.name != "README.md":
                (partial / path.name).write_bytes(path.read_bytes())
        (partial / "player.js").write_text(player.script(), encoding="utf-8")
        style = player.style() + "\n" + (partial / "page.css").read_text(encoding="utf-8")
        (partial / "page.css").write_text(style, encoding="utf-8")
        (partial / "test.js").write_text(_script(f"window.LISTENING_TEST = {json.dumps(test)};"))
        (partial / "server.js").write_text(_script("window.LISTENING_SERVER = false;"))
        written = set()
        for name, sound in audio:
            _check(name in wanted and name not in written, f"the sound {name!r} is not expected")
            (partial / "audio" / f"{name}.js").write_text(sound_script(name, sound))
            written.add(name)
        _check(written == wanted, f"no sounds for {sorted(wanted - written)}")


def sound_script(name: str, sound: bytes) -> str:
    """The script that hands a sound to the page, which can read nothing else from a disk.

    Example:
        >>> sound_script("0a1b", b"RIFF")
        'window.listeningAudio("0a1b", "UklGRg==");\\n'
    """
    return f'window.listeningAudio("{name}", "{base64.b64encode(sound).decode()}");\n'


def _script(line: str) -> str:
    return f'"use strict";\n{line}\n'


def _ids(test: Mapping[str, Any]) -> set[str]:
    # Of all stimuli and references.
    trials = [*test["trials"], *test["training"]]
    names = [name for trial in trials for name in (trial["reference"], *trial["stimuli"])]
    known = [name for name in names if name is not None]
    for name in known:
        _check(bool(_ID.fullmatch(name)), f"the id {name!r} is no file's name")
    return set(known)


def _check(right: bool, wrong: str) -> None:
    if not right:
        raise ValueError(wrong)
