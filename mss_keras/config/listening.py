"""What a listening test is made of."""

import math
import re
from dataclasses import dataclass
from typing import Literal

from mss_keras.config.errors import UserError
from mss_keras.config.fields import option, require, require_choices, require_positive

# Stimuli that every trial has besides those of the systems, and the ends of each scale.
STIMULI = ("reference", "anchor", "mixture")
SCALES = {"mushra": (0, 100), "mos": (1, 5)}
# Names that systems cannot have: those, and what an evaluation of them calls others.
_TAKEN = (*STIMULI, "irm", "ibm", "mwf", "estimates")

# Folders have these names, too.
_LONGEST_NAME = 100

_LONGEST_TITLE = 200

# The page calls stimuli A to Z.
LETTERS = 26

# BS.1770 measures loudness in blocks of this length.
SHORTEST_SECONDS = 0.4


@dataclass(frozen=True)
class ListeningConfig:
    """What a listening test is made of.

    Example:
        >>> ListeningConfig(systems=("l2=runs/l2_freq", "theirs=stems")).paths()
        {'l2': 'runs/l2_freq', 'theirs': 'stems'}
        >>> ListeningConfig(systems=("mixture=stems",))
        Traceback (most recent call last):
        mss_keras.config.errors.UserError: systems: found 'mixture', wanted a name of its own; ...
    """

    systems: tuple[str, ...] = option(
        (),
        "What is rated, each as NAME=PATH: the folder of a run, a .keras file, or a folder of "
        "stems, [SUBSET/]TRACK/SOURCE.wav, made by any separator",
        section="listening",
        everyday=True,
    )
    subset: Literal["train", "valid", "test"] = option(
        "test",
        "Split of the data set that excerpts are taken from",
        section="listening",
        everyday=True,
    )
    targets: tuple[str, ...] = option(
        (), "Sources that are rated; all of `sources` if not given", section="listening"
    )
    duration: float = option(
        8.0,
        "Length of an excerpt, seconds; people compare best what is shorter than 12",
        section="listening",
        everyday=True,
    )
    per_source: int = option(
        4, "Number of excerpts for each source", section="listening", everyday=True
    )
    scale: Literal["mushra", "mos"] = option(
        "mushra",
        "How listeners rate: 0 to 100 by sliders (mushra), or five points (mos)",
        section="listening",
        everyday=True,
    )
    title: str = option("Listening test", "Title of the page", section="listening")
    seed: int = option(
        42,
        "Seed of the draw of excerpts; listeners' orders come from the test itself",
        section="listening",
    )
    loudness: float = option(
        -23.0,
        "Integrated loudness of every stimulus by BS.1770, LUFS; less in trials that would clip",
        section="listening",
    )
    below_loudest: float = option(
        10.0,
        "How far the source of an excerpt may be below its loudest part of that length in the "
        "song, dB",
        section="listening",
    )
    below_mixture: float = option(
        20.0,
        "How far the source of an excerpt may be below the mixture, dB",
        section="listening",
    )

    def __post_init__(self):
        require_choices(self)
        require_positive(self, "per_source", "below_loudest", "below_mixture")
        require(
            SHORTEST_SECONDS <= self.duration < math.inf,
            "duration",
            found=self.duration,
            wanted=f"{SHORTEST_SECONDS:g} seconds or more, from which on BS.1770 tells a loudness",
        )
        require(
            -60 <= self.loudness <= -5, "loudness", found=self.loudness, wanted="-60 to -5 LUFS"
        )
        require(
            len(set(self.targets)) == len(self.targets),
            "targets",
            found=list(self.targets),
            wanted="different names",
        )
        most = LETTERS - len(STIMULI)
        require(
            len(self.systems) <= most,
            "systems",
            found=len(self.systems),
            wanted=f"{most} at most: stimuli of a trial have letters",
        )
        wanted = f"1 to {_LONGEST_TITLE} characters"
        length = len(self.title) if self.title.strip() else 0
        require(0 < length <= _LONGEST_TITLE, "title", found=self.title[:20], wanted=wanted)
        self.paths()

    def paths(self) -> dict[str, str]:
        """The path of each system, by name.

        Raises:
            UserError: if a system is no NAME=PATH, or a name is too long, taken, or another's but
                for upper and lower case, which not all file systems tell apart.
        """
        paths: dict[str, str] = {}
        for system in self.systems:
            name, _, path = system.partition("=")
            require(bool(path), "systems", found=system, wanted="NAME=PATH")
            if not re.fullmatch(r"[\w-][\w.-]*", name):
                raise UserError("systems", repr(name), "a name of letters, digits, _, - and .")
            if len(name.encode()) > _LONGEST_NAME:
                wanted = f"a name of {_LONGEST_NAME} bytes at most"
                raise UserError("systems", f"{name[:20]!r}…", wanted)
            if name.casefold() in _TAKEN:
                wanted = f"a name of its own; {', '.join(_TAKEN)} are taken"
                raise UserError("systems", repr(name), wanted)
            if name.casefold() in map(str.casefold, paths):
                raise UserError("systems", repr(name), "different names, by more than their case")
            paths[name] = path
        return paths


@dataclass(frozen=True)
class HostingConfig:
    """Where a listening test is served.

    Example:
        >>> HostingConfig(port=70000)
        Traceback (most recent call last):
        mss_keras.config.errors.UserError: port: found 70000, wanted 0 to 65535
    """

    host: str = option(
        "127.0.0.1",
        "Address to listen at: 127.0.0.1 for this machine alone, 0.0.0.0 for the network",
        section="hosting",
        everyday=True,
    )
    port: int = option(8000, "Port; 0 for any that is free", section="hosting", everyday=True)
    allow_host: tuple[str, ...] = option(
        (),
        "Names by which browsers may reach the server, such as that of a proxy in front of it; "
        "localhost, this machine's name and plain addresses need none",
        section="hosting",
    )

    def __post_init__(self):
        require(0 <= self.port <= 65535, "port", found=self.port, wanted="0 to 65535")
        for name in self.allow_host:
            plain = re.fullmatch(r"[\w.-]+", name) is not None
            require(plain, "allow_host", found=name, wanted="a name such as tests.example.org")
