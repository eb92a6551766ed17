"""Files that PyTorch writes, for the tests of their reader, and what PyTorch reads in them.

    pip install torch==1.13.1 'numpy<2'; python tests/benchmarks/record_torch_files.py
    pip install torch==2.13.0; python tests/benchmarks/record_torch_files.py

Writes tests/separation/torch_files/VERSION-NAME.pth and VERSION.npz. torch is too heavy for the
tests.
"""

import collections
import zipfile
from pathlib import Path

import numpy as np
import torch

FOLDER = Path(__file__).parents[1] / "separation/torch_files"


def states() -> dict[str, tuple[dict, dict]]:
    """What is saved, and how, by name."""
    torch.manual_seed(0)
    whole = torch.randn(4, 6)
    views = {
        "whole": whole,
        "transposed": whole.T,
        "column": whole[:, 2],
        "every_other": whole[1::2, ::3],
        "last": whole[3, 5],
        "none": whole[:0],
    }
    types = {
        str(dtype).removeprefix("torch."): torch.arange(-2, 4).to(dtype).reshape(2, 3)
        for dtype in (
            *(torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64),
            *(torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool),
        )
    }
    layer = torch.nn.LSTM(3, 2, bidirectional=True)
    module = torch.nn.Sequential(torch.nn.Linear(3, 2, bias=False), torch.nn.BatchNorm1d(2))
    optimizer = torch.optim.Adam(module.parameters())
    module(torch.randn(5, 3)).sum().backward()
    optimizer.step()
    training = {
        "epoch": 3,
        "loss": 0.25,
        "state_dict": module.state_dict(),
        "optimizer": optimizer.state_dict(),
        "history": [None, True, (1, 2**40)],
    }
    parameters = collections.OrderedDict(weight=torch.nn.Parameter(whole[:2].clone()))
    old = {"_use_new_zipfile_serialization": False}
    return {
        "views": (views, {}),
        "types": (types, {}),
        "layer": (layer.state_dict(), {}),
        "training": (training, {}),
        "parameters": (parameters, {}),
        "protocol4": (module.state_dict(), {"pickle_protocol": 4}),
        "views-old": (views, old),
        "types-old": (types, old),
        "training-old": (training, old),
    }


def swapped(source: Path, target: Path) -> None:
    """The same file as a big-endian machine writes it; torch reads it on any."""
    with zipfile.ZipFile(source) as read, zipfile.ZipFile(target, "w") as written:
        for info in read.infolist():
            content = read.read(info)
            if "/data/" in info.filename:
                content = np.frombuffer(content, "<f4").astype(">f4").tobytes()
            if info.filename.endswith("/byteorder"):
                content = b"big"
            written.writestr(info.filename, content)


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    version = torch.__version__.split("+")[0]
    new, paths = version >= "2.", []
    for name, (state, options) in states().items():
        paths.append(FOLDER / f"{version}-{name}.pth")
        torch.save(state, paths[-1], **options)
    if new:
        paths.append(FOLDER / f"{version}-big_endian.pth")
        swapped(FOLDER / f"{version}-views.pth", paths[-1])
    expected = {}
    for path in paths:
        # These files are our own; protocol 4 is not among what torch reads else.
        state = torch.load(path, map_location="cpu", **({"weights_only": False} if new else {}))
        for name, value in state.get("state_dict", state).items():
            value = value.detach()
            value = value.float() if value.dtype == torch.bfloat16 else value
            expected[f"{path.stem.removeprefix(f'{version}-')}/{name}"] = value.numpy()
    np.savez_compressed(FOLDER / f"{version}.npz", **expected)
    print(version, *(f"{path.name}: {path.stat().st_size} bytes" for path in paths), sep="\n")


if __name__ == "__main__":
    main()
