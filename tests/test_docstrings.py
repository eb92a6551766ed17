"""A docstring names only what exists: every name in backticks resolves.

A name may be, in this order of search,

- a parameter of the function or constructor, or an attribute of its type;
- an attribute of the class, be it set in the class, in a constructor or in a base;
- an attribute of the module, a public class or function of the three packages, or a builtin;
- a dotted path of the packages, or of a library that is named first (`keras.Model.fit`);
- a field of a specification, a loss, domain or source, a command, a flag;
- a file of the tree, or a string of the code: a file of a run, a key of a dictionary, a value
  of an option.

What is no name is left alone: text with spaces, brackets, quotes or operators (`[batch, bins]`,
`a * b`), numbers, suffixes (`.wav`), single letters, and words with a part in capitals, which
stands for something else (`SONG/SOURCE.wav`).
"""

import ast
import builtins
import dataclasses
import importlib.util
import inspect
import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("mss_keras", "serving", "trainer")
MODULES = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
# By the names that docstrings write; what stands before a dot has to be here.
LIBRARIES = {
    **{name: name for name in ("av", "grpc", "keras", "keras_tuner", "numpy", "tensorflow")},
    **{"np": "numpy", "tf": "tensorflow", "hub": "tensorflow_hub"},
}
# Named for comparison, and not there for the tests (museval wants ffmpeg).
PEERS = {"museval", "openunmix", "torch"}
NAME = re.compile(r"[A-Za-z_]\w+(\.[A-Za-z_]\w*)*")
FILE = re.compile(
    r"[\w./-]*\w\.(csv|h5|json|keras|log|md|npz|pb|png|py|tex|wav|yaml|yml)|[\w./-]+/"
)
PLACEHOLDER = re.compile(r"(?<![a-zA-Z])[A-Z]{2,}(?![a-zA-Z])")
DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
MISSING = object()


def docstring_of(node: ast.AST) -> Any:
    """The constant that holds a docstring, or None."""
    if not isinstance(node, (ast.Module, *DEFINITIONS)) or ast.get_docstring(node) is None:
        return None
    (first, *_) = node.body
    return first.value if isinstance(first, ast.Expr) else None


def spans(source: str) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """Line, text and place (names of classes and functions) of all that stands in backticks."""

    def walk(node: Any, place: tuple[str, ...]) -> Iterator[tuple[int, str, tuple[str, ...]]]:
        if docstring := docstring_of(node):
            for match in re.finditer(r"`+([^`]+)`+", docstring.value):
                line = docstring.lineno + docstring.value[: match.start()].count("\n")
                yield line, " ".join(match[1].split()), place
        children: Any = ast.iter_child_nodes(node)
        for child in children:
            named = isinstance(child, DEFINITIONS)
            yield from walk(child, (*place, child.name) if named else place)

    yield from walk(ast.parse(source), ())


def strings_of(source: str) -> set[str]:
    """Every string of the code, docstrings left out."""
    nodes = list(ast.walk(ast.parse(source)))
    docstrings = [docstring_of(node) for node in nodes]
    return {
        node.value
        for node in nodes
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and not any(node is docstring for docstring in docstrings)
    }


def set_on_self(source: str) -> dict[str, set[str]]:
    """Attributes that methods set on `self`, by the name of the class."""
    return {
        node.name: {
            target.attr
            for target in ast.walk(node)
            if isinstance(target, ast.Attribute)
            and isinstance(target.ctx, ast.Store)
            and isinstance(target.value, ast.Name)
            and target.value.id == "self"
        }
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ClassDef)
    }


class Names:
    """All that docstrings may name, wherever they stand."""

    def __init__(self):
        from mss_keras import config, losses
        from trainer.table import COMMANDS

        sources = [path.read_text() for path in MODULES]
        self.strings = set().union(*map(strings_of, sources))
        self.attributes: dict[str, set[str]] = {}
        for source in sources:
            for name, attributes in set_on_self(source).items():
                self.attributes.setdefault(name, set()).update(attributes)
        modules = [importlib.import_module(module_of(path)) for path in MODULES]
        self.public = {
            name: value
            for module in modules
            for name, value in vars(module).items()
            if getattr(value, "__module__", None) == module.__name__ and not name.startswith("_")
        }
        groups = [group for group in vars(config).values() if dataclasses.is_dataclass(group)]
        self.words = {field.name for group in groups for field in dataclasses.fields(group)}
        self.words |= {*losses.names(), *config.DOMAINS, *config.SOURCES, *COMMANDS}
        self.files = [path.as_posix() for name in PACKAGES for path in (ROOT / name).rglob("*")]

    def attribute(self, value: Any, name: str) -> Any:
        """An attribute of a value, or of the objects of a class; `MISSING` if there is none."""
        if hasattr(value, name):
            return getattr(value, name)
        if inspect.isclass(value):
            for kind in value.__mro__:
                if name in self.attributes.get(kind.__name__, ()):
                    return None
                if name in getattr(kind, "__annotations__", {}):
                    return self._type(kind.__annotations__[name], kind)
        elif inspect.ismodule(value):
            try:
                return importlib.import_module(f"{value.__name__}.{name}")
            except ImportError:
                return MISSING
        return MISSING

    @staticmethod
    def _type(annotation: Any, near: Any) -> Any:
        # A class where the annotation is one, or None: any attribute will do.
        if isinstance(annotation, str):
            annotation = vars(inspect.getmodule(near)).get(annotation)
        return annotation if inspect.isclass(annotation) else None

    def scope(self, module: Any, place: tuple[str, ...]) -> tuple[dict[str, Any], Any]:
        """The parameters that a place sees, with their types, and the class it stands in."""
        parameters: dict[str, Any] = {}
        value, owner = module, None
        for name in place:
            value = inspect.unwrap(vars(value).get(name, value))
            # A property, a static or class method: its function.
            value = getattr(value, "fget", None) or getattr(value, "__func__", value)
            owner = value if inspect.isclass(value) else owner
            try:
                found = inspect.signature(value).parameters
            except (TypeError, ValueError):
                continue
            parameters |= {
                name: self._type(parameter.annotation, module) for name, parameter in found.items()
            }
        return parameters, owner

    def resolves(self, word: str, module: Any, place: tuple[str, ...]) -> bool:
        """Whether something has this name in a docstring of a module's class or function."""
        head, *rest = word.split(".")
        parameters, owner = self.scope(module, place)
        starts = [
            parameters.get(head, MISSING),
            self.attribute(owner, head) if owner else MISSING,
            self.attribute(module, head),
            self.public.get(head, MISSING),
            getattr(builtins, head, MISSING),
        ]
        if head in LIBRARIES or head in PACKAGES:
            starts.append(importlib.import_module(LIBRARIES.get(head, head)))
        for value in starts:
            for name in rest:
                if value is not MISSING and value is not None:
                    value = self.attribute(value, name)
            if value is not MISSING:
                return True
        return word in self.words or (not rest and importlib.util.find_spec(head) is not None)

    def exists(self, text: str, module: Any, place: tuple[str, ...]) -> bool:
        """Whether a text in backticks is a name that exists, or is no name."""
        if command := re.fullmatch(r"python -m ([\w.]+)(?: ([a-z][a-z-]*))?(?: .*)?", text):
            known = command[2] is None or command[1] != "trainer" or command[2] in self.words
            return known and importlib.util.find_spec(command[1]) is not None
        if flag := re.fullmatch(r"--([a-z][a-z-]*)(\.\w+)*", text):
            return flag[1].replace("-", "_") in self.words
        text = re.sub(r"\(.*\)$", "", text)  # of a call, the function
        if text in self.strings or (NAME.fullmatch(text) and self.resolves(text, module, place)):
            return True
        head = text.split(".")[0]
        if head in PEERS or (PLACEHOLDER.search(text) and head not in self.public):
            return True
        if FILE.fullmatch(text):
            written = any(text.strip("/") in string.split("/") for string in self.strings)
            return written or any(file.endswith(f"/{text}") for file in self.files)
        return not NAME.fullmatch(text)


def module_of(path: Path) -> str:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return name.removesuffix(".__init__")


@pytest.fixture(scope="module")
def names() -> Names:
    return Names()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_names_in_docstrings_exist(path, names):
    module = importlib.import_module(module_of(path))
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {word}"
        for line, word, place in spans(path.read_text())
        if not names.exists(word, module, place)
    ]
    assert not wrong, "\n".join(wrong)


BREACHES = '''
"""See `Separator.fit`, `mss_keras.losses`, `history.csv`, `a + b`, `SONG/x.wav` and `batch_size`.

But `absent`, `Separator.absent`, `mss_keras.absent`, `absent.csv`, `--absent`,
`python -m trainer absent`.
"""

class Pair:
    """With `first`, and no `second`."""

    def __init__(self, first):
        self.first = first
'''


def test_names_that_do_not_exist_are_found(names):
    module = types.ModuleType("breaches")
    exec(BREACHES, module.__dict__)
    wrong = [
        (line, word)
        for line, word, place in spans(BREACHES)
        if not names.exists(word, module, place)
    ]
    assert wrong == [
        (4, "absent"),
        (4, "Separator.absent"),
        (4, "mss_keras.absent"),
        (4, "absent.csv"),
        (4, "--absent"),
        (5, "python -m trainer absent"),
        (9, "second"),
    ]
