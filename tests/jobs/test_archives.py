"""Archives that are damaged, or whose files want to lie elsewhere."""

import io
import tarfile

import numpy as np
import pytest

from mss_keras.jobs.archives import BROKEN, unpack


def test_every_damage_of_an_archive_is_found(tmp_path):
    """Also where the files come out whole, or the damage lies behind the last of them."""
    (tmp_path / "saved_model.pb").write_bytes(np.random.default_rng(0).bytes(3000) + bytes(3000))
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "saved_model.pb", "saved_model.pb")
    whole = (tmp_path / "x.tar.gz").read_bytes()
    unpack(tmp_path / "x.tar.gz", tmp_path / "out")
    for place in np.linspace(40, len(whole) - 1, 60).astype(int):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << (place % 8)
        (tmp_path / "x.tar.gz").write_bytes(damaged)
        with pytest.raises(BROKEN):
            unpack(tmp_path / "x.tar.gz", tmp_path / "out")


def test_files_stay_in_the_folder(tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        for name in ("a/b", "../c", "/d", "a/../../e"):
            member = tarfile.TarInfo(name)
            member.size = 1
            archive.addfile(member, io.BytesIO(b"x"))
        link = tarfile.TarInfo("f")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    unpack(tmp_path / "x.tar", tmp_path / "out")
    found = sorted(str(x.relative_to(tmp_path)) for x in tmp_path.rglob("*"))
    assert found == ["out", "out/a", "out/a/b", "x.tar"]
