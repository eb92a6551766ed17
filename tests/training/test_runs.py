import subprocess
import sys

import pytest

from mss_keras.config import AudioConfig, ModelConfig
from mss_keras.models.masking import MaskingModel
from mss_keras.models.model import SeparationModel

READS = """
import sys
from mss_keras.training import runs
print(runs.load(sys.argv[1]).count_params())
"""


# Those of this process have imported every module: a search's trials have not.
@pytest.mark.parametrize("kind", [MaskingModel, SeparationModel])
def test_a_saved_model_of_each_kind_is_read_by_a_process_that_knows_none(kind, tmp_path):
    model = kind(("noise", "speech"), AudioConfig(nfft=64, nhop=32), ModelConfig(hidden_size=4))
    model.build()
    model.save(tmp_path / "model.keras")
    reading = [sys.executable, "-c", READS, str(tmp_path / "model.keras")]
    done = subprocess.run(reading, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == model.count_params()
