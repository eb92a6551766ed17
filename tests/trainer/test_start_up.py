import subprocess
import sys

from trainer.start_up import OPTIONAL

RUNS = """
import sys
from trainer.__main__ import main
main(["devices"])
assert "keras" in sys.modules
print("loaded", sorted(set(sys.argv[1:]) & set(sys.modules)))
import pandas, sklearn, matplotlib
import keras
keras.layers.Dense(2).build([None, 3])
"""


def test_keras_is_imported_without_what_it_can_do_without_and_others_have_it():
    done = subprocess.run(
        [sys.executable, "-c", RUNS, *OPTIONAL], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "loaded []" in done.stdout
    alone = subprocess.run([sys.executable, "-c", "import sys, keras; print(*sys.modules)"],
        capture_output=True, text=True, check=True)  # fmt: skip
    assert set(alone.stdout.split()) >= OPTIONAL  # or there is nothing left to hide
