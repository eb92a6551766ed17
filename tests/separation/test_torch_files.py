"""PyTorch's files: what PyTorch reads in its own, and nothing of what else may be in one."""

import os
import pickle
import pickletools
import re
import struct
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "models"))
from pth import FLOAT, REBUILD, Call, Storage, named, pickled

from mss_keras.config import UserError
from mss_keras.separation.torch_files import read

FILES = Path(__file__).with_name("torch_files")
SAVED = sorted(FILES.glob("*.pth"))
DEEP = b")" + 200 * b"q\x00h\x00\x86"  # pairs of the pair before, whose hash takes for ever
ZIPPED, IN_A_ROW = FILES / "2.13.0-types.pth", FILES / "2.13.0-types-old.pth"


def expected(path):
    version, _, name = path.stem.partition("-")
    with np.load(FILES / f"{version}.npz") as arrays:
        return {key.partition("/")[2]: arrays[key] for key in arrays if key.startswith(f"{name}/")}


def refused(path):
    with pytest.raises(UserError) as caught:
        read(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: found ")
    assert text.endswith("wanted a file of tensors that PyTorch saved")
    assert "\n" not in text
    return text


@pytest.mark.parametrize("path", SAVED, ids=lambda path: path.stem)
def test_what_pytorch_reads_is_read(path):
    found, wanted = read(path), expected(path)
    assert list(found) == list(wanted)
    for name, array in wanted.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array, strict=True)


def test_there_are_files_of_both_forms_and_versions():
    assert len(SAVED) == 19
    assert {path.read_bytes()[:2] for path in SAVED} == {b"PK", b"\x80\x02"}


def tensor(size=4, offset=0, shape=(2, 2), strides=(2, 1), key="0", kind=FLOAT):
    storage = Storage(kind, key, size)
    return Call(REBUILD, (storage, offset, shape, strides, False, OrderedDict()))


@pytest.fixture
def written(tmp_path):
    """A zip archive of a value or of a pickle's bytes, and of storages."""

    def write(value, members=None, compression=zipfile.ZIP_STORED):
        content = value if isinstance(value, bytes) else pickled(value)
        floats = np.arange(4, dtype="<f4").tobytes()
        with zipfile.ZipFile(tmp_path / "x.pth", "w", compression) as archive:
            archive.writestr("x/data.pkl", content)
            for name, more in {"data/0": floats, **(members or {})}.items():
                archive.writestr(f"x/{name}", more)
        return tmp_path / "x.pth"

    return write


def test_a_file_of_our_own_making_is_read(written):
    found = read(written({"a": tensor(), "b": tensor(shape=(2,), strides=(2,), offset=1), "c": 3}))
    np.testing.assert_array_equal(found["a"], [[0, 1], [2, 3]])
    np.testing.assert_array_equal(found["b"], [1, 3])
    assert list(found) == ["a", "b"]


def test_nothing_that_a_pickle_names_is_called(written, tmp_path):
    victim = tmp_path / "victim"
    harm = [
        Call(os.system, (f"touch {victim}",)),
        Call(eval, (f"open({str(victim)!r}, 'w')",)),
        Call(named("torch.hub.load"), ("a", "b")),
        Call(named("torch.nn.modules.linear.Linear"), (1, 1)),
        Call(OrderedDict, (), Call(os.system, ("true",))),
        Call(tuple, ([1],)),
        Call(getattr, (OrderedDict, "__subclasses__")),
    ]
    for each in harm:
        assert "found the name " in refused(written({"a": each}))
    assert not victim.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"cos\nsystem\n(S'true'\ntR.",
        b"(S'true'\nios\nsystem\n.",
        b"\x80\x02(cos\nsystem\nX\x04\x00\x00\x00trueo.",
        b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85\x81.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
        b"\x80\x02\x82\x01.",
        b"\x80\x05\x96\x04\x00\x00\x00\x00\x00\x00\x00abcd.",
        b"\x80\x02ccollections\nOrderedDict\n}X\x01\x00\x00\x00aK\x01sb.",
        b"\x80\x02ctorch\nFloatStorage\n)R.",
        b"\x80\x02K\x01)R.",
        b"\x80\x02ctorch._utils\n_rebuild_parameter\nN}\x86b.",
    ],
)
def test_instructions_that_build_and_call_are_refused(written, content):
    refused(written(content))


FOLLOWED = (
    r"PROTO|FRAME|STOP|MARK|NONE|NEW(TRUE|FALSE)|(STACK_)?GLOBAL|REDUCE|BINPERSID|BUILD|MEMOIZE|"
    r"BININT[12]?|LONG[14]|BINFLOAT|(SHORT_)?BIN(UNICODE|STRING)|BINUNICODE8|EMPTY_(DICT|LIST)|"
    r"EMPTY_TUPLE|TUPLE[123]?|(APPEND|SETITEM)S?|(LONG_)?BIN(PUT|GET)"
)


def test_every_other_instruction_is_refused(written):
    for operation in pickletools.opcodes:
        count = operation.arg.n if operation.arg else 0
        argument = bytes(count) if count >= 0 else b"0\n0\n" if count == -1 else bytes(8)
        content = b"\x80\x02NN(NN" + operation.code.encode("latin1") + argument + b"}."
        if not re.fullmatch(FOLLOWED, operation.name):
            refused(written(content))


def test_attributes_of_dictionaries_are_forgotten(written):
    state = Call(OrderedDict, (), {"items": None, "get": None, "__class__": None})
    content = pickled({"state_dict": state})
    assert read(written(content)) == {}


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"offset": 1}, "its storage does not hold"),
        ({"offset": -1}, "are no numbers"),
        ({"strides": (3, 1)}, "its storage does not hold"),
        ({"strides": (-2, 1)}, "are no numbers"),
        ({"strides": (2,)}, "2 axes, 1 strides"),
        ({"shape": (2**40, 2**40), "strides": (0, 0)}, "its storage does not hold"),
        ({"shape": (10**100, 0)}, "are no numbers"),
        ({"shape": (1,) * 100, "strides": (0,) * 100}, "100 axes"),
        ({"shape": [2, 2]}, "without storage, shape"),
        ({"shape": (True, 2)}, "are no numbers"),
        ({"shape": ("2", 2)}, "are no numbers"),
        ({"size": 2**60}, "bytes for"),
        ({"size": 5}, "16 bytes for 5 numbers"),
        ({"size": -4}, "told otherwise"),
        ({"key": "../../etc/passwd"}, "an archive without data/../../etc/passwd"),
        ({"key": 0}, "told otherwise"),
        ({"kind": "FloatStorage"}, "told otherwise"),
        ({"kind": named("torch.UntypedStorage")}, "the name torch.UntypedStorage"),
        ({"kind": REBUILD}, "told otherwise"),
    ],
)
def test_tensors_that_their_storage_does_not_hold(written, wrong, reason):
    assert reason in refused(written({"a": tensor(**wrong)}))


def test_what_would_take_for_ever_or_all_memory(written, tmp_path):
    assert "neither text nor whole number" in refused(written(b"\x80\x02}" + DEEP + b"K\x01s."))
    shape = b"ctorch._utils\n_rebuild_tensor\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n"
    shape += b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQK\x00" + DEEP + DEEP + b"tR."
    assert "are no numbers" in refused(written(b"\x80\x02" + shape))
    assert refused(written(b"\x80\x02ccollections\nOrderedDict\n" + DEEP + b"\x85R."))
    endless: list = []
    endless.append(endless)
    assert read(written({"a": endless})) == {}
    assert refused(written(endless))
    # Memory for 2^32 memos, texts of 4 GB and of 2^62 bytes, a number of 2^31 bytes.
    assert read(written(b"\x80\x02}r\xff\xff\xff\xff.")) == {}
    assert refused(written(b"\x80\x02X\xff\xff\xff\xffabc."))
    assert refused(written(b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b"abc."))
    assert refused(written(b"\x80\x02\x8b\xff\xff\xff\x7fabc."))
    assert "too long" in refused(written(b"\x80\x02" + b"N" * 2_100_000 + b"."))
    assert refused(written(b"\x80\x02" + b"(" * 100_000))


def test_calls_with_the_same_long_list_again_and_again(written):
    pair = b"X\x01\x00\x00\x00aK\x01\x86q\x00"
    pairs = b"\x80\x02](" + pair + b"h\x00" * 500_000 + b"eq\x01"
    name = b"ccollections\nOrderedDict\n"
    again = name + b"q\x02" + b"h\x02h\x01\x85R" * 1000
    assert "too long" in refused(written(pairs + again + b"."))
    # A pair that is as long, in a list of as many.
    assert "damaged" in refused(written(pairs + name + b"](" + b"h\x01" * 500_000 + b"e\x85R."))


def test_tensors_of_one_storage(written):
    """Two may share it; by thousands that do a small file would take all memory."""
    members = {"data/0": bytes(4000)}
    shared = {str(i): tensor(size=1000, shape=(1000,), strides=(1,)) for i in range(5000)}
    assert "more numbers in the tensors than the file can have" in refused(written(shared, members))
    few = {name: shared[name] for name in ("0", "1")}
    assert list(read(written(few, members))) == ["0", "1"]


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_bombs_of_compressed_files(written, method):
    """What they say of their size may be wrong."""
    path = written({"a": tensor(size=2_500_000)}, {"data/0": bytes(10_000_000)}, method)
    content = path.read_bytes()
    assert len(content) < 100_000
    assert "an archive whose files are compressed" in refused(path)
    path.write_bytes(content.replace(struct.pack("<I", 10_000_000), struct.pack("<I", 16)))
    assert "an archive whose files are compressed" in refused(path)


def test_an_archive_of_many_entries_of_one_content(written):
    path = written({"a": tensor()}, {"data/0": bytes(10000)})
    content = bytearray(path.read_bytes())
    start = content.rindex(b"PK\x01\x02", 0, content.rindex(b"PK\x05\x06"))
    end = content.rindex(b"PK\x05\x06")
    entries = content[start:end] * 50
    first = content.index(b"PK\x01\x02")
    record = bytearray(content[end:])
    struct.pack_into("<HHI", record, 8, 51, 51, start - first + len(entries))
    path.write_bytes(content[:start] + entries + record)
    assert "more in the archive than its size" in refused(path)


def test_what_a_file_says_is_shown_without_its_control_characters(written):
    text = refused(written(b"\x80\x02c\x1b[2Jos\nsystem\r.\n."))
    assert "the name [2Jos.system ." in text


@pytest.mark.parametrize("path", [ZIPPED, IN_A_ROW], ids=lambda path: path.stem)
def test_files_that_end_early_or_are_damaged(path, tmp_path):
    whole, cut = path.read_bytes(), tmp_path / "cut.pth"
    for size in range(0, len(whole) - 1, 7):
        cut.write_bytes(whole[:size])
        refused(cut)
    rng, wanted = np.random.default_rng(0), expected(path)
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] ^= 1 << int(rng.integers(8))
        cut.write_bytes(damaged)
        try:
            found = read(cut)
        except UserError as error:
            assert "\n" not in str(error)  # noqa: PT017
        else:  # nothing tells that a number in a row of numbers is another
            assert len(found) <= len(wanted)


def test_other_files(tmp_path, written):
    other = tmp_path / "other.pth"
    for content in (b"", b"hello", b"PK\x03\x04", b"\x80\x02}.", bytes(1000), pickle.dumps({})):
        other.write_bytes(content)
        refused(other)
    assert "found a damaged pickle, wanted" in refused(written(b"\x80\x02h\x05."))
    assert "no dictionary of tensors" in refused(written([tensor()]))
    assert "no dictionary of tensors" in refused(written({"state_dict": 3}))
    assert "0 files data.pkl" in refused(_archive(other, {"y/other": b""}))
    assert "2 files data.pkl" in refused(_archive(other, {"x/data.pkl": b"", "y/data.pkl": b""}))
    assert "byte order" in refused(written({"a": tensor()}, {"byteorder": b"middle"}))
    assert "No such file" in refused(tmp_path / "gone.pth")


def _archive(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_storages_in_a_row_that_are_told_in_two_ways(tmp_path):
    path, content = tmp_path / "old.pth", IN_A_ROW.read_bytes()
    head = b"".join(map(pickled, (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})))
    assert content.startswith(head[:20])
    floats = struct.pack("<q4f", 4, 0, 1, 2, 3)

    def saved(value, keys=("0",), rest=floats):
        path.write_bytes(head + pickled(value) + pickled([*keys]) + rest)
        return path

    np.testing.assert_array_equal(read(saved({"a": tensor()}))["a"], [[0, 1], [2, 3]])
    other = path.read_bytes().replace(pickled(1001), pickled(1002))
    path.write_bytes(other)
    assert "found another beginning" in refused(path)
    double = tensor(kind=named("torch.DoubleStorage"))
    assert "in two ways" in refused(saved({"a": tensor(), "b": double}))
    assert "5 numbers for 4" in refused(saved({"a": tensor()}, rest=struct.pack("<q", 5)))
    assert refused(saved({"a": tensor()}, keys=()))
    assert refused(saved({"a": tensor()}, keys=("1",)))
    assert refused(saved({"a": tensor()}, keys=(0,)))
    path.write_bytes(head + pickled({"a": tensor()}) + b"\x80\x02](" + DEEP + b"e." + floats)
    assert "key of a storage that is no text" in refused(path)
    assert refused(saved({"a": tensor()}, rest=floats[:-1]))
    part = Call(REBUILD, (Storage(FLOAT, "0", 4, ("1", 0, 2)), 0, (2,), (1,)))
    assert "told otherwise" in refused(saved({"a": part}))
