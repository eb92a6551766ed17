"""Files of ratings: what is right is read, and what is wrong is named."""

import csv
import json
import re

import pytest
from listening_tests import download, make_key, save

from mss_keras.config import UserError
from mss_keras.listening.key import id_of, read_key
from mss_keras.listening.rating_files import COLUMNS
from mss_keras.listening.ratings import find_files, find_test, read_ratings

KEY = make_key(excerpts=1)
A, B = "a" * 32, "b" * 32


def lines_of(given):
    """A download as the lines that the server keeps."""
    head = {name: given[name] for name in ("test", "listener", "scale")}
    return [json.dumps({**head, **rating, "received": "z"}) for rating in given["ratings"]]


def write_csv(path, given, *, delimiter=","):
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, COLUMNS, delimiter=delimiter)
        writer.writeheader()
        head = {name: given[name] for name in ("test", "listener", "scale")}
        writer.writerows({**head, "simulated": "false", **row} for row in given["ratings"])
    return path


def read(*paths):
    return read_ratings(list(paths), KEY)


def test_every_form_says_the_same(tmp_path):
    given = download(KEY)
    (tmp_path / "a.jsonl").write_text("\n".join(lines_of(given)) + "\n")
    files = [
        save(tmp_path / "a.json", given),
        write_csv(tmp_path / "a.csv", given),
        write_csv(tmp_path / "b.csv", given, delimiter=";"),
        tmp_path / "a.jsonl",
    ]
    for path in files:
        (listener,) = read(path).listeners
        assert listener.listener == A
        assert not listener.simulated
        assert [rating.rating for rating in listener.ratings] == [100, 10, 50, 50, 50, 50] * 2
    (listener,) = read(files[0]).listeners
    assert listener.headphones == (5, 6)
    assert listener.language == "en"


@pytest.mark.parametrize(
    ("delimiter", "first", "said"),
    [(";", "", "FALSCH"), (";", "sep=;\r\n", "FAUX"), ("\t", "", "FAŁSZ"), (",", "", "ΨΕΥΔΕΣ")],
)
def test_a_table_that_excel_wrote(tmp_path, delimiter, first, said):
    path = write_csv(tmp_path / "a.csv", download(KEY), delimiter=delimiter)
    text = first + path.read_text(encoding="utf-8-sig").replace("false", said)
    text += (delimiter * 8 + "\r\n") * 2
    path.write_text(text, encoding="utf-8-sig", newline="")
    (listener,) = read(path).listeners
    assert len(listener.ratings) == 12
    assert not listener.simulated
    path.write_text(text.replace(said, "WAHR"), encoding="utf-8-sig", newline="")
    assert read(path).listeners[0].simulated


def test_no_id_looks_like_a_number():
    ids = [id_of("secret", str(number)) for number in range(1000)]
    assert not any(re.fullmatch(r"\d+(e\d+)?", x) for x in ids)
    assert all(re.fullmatch("[0-9a-f]{12}", x) for x in ids)


def webmushra_rows(given, session):
    """What webMUSHRA writes of a session: the training, too, and the reference by that name."""
    kinds = {s: kind for trial in KEY.trials for s, kind in trial.stimuli.items()}
    head = {"session_test_id": f"listening-{KEY.test}", "age": "30", "session_uuid": session}
    training = {"trial_id": "training", "rating_stimulus": "0123456789ab", "rating_score": 7}
    rows = [
        {
            "trial_id": row["trial"],
            "rating_stimulus": "reference"
            if kinds[row["stimulus"]] == "reference"
            else row["stimulus"],
            "rating_score": row["rating"],
        }
        for row in given["ratings"]
    ]
    rest = {"rating_time": 900, "rating_comment": "good, or not"}
    return [{**head, **row, **rest} for row in (training, *rows)]


def test_results_of_webmushra(tmp_path):
    given = download(KEY)
    other = {**given, "ratings": [{**row, "rating": 60} for row in given["ratings"]]}
    sessions = [f"{x * 8}-{x * 4}-{x * 4}-{x * 4}-{x * 12}" for x in "ab"]
    rows = webmushra_rows(given, sessions[0]) + webmushra_rows(other, sessions[1])
    path = tmp_path / "mushra.csv"

    def save_rows(rows):
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return path

    first, second = read(save_rows(rows)).listeners
    assert (first.listener, second.listener) == (A, B)
    (same,) = read(save(tmp_path / "a.json", given)).listeners
    assert [(x.stimulus, x.rating) for x in first.ratings] == [
        (x.stimulus, x.rating) for x in same.ratings
    ]
    assert {x.rating for x in second.ratings} == {60}
    for wrong, message in (
        (rows[:1], "found the training alone"),
        ([{**row, "session_test_id": "listening-x"} for row in rows], "ratings of 'listening-x'"),
        ([{k: v for k, v in row.items() if k != "session_uuid"} for row in rows], "session_uuid"),
    ):
        with pytest.raises(UserError, match=message):
            read(save_rows(wrong))


def test_a_listener_in_several_files_is_one_and_the_last_rating_counts(tmp_path):
    given = download(KEY)
    later = {**given["ratings"][3], "number": 99, "rating": 77}
    newer = download(KEY, ratings=[*given["ratings"][:3], later])
    files = [save(tmp_path / "new.json", newer), save(tmp_path / "old.json", given)]
    for order in (files, files[::-1]):
        found = read(*order)
        (listener,) = found.listeners
        assert len(listener.ratings) == len(given["ratings"])
        assert {x.stimulus: x.rating for x in listener.ratings}[later["stimulus"]] == 77
        assert "the last rating of a stimulus counts" in found.notes[0]


def test_two_listeners_of_one_id_are_not_mixed(tmp_path):
    other = download(KEY)
    other["ratings"] = [{**rating, "rating": 3} for rating in other["ratings"]]
    found = read(save(tmp_path / "a.json", download(KEY)), save(tmp_path / "b.json", other))
    (listener,) = found.listeners
    assert listener.ratings[0].rating == 100
    assert [where for where, _ in found.skipped] == [f"{tmp_path / 'b.json'}: listener {A}"]
    assert "other ratings under the same numbers" in found.skipped[0][1]


def test_ratings_of_two_browsers_that_the_server_numbered_anew(tmp_path):
    """The second browser's first rating is the server's third, after two of the first browser."""

    def made(number, place, value, second):
        rating = download(KEY)["ratings"][place]
        at = f"2026-01-01T00:00:0{second}.123Z"
        return {**rating, "number": number, "rating": value, "at": at}

    kept = download(KEY, ratings=[made(1, 0, 95, 1), made(2, 1, 5, 2), made(3, 2, 40, 3)])
    unsent = [made(2, 3, 60, 4), made(3, 4, 70, 5)]
    own = download(KEY, ratings=[made(1, 2, 40, 3), *unsent])
    (tmp_path / "a.jsonl").write_text("\n".join(lines_of(kept)) + "\n")
    files = [tmp_path / "a.jsonl", save(tmp_path / "b.json", own)]
    for order in (files, files[::-1]):
        found = read(*order)
        (listener,) = found.listeners
        assert not found.skipped
        assert sorted(rating.rating for rating in listener.ratings) == [5, 40, 60, 70, 95]
    # Nothing in common: two people.
    own["ratings"] = unsent
    assert len(read(files[0], save(files[1], own)).skipped) == 1


def test_a_rating_that_somebody_has_changed(tmp_path):
    given = download(KEY)
    changed = [{**given["ratings"][0], "rating": 3}, *given["ratings"][1:]]
    files = [save(tmp_path / "a.json", given)]
    files.append(save(tmp_path / "b.json", {**given, "ratings": changed}))
    assert [where for where, _ in read(*files).skipped] == [f"{files[1]}: listener {A}"]


def test_a_server_that_was_killed_leaves_half_a_line(tmp_path):
    lines = lines_of(download(KEY))
    path = tmp_path / f"{A}.jsonl"
    path.write_text("\n".join(lines)[:-30])
    found = read(path)
    assert len(found.listeners[0].ratings) == len(lines) - 1
    assert found.notes == [f"{path}: line {len(lines)} is no whole rating; it does not count"]
    path.write_text("\n".join([*lines[:2], lines[2][:20], *lines[2:]]))  # it went on afterwards
    assert len(read(path).listeners[0].ratings) == len(lines)


def changed(**changes):
    given = download(KEY, B)
    given["ratings"][0] = {**given["ratings"][0], **changes}
    return given


def without(name):
    given = download(KEY, B)
    del given["ratings"][0][name]
    return given


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (download(KEY, B, test="fedcba9876543210"), "ratings of the test 'fedcba9876543210'"),
        (download(KEY, B, scale="mos"), "the scale 'mos', wanted mushra"),
        (download(KEY, B, format="x"), "the format 'x', wanted mss_keras-ratings-1"),
        (download(KEY, "../../etc/passwd"), "the listener '../../etc/passwd', wanted 32 hex"),
        (download(KEY, 7), "the listener 7"),
        (download(KEY, B, ratings=[]), r"ratings \[\], wanted a list"),
        (download(KEY, B, ratings={"a": 1}), "wanted a list of ratings"),
        (download(KEY, B, ratings=["x"]), "the rating 'x'"),
        (download(KEY, B, simulated="no"), "simulated 'no', wanted true or false"),
        (changed(rating=101), "the rating 101, wanted a whole number, 0 to 100"),
        (changed(rating=-1), "the rating -1"),
        (changed(rating=50.5), "the rating 50.5"),
        (changed(rating=True), "the rating True"),
        (changed(rating=None), "the rating None"),
        (changed(rating=float("nan")), "the rating nan"),
        (changed(rating=10**400), "the rating 1000000"),
        (changed(rating="many"), "the rating 'many'"),
        (changed(number=0), "the number 0, wanted a whole number from 1 on"),
        (changed(number=2), "the number 2 of two ratings"),
        (changed(stimulus="ffffffffffff"), "the stimulus 'ffffffffffff', wanted one of the"),
        (changed(stimulus=["x"]), "the stimulus"),
        (changed(trial="t01"), "the stimulus 000000000000 in the trial 't01', wanted t00"),
        (without("rating"), "the rating None"),
        (without("trial"), "in the trial None"),
    ],
)
def test_a_wrong_download_is_left_out_and_named(tmp_path, given, reason):
    path = save(tmp_path / "b.json", given)
    found = read(save(tmp_path / "a.json", download(KEY)), path)
    assert [listener.listener for listener in found.listeners] == [A]
    ((where, why),) = found.skipped
    assert where.startswith(str(path))
    assert re.search(reason, why), why


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("x.json", b"{", "broken JSON at line 1"),
        ("x.json", b"[]", "the format None"),
        ("x.json", b"", "an empty file"),
        ("x.json", b"[" * 100000, "broken JSON"),
        ("x.json", json.dumps(download(KEY)).encode("utf-16"), "another encoding, wanted UTF-8"),
        ("x.json", b"\xff\xfe\x00", "another encoding"),
        ("x.csv", b"a,b\n1,2\n", "no column test"),
        ("x.csv", b"test,listener\n", "no column test"),
        ("x.jsonl", b'{"test": "012', "no whole line"),
        ("x.txt", b"x", "the suffix '.txt', wanted one of .json, .csv, .jsonl"),
    ],
)
def test_a_file_that_is_none_is_left_out_and_named(tmp_path, name, content, reason):
    path = tmp_path / name
    path.write_bytes(content)
    found = read(save(tmp_path / "a.json", download(KEY)), path)
    assert len(found.listeners) == 1
    ((where, why),) = found.skipped
    assert where == str(path)
    assert reason in why
    with pytest.raises(UserError, match=r"ratings: found no listener \(.*" + name):
        read(path)


def test_what_a_table_s_program_would_compute_is_not_taken_over(tmp_path):
    formula = '=HYPERLINK("http://x")'
    given = download(KEY, language=formula, headphones={"correct": formula, "of": 6})
    given["ratings"][0]["at"] = formula
    (listener,) = read(save(tmp_path / "a.json", given)).listeners
    assert listener.language is None
    assert listener.headphones is None
    assert [rating.at for rating in listener.ratings[:2]] == ["", "2026-01-01T00:00:00Z"]


def test_a_byte_order_mark_is_none_of_the_text(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(download(KEY)), encoding="utf-8-sig")
    assert len(read(path).listeners) == 1


def test_files_of_folders(tmp_path):
    KEY.write(tmp_path)
    save(tmp_path / "b.json", download(KEY))
    save(tmp_path / "ratings/c.json", download(KEY))
    assert find_files([tmp_path]) == [tmp_path / "b.json"]
    assert find_files([tmp_path / "b.json", tmp_path]) == [tmp_path / "b.json"]
    assert find_files([f"{tmp_path}/*/?.json"]) == [tmp_path / "ratings/c.json"]
    with pytest.raises(UserError, match=r"no file .*/\*.csv"):
        find_files([f"{tmp_path}/*.csv"])
    assert find_test([tmp_path / "ratings/c.json"]) == tmp_path.resolve()
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"no files of ratings in .*empty"):
        find_files([tmp_path / "empty"])
    with pytest.raises(UserError, match=r"no file .*gone"):
        find_files([tmp_path / "gone"])
    with pytest.raises(UserError, match="ratings: found nothing"):
        find_files([])


def test_a_test_that_is_not_above_the_ratings(tmp_path):
    path = save(tmp_path / "a.json", download(KEY))
    with pytest.raises(UserError, match=r"test: found no key.json above .*a.json"):
        find_test([path])


def test_the_key_is_read_as_it_was_written(tmp_path):
    KEY.write(tmp_path)
    assert read_key(tmp_path) == KEY
    assert KEY.range == (0, 100)
    assert KEY.sources == ["vocals", "bass"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "x"}, "found the format 'x'"),
        ({"scale": "stars"}, "found 'stars'.*, wanted one of mushra, mos"),
        ({"systems": []}, "found 'l2', wanted one of reference, anchor, mixture"),
        ({"trials": []}, "found no stimuli"),
        ({"trials": [{}]}, "found another content"),
        ({"trials": 3}, "found another content"),
    ],
)
def test_a_damaged_key(tmp_path, changes, message):
    KEY.write(tmp_path)
    path = tmp_path / "key.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(UserError, match=f"key.json: {message}"):
        read_key(tmp_path)
    path.write_text("{")
    with pytest.raises(UserError, match=r"key.json: found no JSON"):
        read_key(tmp_path)
