"""The examples for Slurm and Kubernetes, as far as they can be tried without a cluster."""

import json
import os
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from mss_keras.training.machines import Cluster

TRAINER = Path(__file__).parents[2] / "trainer"


@pytest.fixture
def stand_ins(tmp_path, monkeypatch):
    """`srun` and `python` note what they are given, and end as FILE `code` says by turns."""
    script = (
        "#!/usr/bin/env bash\n"
        'echo "$TF_CONFIG|$*" >> "$FOLDER/given"\n'
        'code=$(head -n 1 "$FOLDER/codes"); sed -i 1d "$FOLDER/codes"; exit "${code:-0}"\n'
    )
    for name in ("srun", "python"):
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(script)
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FOLDER", str(tmp_path))
    monkeypatch.delenv("TF_CONFIG", raising=False)
    (tmp_path / "codes").write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("codes", "end", "attempts"),
    [([0], 0, 1), ([1, 1, 0], 0, 3), ([2], 2, 1), ([1] * 9, 1, 6), ([137, 0], 0, 2)],
)
def test_the_slurm_script_goes_on_unless_the_input_is_wrong(stand_ins, codes, end, attempts):
    (stand_ins / "codes").write_text("\n".join(map(str, codes)) + "\n")
    command = ["bash", str(TRAINER / "slurm.sh"), "--root", "a folder"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == end
    given = (stand_ins / "given").read_text().splitlines()
    assert len(given) == attempts
    wanted = "python -m trainer train --strategy multiworker --cluster slurm --root a folder"
    assert given[0].endswith(wanted)


def manifests():
    text = (TRAINER / "kubernetes.yaml").read_text()
    return {manifest["kind"]: manifest for manifest in yaml.safe_load_all(text)}


def test_the_manifests_are_those_of_kubernetes():
    found = manifests()
    assert set(found) == {"Service", "Job", "PersistentVolumeClaim"}
    for manifest in found.values():
        kubernetes_validate.validate(manifest, "1.30", strict=True)
    job, service = found["Job"]["spec"], found["Service"]
    pod = job["template"]
    assert service["spec"]["selector"] == pod["metadata"]["labels"]
    assert pod["spec"]["subdomain"] == service["metadata"]["name"]
    assert job["completions"] == job["parallelism"]
    (container,) = pod["spec"]["containers"]
    assert container["env"][0]["value"] == str(job["completions"])
    claim = pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"]
    assert claim == found["PersistentVolumeClaim"]["metadata"]["name"]


def test_the_pods_name_each_other(stand_ins, monkeypatch):
    job = manifests()["Job"]
    (container,) = job["spec"]["template"]["spec"]["containers"]
    monkeypatch.setenv("COUNT", container["env"][0]["value"])
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "1")
    subprocess.run([*container["command"], *container["args"]], check=True)
    text, _, arguments = (stand_ins / "given").read_text().strip().partition("|")
    monkeypatch.setenv("TF_CONFIG", text)
    cluster = Cluster.of("tf-config")
    assert cluster.index == 1
    # POD-INDEX.SUBDOMAIN, as a Job of this name has it.
    name = job["metadata"]["name"]
    assert list(cluster.addresses) == [f"{name}-{i}.{name}:8888" for i in range(2)]
    assert json.loads(text)["task"]["type"] == "worker"
    assert "train --strategy multiworker" in arguments
