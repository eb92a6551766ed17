"""Separates songs by a server: `python -m serving.client song.wav --url grpc://HOST:8500`.

It needs the packages of `serving/client/requirements.txt`, and no TensorFlow.
"""

import argparse
import sys
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from tqdm import tqdm

from mss_keras.config import UserError, flag_name
from mss_keras.data.listing import find_songs
from serving.client.errors import UNAVAILABLE, ServingError
from serving.client.remote import Client
from serving.client.songs import separate_song


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: sequence of str. Defaults to those of the process.

    Returns:
        The exit code: 0 if all songs are separated, 1 if the server refused a song or is away
        (which ends the work, since all other songs would wait as long),
        2 if an argument or a file is wrong, 130 if the user interrupted.
    """
    options = vars(_parser().parse_args(arguments))
    inputs, url, output = (options.pop(name) for name in ("songs", "url", "output"))
    headers, downmix = options.pop("header"), options.pop("downmix")
    failed = 0
    try:
        songs = find_songs(inputs)
        options["headers"] = dict(map(_header, headers))
        with closing(Client(url, **options, say=_warn)) as client:
            for number, (path, target) in enumerate(songs.items(), start=1):
                try:
                    lines = separate_song(
                        client,
                        path,
                        output / target,
                        downmix=downmix,
                        progress=sys.stderr.isatty(),
                    )
                except (UserError, ServingError, OSError) as error:
                    failed = max(failed, _report(error, path))
                    if isinstance(error, ServingError) and error.code == UNAVAILABLE:
                        # For all of the deadline; each of the others would take as long.
                        if number < len(songs):
                            left = len(songs) - number
                            print(f"error: server away, songs left: {left}", file=sys.stderr)
                        break
                else:
                    print(*lines, sep="\n", flush=True)
    except (UserError, ServingError) as error:
        return _report(error)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return failed


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m serving.client", description="Separate songs by a server."
    )
    add = parser.add_argument
    add("songs", nargs="+", help="Audio and video files, folders of them, and patterns")
    url = "grpc://HOST:PORT, or http://HOST:PORT for REST in 16 bits; grpcs and https with TLS"
    add("--url", required=True, help=url)
    output = Path("separated")
    add("--output", type=Path, default=output, help="Folder (separated); gets SONG/STEM.wav")
    add("--model", default="open_unmix", help="Name of the served model (open_unmix)")
    add("--version", type=int, help="Number of its version; the highest if not given")
    add("--label", help="Label of a version, instead of its number")
    add("--jobs", type=int, default=2, help="How many requests are sent at a time (2)")
    length = "About how many seconds of a song each request holds (180)"
    add("--seconds", type=float, default=180.0, help=length)
    deadline = "Seconds for the answer to a request, with all its repetitions (600)"
    add("--deadline", type=float, default=600.0, help=deadline)
    header = 'What every request says besides, as "NAME: VALUE"; may be given several times'
    add("--header", action="append", default=[], help=header)
    downmix = "Mix songs of more than two channels down to stereo"
    add("--downmix", action="store_true", help=downmix)
    return parser


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise UserError("header", "no colon", "NAME: VALUE")
    return name.strip(), value.strip()


def _report(error: Exception, song: Path | None = None) -> int:
    # Prints an error in one line, and gives its exit code.
    text = error.spelled(flag_name) if isinstance(error, UserError) else str(error)
    if song and not isinstance(error, UserError):  # which names the song itself
        text = f"{song}: {text}"
    print(f"error: {' '.join(text.split())}", file=sys.stderr)
    return 1 if isinstance(error, ServingError) else 2


_LOCK = threading.Lock()


def _warn(line: str) -> None:
    with _LOCK:  # several requests may fail at a time
        tqdm.write(f"warning: {' '.join(line.split())}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
