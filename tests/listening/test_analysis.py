"""What ratings say: means, agreement, and correlations of metrics with them."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from listening_tests import SIMULATION, download, make_key, make_test, save, write_scores

from mss_keras.config import CorrelationConfig, UserError
from mss_keras.listening import report, wording
from mss_keras.listening.analysis import analyse
from mss_keras.listening.correlations import ALL, correlate
from mss_keras.listening.means import (
    agreement,
    mean_ratings,
    stimulus_means,
    t_interval,
    with_others,
)
from mss_keras.listening.ratings import find_files, read_ratings
from mss_keras.listening.scores import read_scores
from mss_keras.reports.pages import Picture, Table

QUICK = CorrelationConfig(resamples=200)


def analysis_of(folder, key, settings=QUICK):
    ratings = read_ratings(find_files([folder / "ratings"]), key)
    return analyse(ratings, read_scores([str(folder / "scores")], key), key, settings=settings)


def values_of(found, source=ALL, coefficient="spearman"):
    table = found.correlations.table
    chosen = table[(table["source"] == source) & (table["coefficient"] == coefficient)]
    return chosen.set_index("metric")


def test_the_metric_that_listeners_go_by_ranks_first(tmp_path):
    key = make_key(excerpts=5)
    listeners = dataclasses.replace(SIMULATION, metric="snr", careless=2)
    make_test(tmp_path, key, listeners, agreement=0.5)
    found = analysis_of(tmp_path, key)
    assert list(dict.fromkeys(found.items["kind"])) == ["mixture", "l2", "sisdr", "logl1"]
    assert len(found.screening.excluded) == 2
    assert found.simulated.startswith("Simulated")
    assert next(iter(found.correlations.ranking()["metric"])) == "snr"
    for coefficient in ("pearson", "spearman", "kendall"):
        values = values_of(found, coefficient=coefficient)
        assert values.loc["snr", "low"] > values.loc["sdr", "high"]
        assert values.loc["snr", "first"] == 1


def test_signs_are_those_of_agreement(tmp_path):
    """`l1_time` falls where `sdr` rises, and both agree with who goes by `sdr`."""
    key = make_key()
    make_test(tmp_path, key)
    found = values_of(analysis_of(tmp_path, key))
    assert found.loc["sdr", "value"] > 0.9
    assert found.loc["l1_time", "value"] == pytest.approx(found.loc["sdr", "value"])
    assert found.loc["l1_time", "rank"] == found.loc["sdr", "rank"] == 1
    assert found.loc["sdr", "first"] == pytest.approx(1 / 3)
    assert list(found["stimuli"]) == [32] * 3


def items_of(excerpts=6, systems=4, *, seed=0, true=0.7):
    generator = np.random.default_rng(seed)
    rows = []
    for excerpt in range(excerpts):
        for _ in range(systems):
            quality, other = generator.normal(size=2)
            rating = 50 + 10 * (true * quality + np.sqrt(1 - true**2) * other)
            source = "bass" if excerpt % 2 else "vocals"
            track = f"song {excerpt}"
            rows.append(
                {"track": track, "source": source, "rating": rating, "sdr": quality, "snr": other}
            )
    return pd.DataFrame(rows)


def test_each_value_is_scipy_s():
    items = items_of()
    table = correlate(items, ["sdr", "snr"], QUICK).table
    assert len(table) == 3 * 2 * 3  # scopes, metrics, coefficients
    bass = items[items["source"] == "bass"]
    for rows, scope in ((items, ALL), (bass, "bass")):
        found = table[(table["source"] == scope) & (table["metric"] == "snr")]
        named = found.set_index("coefficient")["value"]
        pair = rows["snr"], rows["rating"]
        assert named["pearson"] == pytest.approx(scipy.stats.pearsonr(*pair).statistic)
        assert named["spearman"] == pytest.approx(scipy.stats.spearmanr(*pair).statistic)
        assert named["kendall"] == pytest.approx(scipy.stats.kendalltau(*pair).statistic)


def test_the_true_correlation_lies_in_the_interval():
    """In 95 of 100 simulated tests; whole excerpts are drawn anew."""
    within = 0
    for seed in range(60):
        settings = CorrelationConfig(resamples=200, seed=seed)
        items = items_of(8, seed=seed).assign(source="vocals")
        row = correlate(items, ["sdr"], settings).table.iloc[0]
        assert row["coefficient"] == "pearson"
        assert row["low"] < row["value"] < row["high"]
        within += row["low"] <= 0.7 <= row["high"]
    assert within >= 53


def test_the_same_seed_gives_the_same_intervals():
    items = items_of()
    first, again = (correlate(items, ["sdr"], QUICK).table for _ in range(2))
    pd.testing.assert_frame_equal(first, again)
    other = correlate(items, ["sdr"], dataclasses.replace(QUICK, seed=1)).table
    assert (first["value"] == other["value"]).all()
    assert (first["low"] != other["low"]).all()


def test_scores_that_are_not_finite_are_counted_and_take_no_part():
    items = items_of()
    items.loc[[0, 5], "sdr"] = np.nan
    items.loc[7, "sdr"] = np.inf
    items["silent"] = np.nan
    items = items.rename(columns={"silent": "l1_time"})
    found = correlate(items, ["sdr", "l1_time"], QUICK)
    ranking = found.ranking()
    assert ranking["metric"].to_list() == ["sdr", "l1_time"]
    assert ranking["stimuli"].to_list() == [21, 0]
    assert ranking["missing"].to_list() == [3, 24]
    known = items[np.isfinite(items["sdr"])]
    expected = scipy.stats.spearmanr(known["sdr"], known["rating"]).statistic
    assert ranking["value"].to_list() == pytest.approx([expected, np.nan], nan_ok=True)
    assert ranking["rank"].to_list() == pytest.approx([1, np.nan], nan_ok=True)
    assert ranking["first"].to_list() == [1, 0]


def test_what_agrees_with_nobody_is_not_said_to_agree(tmp_path):
    key = make_key()
    make_test(tmp_path, key)
    path = tmp_path / "scores/tracks.csv"
    table = pd.read_csv(path)
    table[["method", "track", "source", "sdr"]].to_csv(path, index=False)
    one = wording.answer(analysis_of(tmp_path, key))
    assert one.startswith("sdr agrees with the ratings (Spearman's ρ 0.9")
    assert one.endswith("; no other metric has a correlation.")
    turned = table.assign(sdr=-table["sdr"], snr=-table["snr"])
    turned[["method", "track", "source", "sdr", "snr"]].to_csv(path, index=False)
    text = wording.answer(analysis_of(tmp_path, key))
    assert text.startswith("No metric agrees with the ratings; the first (Spearman's ρ -0.")
    assert "best" not in text


def test_why_agreement_cannot_be_told(tmp_path):
    key = make_key(excerpts=1)
    write_scores(key, tmp_path / "scores")
    for name in "ab":
        given = download(key, name * 32)
        save(tmp_path / f"ratings/{name}.json", given)
    (line,) = wording.agreement(analysis_of(tmp_path, key))
    assert line.endswith("listeners: 2, stimuli that all of them rated: 8, all alike.")


def test_metrics_of_unlike_stimuli_are_said_in_the_answer(tmp_path):
    key = make_key()
    make_test(tmp_path, key)
    found = analysis_of(tmp_path, key)
    assert "unlike" not in wording.answer(found)
    scores = read_scores([str(tmp_path / "scores")], key)
    scores.table.loc[3, "snr"] = np.nan
    read = read_ratings(find_files([tmp_path / "ratings"]), key)
    lacking = analyse(read, scores, key, settings=QUICK)
    assert "Not all metrics have scores of the same stimuli" in wording.answer(lacking)


def test_no_share_is_rounded_to_all(tmp_path):
    key = make_key()
    make_test(tmp_path, key)
    settings = dataclasses.replace(QUICK, confidence=0.995, allowed_share=0.125)
    found = analysis_of(tmp_path, key, settings)
    assert "99.5% interval" in wording.answer(found)
    assert any("(99.5%)" in line for line in wording.methods(found))
    assert "more than 12.5% of" in found.screening.rules[0]
    picture = Picture(bytes(24), "alt", "caption")
    page = report.page(found, dict.fromkeys(("mos", "scatter", "correlations"), picture))
    parts = [part for section in page.sections for part in section.parts]
    assert any("intervals over" in part.columns for part in parts if isinstance(part, Table))


def test_ratings_that_are_all_alike_have_no_correlation(tmp_path):
    key = make_key()
    key.write(tmp_path)
    write_scores(key, tmp_path / "scores")
    save(tmp_path / "ratings/a.json", download(key))
    found = analysis_of(tmp_path, key)
    assert found.correlations.table["value"].isna().all()
    assert found.correlations.table["low"].isna().all()
    assert found.means["low"].notna().any()


def test_one_listener(tmp_path):
    key = make_key(sources=("vocals",))
    make_test(tmp_path, key, dataclasses.replace(SIMULATION, listeners=1))
    found = analysis_of(tmp_path, key)
    assert set(found.means["unit"]) == {"excerpts"}
    assert found.means["low"].notna().all()
    assert any("a single listener" in note for note in found.notes)
    assert np.isnan(found.agreement.kendalls_w)
    assert found.listeners["with others"].isna().all()
    assert values_of(found).loc["sdr", "value"] > 0.5
    own, together = (found.correlations.ranking(source) for source in ("vocals", ALL))
    assert own["metric"].to_list() == together["metric"].to_list()
    assert own["value"].to_list() == together["value"].to_list()
    assert not found.correlations.sources


def test_one_system(tmp_path):
    key = make_key(systems=("l2",))
    make_test(tmp_path, key)
    alone = analysis_of(tmp_path, key, dataclasses.replace(QUICK, mixture=False))
    assert values_of(alone)["stimuli"].to_list() == [8] * 3
    assert any("l2 alone is compared" in note for note in alone.notes)
    both = analysis_of(tmp_path, key)
    assert values_of(both)["stimuli"].to_list() == [16] * 3
    assert not any("alone" in note for note in both.notes)


def test_missing_ratings_are_counted(tmp_path):
    key = make_key()
    make_test(tmp_path, key, dataclasses.replace(SIMULATION, missing=0.3))
    found = analysis_of(tmp_path, key)
    missing = 14 * 8 * 6 - len(found.ratings)
    assert missing > 100
    said = f"{missing} of {14 * 8 * 6} ratings are missing; mean ratings of stimuli are what"
    assert any(note.startswith(said) for note in found.notes)
    assert found.incomplete
    assert values_of(found).loc["sdr", "value"] > 0.8
    assert found.items["ratings"].min() < 14


def test_few_excerpts_of_a_source_are_said(tmp_path):
    key = make_key(excerpts=4)
    make_test(tmp_path, key)
    few = "fewer than 5 excerpts of vocals, bass: intervals of a single source may be too narrow"
    assert any(note.startswith(few) for note in analysis_of(tmp_path, key).notes)


def test_who_stops_early_does_not_lift_what_was_left(tmp_path):
    """A severe listener leaves out the last excerpts: these are no better for it."""
    key = make_key()
    key.write(tmp_path)
    write_scores(key, tmp_path / "scores")
    severe = download(key, "b" * 32)
    for rating in severe["ratings"]:
        rating["rating"] -= 30 * (rating["rating"] == 50)
    severe["ratings"] = severe["ratings"][:30]
    save(tmp_path / "ratings/a.json", download(key))
    save(tmp_path / "ratings/b.json", severe)
    found = analysis_of(tmp_path, key)
    assert found.items["rating"].to_numpy() == pytest.approx(35)
    assert sorted(set(found.items["ratings"])) == [1, 2]


def test_means_of_stimuli_are_plain_where_all_rated_and_least_squares_elsewhere():
    values = np.random.default_rng(0).integers(0, 100, [7, 5]).astype(float)
    table = long_table(values)
    means = stimulus_means(table)
    assert means.to_list() == values.mean(axis=1).tolist()
    missing = table.drop(index=[0, 1, 8, 17, 30])
    stimuli, listeners = (pd.get_dummies(missing[x], dtype=float) for x in ("stimulus", "listener"))
    together = np.concatenate([stimuli, listeners], axis=1)
    best = np.linalg.lstsq(together, missing["rating"].to_numpy(), rcond=None)[0]
    assert stimulus_means(missing).to_numpy() == pytest.approx(best[:7] + best[7:].mean())


def test_who_stopped_early_takes_no_part_in_agreement():
    values = [[1.0, 1, 1], [2, 3, np.nan], [5, 4, np.nan], [3, 2, np.nan]]
    found = agreement(long_table(values).dropna())
    assert (found.listeners, found.stimuli, found.incomplete) == (2, 4, 1)
    whole = agreement(long_table([row[:2] for row in values]))
    assert found.kendalls_w == whole.kendalls_w
    assert found.icc_mean == whole.icc_mean
    crossed = agreement(long_table([[1, np.nan], [2, 2], [3, 4], [np.nan, 5]]).dropna())
    assert (crossed.listeners, crossed.stimuli, crossed.incomplete) == (2, 2, 0)


def test_no_listener_is_left(tmp_path):
    key = make_key()
    make_test(tmp_path, key, dataclasses.replace(SIMULATION, listeners=2, careless=2))
    with pytest.raises(UserError, match="2 listeners, all left out by the rules, wanted others"):
        analysis_of(tmp_path, key)
    kept = analysis_of(tmp_path, key, dataclasses.replace(QUICK, keep_all=True))
    assert kept.ratings["kept"].all()


def test_student_s_interval_in_closed_form():
    values = np.array([40.0, 50, 60, 70])
    low, high = t_interval(values, 0.95)
    half = 3.182446 * np.sqrt(500 / 3) / 2  # t of 3 degrees of freedom
    assert (low, high) == pytest.approx((55 - half, 55 + half), rel=1e-6)
    ours = scipy.stats.t.interval(0.9, 3, loc=55, scale=scipy.stats.sem(values))
    assert t_interval(values, 0.9) == pytest.approx(ours)
    assert t_interval(np.array([3.0, 3, 3]), 0.95) == (3, 3)
    assert np.isnan(t_interval(np.array([3.0]), 0.95)).all()


def test_listeners_count_alike_whatever_they_rated():
    rows = [("a", "x", 10), ("a", "y", 30), ("b", "x", 80)]
    table = pd.DataFrame(rows, columns=["listener", "track", "rating"])
    found = mean_ratings(table.assign(source="bass", kind="l2"), 0.95).iloc[0]
    assert found["mean"] == 50
    assert found[["listeners", "excerpts", "ratings"]].to_list() == [2, 2, 3]


def long_table(values):
    return pd.DataFrame(
        [
            {"stimulus": f"s{row}", "listener": f"l{column}", "rating": value}
            for (row, column), value in np.ndenumerate(np.array(values))
        ]
    )


def test_agreement_is_that_of_shrout_and_fleiss():
    """Their table 2 and the values of its table 4."""
    judged = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    found = agreement(long_table(judged))
    assert (found.listeners, found.stimuli) == (4, 6)
    assert round(found.icc_single, 2) == 0.29
    assert round(found.icc_mean, 2) == 0.62
    # Friedman's statistic is m (n − 1) W, ties and all.
    theirs = scipy.stats.friedmanchisquare(*np.array(judged)).statistic
    assert found.kendalls_w == pytest.approx(theirs / (4 * 5))


def test_agreement_is_1_where_all_rate_alike_and_unknown_of_one():
    rows = [[1, 1, 1], [2, 2, 2], [5, 5, 5]]
    found = agreement(long_table(rows))
    assert (found.kendalls_w, found.icc_single, found.icc_mean) == (1, 1, 1)
    assert np.isnan(agreement(long_table([[1], [2], [3]])).kendalls_w)
    assert with_others(long_table(rows)).to_list() == [1, 1, 1]
    against = with_others(long_table([[1, 1, 3], [2, 2, 2], [5, 5, 1]]))
    assert against["l2"] == pytest.approx(-1)
