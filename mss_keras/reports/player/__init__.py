"""The player of sample-aligned stimuli: a script and a style sheet, for any page."""

from importlib import resources


def script() -> str:
    """The script, which makes the global MssPlayer in a page; see the README of this room.

    Example:
        >>> "class Transport" in script()
        True
    """
    return _text("player.js") + "\n" + _text("transport.js")


def style() -> str:
    """The style sheet of the player's buttons, and the colours of a page, light and dark.

    Example:
        >>> ".player-play" in style()
        True
    """
    return _text("player.css")


def _text(name: str) -> str:
    return resources.files(__name__).joinpath(name).read_text(encoding="utf-8")
