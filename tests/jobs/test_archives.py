"""Archives that are damaged, or whose files want to lie elsewhere."""

import io
import tarfile
from typing import Any

import numpy as np
import pytest

from mss_keras.jobs.archives import BROKEN, unpack


@pytest.mark.parametrize("kind", ["gz", "xz"])
def test_every_damage_of_an_archive_is_found(tmp_path, kind):
    """Also where the files come out whole, or the damage lies behind the last of them."""
    (tmp_path / "saved_model.pb").write_bytes(np.random.default_rng(0).bytes(3000) + bytes(3000))
    mode: Any = f"w:{kind}"
    with tarfile.open(tmp_path / f"x.tar.{kind}", mode) as archive:
        archive.add(tmp_path / "saved_model.pb", "saved_model.pb")
    whole = (tmp_path / f"x.tar.{kind}").read_bytes()
    unpack(tmp_path / f"x.tar.{kind}", tmp_path / "out")
    for place in np.linspace(40, len(whole) - 1, 60).astype(int):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << (place % 8)
        (tmp_path / f"x.tar.{kind}").write_bytes(damaged)
        with pytest.raises(BROKEN):
            unpack(tmp_path / f"x.tar.{kind}", tmp_path / "out")


def test_damage_of_an_archive_without_checksums_raises_what_is_told(tmp_path):
    """Names, sizes and kinds of its files may be anything, and none of them lies elsewhere."""
    with tarfile.open(tmp_path / "x.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        for number in range(3):
            member = tarfile.TarInfo(f"{number}" + 60 * "a/b")
            member.size, member.pax_headers = 1, {"path": f"x/{number}", "size": "1"}
            archive.addfile(member, io.BytesIO(b"x"))
    whole, rng = (tmp_path / "x.tar").read_bytes(), np.random.default_rng(0)
    places = np.flatnonzero(np.frombuffer(whole, np.uint8))
    broken = 0
    for _ in range(500):
        damaged = bytearray(whole)
        damaged[rng.choice(places)] = rng.choice([*b"\x00\xff/.-0"])
        (tmp_path / "x.tar").write_bytes(damaged)
        try:
            unpack(tmp_path / "x.tar", tmp_path / "out")
        except BROKEN:
            broken += 1
    assert broken > 100
    assert sorted(x.name for x in tmp_path.iterdir()) == ["out", "x.tar"]


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
