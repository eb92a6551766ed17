import dataclasses
from typing import Literal

import pytest

from mss_keras import config
from mss_keras.config import SECTIONS, UserError
from mss_keras.config.fields import choices

SPECIFICATIONS = [value for name, value in vars(config).items() if name.endswith("Config")]
SPECIFICATIONS.remove(config.RunConfig)
FIELDS = [field for group in SPECIFICATIONS for field in dataclasses.fields(group)]


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_every_field_has_a_help_text_and_a_section_of_the_help(field):
    text = field.metadata["help"]
    assert text[0].isupper() or text.startswith(("auto", "NAME"))
    assert not text.endswith(".")
    assert field.metadata["section"] in SECTIONS


def test_every_section_has_an_everyday_flag():
    everyday = {field.metadata["section"] for field in FIELDS if field.metadata["everyday"]}
    assert everyday == set(SECTIONS)


@pytest.mark.parametrize(
    ("annotation", "names"),
    [
        (Literal["a", "b"], ("a", "b")),
        (Literal["a"] | None, ("a",)),
        (tuple[Literal["a", "b"], ...], ("a", "b")),
        (tuple[str, ...], ()),
        (float | None, ()),
    ],
)
def test_choices(annotation, names):
    assert choices(annotation) == names


def values_of(field, name):
    return (name,) if choices(field.type) and str(field.type).startswith("tuple") else name


@pytest.mark.parametrize(
    ("group", "field"),
    [(g, f) for g in SPECIFICATIONS for f in dataclasses.fields(g) if choices(f.type)],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_name_that_a_field_does_not_admit_is_answered_by_the_closest(group, field):
    name = choices(field.type)[0]
    found = values_of(field, name + "x")
    with pytest.raises(UserError, match=f"{field.name}: found '{name}x'.*did you mean {name}") as e:
        group(**{field.name: found})
    assert e.value.field == field.name
    assert all(choice in str(e.value) for choice in choices(field.type))
    assert getattr(group(**{field.name: values_of(field, name)}), field.name)
