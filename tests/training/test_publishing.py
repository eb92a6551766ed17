"""The model card tells the scores of the model that is published, and of no other."""

import pytest
import yaml

from mss_keras.config import UserError
from mss_keras.training.publishing import scores_of

SUMMARY = (
    "method,source,sdr\nmodel-irm,vocals,1.5\nmodel-irm,rest,nan\nirm,vocals,9.5\nirm,rest,8\n"
)


def evaluation(folder, model="model-irm, weights 0123", summary=SUMMARY):
    (folder / "evaluation.yaml").write_text(yaml.safe_dump({"subset": "test", "model": model}))
    (folder / "summary.csv").write_text(summary)
    return folder


def test_a_model_that_is_called_like_an_oracle(tmp_path):
    told = scores_of(evaluation(tmp_path), "0123")
    assert (told["subset"], told["sdr"]) == ("test", {"vocals": 1.5, "rest": None})


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"model": "irm, weights 4567"}, "found scores of irm, weights 4567 in"),
        ({"model": None}, "found scores of no model in"),
        ({"summary": "method,source,snr\nmodel-irm,vocals,1\n"}, "found no SDR in"),
        ({"summary": "method,source,sdr\nmodel-irm,vocals,high\n"}, "found no SDR in"),
        ({"summary": "method,source,sdr\nmodel-irm\n"}, "found no SDR in"),
        ({"summary": "method,source,sdr\n"}, "found no scores of model-irm in"),
    ],
)
def test_other_evaluations_are_refused_in_one_line(changed, found, tmp_path):
    with pytest.raises(UserError, match=found) as error:
        scores_of(evaluation(tmp_path, **changed), "0123")
    assert "\n" not in str(error.value)
