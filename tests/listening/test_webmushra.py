"""webMUSHRA's configuration: pages of its own types, and files that exist."""

import re

import pytest
import yaml
from material import described

from mss_keras.listening import webmushra

# What `doc/experimenter.md` of webMUSHRA says of its pages.
FIELDS = {
    "volume": {"id", "name", "content", "stimulus", "defaultVolume"},
    "mushra": {
        *("id", "name", "content", "showWaveform", "enableLooping", "strict", "randomize"),
        *("showConditionNames", "reference", "createAnchor35", "createAnchor70", "stimuli"),
    },
    "likert_multi_stimulus": {"id", "name", "content", "mustRate", "stimuli", "response"},
    "finish": {"name", "content", "showResults", "writeResults"},
}
TOP = {
    *("testname", "testId", "bufferSize", "stopOnErrors", "showButtonPreviousPage"),
    *("remoteService", "pages"),
}


def written(tmp_path, test):
    trials = [*test["trials"], *test["training"]]
    ids = {name for trial in trials for name in (trial["reference"], *trial["stimuli"])}
    hidden = {trial["stimuli"][0] for trial in trials}
    folder = tmp_path / "webmushra"
    webmushra.write(folder, test, [(name, b"RIFF") for name in sorted(ids)], hidden=hidden)
    text = (folder / "listening.yaml").read_text()
    return folder, hidden, text, yaml.safe_load(text)


def flat(pages):
    for page in pages:
        if isinstance(page, list):
            yield from flat(page)
        elif page != "random":
            yield page


@pytest.mark.parametrize("scale", ["mushra", "mos"])
def test_pages_stimuli_and_files(tmp_path, scale):
    test = described(scale=scale)
    folder, hidden, text, found = written(tmp_path, test)
    assert set(found) == TOP
    assert found["bufferSize"] in (256, 512, 1024, 2048, 4096, 8192, 16384)
    pages = list(flat(found["pages"]))
    kind = {"mushra": "mushra", "mos": "likert_multi_stimulus"}[scale]
    assert [page["type"] for page in pages] == ["volume", kind, kind, kind, "finish"]
    for page in pages:
        assert set(page) == {"type", *FIELDS[page["type"]]}
    order = found["pages"][2]
    assert order[0] == "random"
    assert [page["id"] for page in order[1:]] == [trial["trial"] for trial in test["trials"]]
    # Paths are from webMUSHRA's root, to which the first line says how to copy the folder.
    own = re.search(r"configs/(listening-\w+) of webMUSHRA", text)
    assert own is not None
    named = set(re.findall(r"configs/\S+\.wav", text))
    assert named == {f"configs/{own[1]}/{path.name}" for path in folder.glob("*.wav")}
    for trial, page in zip(test["trials"], order[1:], strict=True):
        conditions = set(page["stimuli"])
        if scale == "mushra":  # webMUSHRA adds the hidden reference by itself
            assert conditions == set(trial["stimuli"]) - hidden
            assert page["reference"].endswith(f"/{trial['reference']}.wav")
            assert page["strict"] is True
        else:
            assert conditions == set(trial["stimuli"])
            assert [point["value"] for point in page["response"]] == [1, 2, 3, 4, 5]


def test_what_webmushra_would_refuse_is_not_strict(tmp_path):
    test = described()
    test["trials"][0]["seconds"] = 13.0
    *_, found = written(tmp_path, test)
    assert [page["strict"] for page in found["pages"][2][1:]] == [False, True]


def test_lines_and_keys_that_a_simple_reader_takes(tmp_path):
    test = described(title="A title: of 'many' words, " + "long " * 40)
    test["trials"][0]["stimuli"][1] = "12e456789012"
    _, _, text, found = written(tmp_path, test)
    assert '"12e456789012":' in text
    assert found["testname"] == test["title"]
    body = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(re.match(r" *(- )?(- )?(\"?[\w-]+\"?:|random)", line) for line in body)
