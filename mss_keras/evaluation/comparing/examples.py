"""What was heard of excerpts as sections of a page."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from mss_keras.config import AudioConfig, CompareConfig, flag_name, respelled
from mss_keras.data import Track
from mss_keras.evaluation.comparing import tables
from mss_keras.evaluation.comparing.choosing import choose_examples
from mss_keras.evaluation.comparing.contestants import Contestant
from mss_keras.evaluation.comparing.hearing import Heard, Hearing
from mss_keras.evaluation.comparing.scores import SDR, Board, average, board, counts
from mss_keras.reports.pages import Example, Section, Stimulus, Table
from mss_keras.reports.tables import counted

MIXTURE, TARGET = "mixture", "target"


@dataclass(frozen=True)
class Comparison:
    """Methods on the same excerpts.

    Args:
        heard: sequence of Heard. What was heard of the excerpts.
        methods: sequence of str. Names of the methods.
        competing: collection of str. Names of those that may be called the best.
        sources: sequence of str. Names of the sources.
        audio: AudioConfig. Sample rate and channels, and sizes of the STFT that is shown.
        subset: str. Split of the data set that the excerpts are of.
    """

    heard: Sequence[Heard]
    methods: Sequence[str]
    competing: Collection[str]
    sources: Sequence[str]
    audio: AudioConfig
    subset: str

    @property
    def boards(self) -> list[Board]:
        """The scores of each excerpt."""
        return [board(one.scores, self.methods, self.sources) for one in self.heard]

    @property
    def mean(self) -> Board:
        """The means over the excerpts."""
        return average(self.boards)

    @property
    def length(self) -> str:
        """How much music that is, in words."""
        return _length(self.heard, counted(len(self.heard), "excerpt"))

    @property
    def length_of_sdr(self) -> str:
        """How much of that music has SDR, in words."""
        boards = zip(self.heard, self.boards, strict=True)
        scored = [one for one, x in boards if counts([x], SDR).any()]
        if len(scored) == len(self.heard):
            return self.length
        return _length(scored, f"{len(scored)} of {counted(len(self.heard), 'excerpt')}")

    def means(self) -> list[Table]:
        """Tables of the means over the excerpts; none where there is one excerpt."""
        if len(self.heard) < 2:
            return []
        return tables.tables(self.mean, self.competing, of=self._of)

    def examples(self) -> Section:
        """The excerpts, to be heard."""
        return Section(
            "Listen",
            [
                "Each example plays one place of a song, by turns as whatever you choose: mixture, "
                "true sources (target), and what each method makes of it.",
                *(self._example(one, x) for one, x in zip(self.heard, self.boards, strict=True)),
            ],
        )

    def title(self, one: Heard) -> str:
        """What an excerpt is called: song, split, seconds from and to."""
        excerpt = one.chosen.excerpt
        end = excerpt.start + excerpt.seconds
        return f"{excerpt.track.name} ({self.subset}), {excerpt.start:g} to {end:.4g} s"

    def _of(self, metric: str) -> str:
        heard = counted(len(self.heard), "excerpt")
        if metric not in self.mean.values:
            return f"mean of {heard}"
        found = dict(zip(self.sources, counts(self.boards, metric).tolist(), strict=True))
        if len(set(found.values())) == 1:
            (count,) = set(found.values())
            return f"mean of {heard if count == len(self.heard) else f'{count} of {heard}'}"
        fewer = [f"{x} of {count}" for x, count in found.items() if count < len(self.heard)]
        return f"mean of {heard}; {', '.join(fewer)}, having no score in others"

    def _example(self, one: Heard, scores: Board) -> Example:
        missing = [
            f"{name} has no estimates here: {respelled(error.quoted, flag_name)}"
            for name, error in one.missing.items()
        ]
        return Example(
            self.title(one),
            self._stimuli(one, scores),
            self.audio,
            facts=[*(f"{note[0].upper()}{note[1:]}." for note in one.chosen.notes), *missing],
            tables=tables.tables(scores, self.competing, of=lambda metric: "this excerpt"),
        )

    def _stimuli(self, one: Heard, scores: Board) -> list[Stimulus]:
        stimuli = [Stimulus(MIXTURE, "", one.true[MIXTURE])]
        target = "true source" if TARGET in self.methods else TARGET
        for index, source in enumerate(self.sources):
            stimuli.append(Stimulus(source, target, one.true[source]))
            for place, method in enumerate(self.methods):
                waveform = one.estimates.get(method, {}).get(source)
                if waveform is not None:
                    value = scores.values[SDR][place, index] if scores.values else np.nan
                    said = tables.rounded(value, ".1f")
                    note = "no SDR" if np.isnan(value) else f"SDR {said} dB"
                    stimuli.append(Stimulus(source, method, waveform, note))
        return stimuli


def _length(heard: Sequence[Heard], excerpts: str) -> str:
    seconds = sum(one.chosen.excerpt.seconds for one in heard)
    return f"{excerpts}, {seconds:.3g} s of music in all"


def compared(
    entries: Sequence[Contestant],
    tracks: Sequence[Track],
    settings: CompareConfig,
    *,
    hearing: Hearing,
) -> Comparison:
    """Hears excerpts of a data set through methods.

    Args:
        entries: sequence of Contestant. The methods.
        tracks: sequence of Track. The songs.
        settings: CompareConfig. Which excerpts.
        hearing: Hearing. How they are heard.

    Raises:
        UserError: as `choose_examples` and `Hearing.run`.
    """
    examples = choose_examples(tracks, hearing.sources, settings)
    if len(examples) < settings.examples:
        hearing.say(f"{counted(len(examples), 'example')}: there are no more songs")
    return Comparison(
        heard=hearing.run(entries, examples),
        methods=[one.name for one in entries],
        competing=[one.name for one in entries if one.competes],
        sources=hearing.sources,
        audio=hearing.audio,
        subset=settings.subset,
    )
