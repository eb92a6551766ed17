"""The test for labs that run webMUSHRA: its configuration, and the stimuli as WAV files.

webMUSHRA adds the hidden reference to a `mushra` page by itself, under the name `reference`; the
other conditions have the ids of `key.json`. Its Likert pages have no reference to compare with.
"""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import yaml

FILE = "listening.yaml"

# By webMUSHRA's own check, which follows BS.1534.
_MOST_CONDITIONS = 12
_LONGEST_SECONDS = 12.0

_LINE = 10_000  # characters

_POINTS = {1: "Bad", 2: "Poor", 3: "Fair", 4: "Good", 5: "Excellent"}
_ASKED = {
    "mushra": "Rate how close each condition is to the reference: {source}, separated from music.",
    "mos": "Rate the quality of each: {source}, separated from music.",
}


def name_of(test: str) -> str:
    """What webMUSHRA calls a test: the name of its folders, and in its results.

    Example:
        >>> name_of("0123456789abcdef")
        'listening-0123456789abcdef'
    """
    return f"listening-{test}"


def write(
    folder: Path,
    test: dict[str, Any],
    audio: Iterable[tuple[str, bytes]],
    *,
    hidden: Collection[str],
) -> None:
    """Writes the configuration and the WAV files.

    Args:
        folder: Path. The folder, which is made.
        test: dict. The test as the page has it.
        audio: iterable of (str, bytes). Ids and WAV files.
        hidden: collection of str. Ids of the hidden references.
    """
    if test["scale"] == "mushra":
        test = _without(test, hidden)
    own = name_of(test["test"])
    head = (
        f"# Copy the folder of this file to configs/{own} of webMUSHRA, and open\n"
        f"# webMUSHRA with ?config={own}/{FILE}. Results are in results/{own}.\n"
    )
    text = yaml.dump(
        configuration(test), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_LINE
    )
    folder.mkdir(parents=True)
    (folder / FILE).write_text(head + text, encoding="utf-8")
    for name, content in audio:
        if _path(own, name) in text:
            (folder / f"{name}.wav").write_bytes(content)


def _without(test: dict[str, Any], hidden: Collection[str]) -> dict[str, Any]:
    def rest(trial: dict[str, Any]) -> dict[str, Any]:
        return {**trial, "stimuli": [name for name in trial["stimuli"] if name not in hidden]}

    return {**test, **{part: [rest(x) for x in test[part]] for part in ("trials", "training")}}


class _Dumper(yaml.SafeDumper):
    # For webMUSHRA's own reader of YAML, which takes an id such as 12e456789012 for a number, and
    # is not known to join lines.
    pass


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, '"' if text[:1].isdigit() else None
    )


_Dumper.add_representer(str, _text)


def configuration(test: dict[str, Any]) -> dict[str, Any]:
    """The configuration of a test.

    Args:
        test: dict. The test as the page has it; for `mushra` without hidden references.

    Reference:
        webMUSHRA's documentation for experimenters.
    """
    own = name_of(test["test"])
    make = _mushra if test["scale"] == "mushra" else _likert
    training = [make(trial, own, f"{test['title']}: training") for trial in test["training"]]
    trials = [make(trial, own, test["title"]) for trial in test["trials"]]
    return {
        "testname": test["title"],
        "testId": own,
        "bufferSize": 2048,
        "stopOnErrors": True,
        "showButtonPreviousPage": True,
        "remoteService": "service/write.php",
        "pages": [
            _volume(test["training"][0], own),
            *training,
            ["random", *trials],
            {
                "type": "finish",
                "name": "Thank you",
                "content": "Send your ratings. Thank you for listening.",
                "showResults": False,
                "writeResults": True,
            },
        ],
    }


def _volume(trial: dict[str, Any], own: str) -> dict[str, Any]:
    return {
        "type": "volume",
        "id": "volume",
        "name": "Volume",
        "content": "Wear headphones. Begin softly, choose a comfortable volume, and keep it.",
        "stimulus": _path(own, trial["reference"]),
        "defaultVolume": 0.3,
    }


def _mushra(trial: dict[str, Any], own: str, name: str) -> dict[str, Any]:
    fits = len(trial["stimuli"]) <= _MOST_CONDITIONS and trial["seconds"] <= _LONGEST_SECONDS
    return {
        "type": "mushra",
        "id": trial["trial"],
        "name": name,
        "content": _ASKED["mushra"].format(source=trial["source"]),
        "showWaveform": True,
        "enableLooping": True,
        "strict": fits,
        "randomize": True,
        "showConditionNames": False,
        "reference": _path(own, trial["reference"]),
        "createAnchor35": False,
        "createAnchor70": False,
        "stimuli": _stimuli(trial, own),
    }


def _likert(trial: dict[str, Any], own: str, name: str) -> dict[str, Any]:
    return {
        "type": "likert_multi_stimulus",
        "id": trial["trial"],
        "name": name,
        "content": _ASKED["mos"].format(source=trial["source"]),
        "mustRate": True,
        "stimuli": _stimuli(trial, own),
        "response": [{"value": value, "label": label} for value, label in _POINTS.items()],
    }


def _stimuli(trial: dict[str, Any], own: str) -> dict[str, str]:
    return {name: _path(own, name) for name in trial["stimuli"]}


def _path(own: str, name: str) -> str:
    # From the root of webMUSHRA.
    return f"configs/{own}/{name}.wav"
