"""The option table and its resolution."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from alignprops import InputError
from alignprops.config import Configuration, resolve
from alignprops.options import OPTIONS, PROFILES


def test_every_option_is_a_field_of_the_configuration() -> None:
    """The table and the class cannot drift apart; the profile adds `max_seconds`."""
    names = {item.name for item in fields(Configuration)}

    assert {option.dest for option in OPTIONS} == names - {"origins", "max_seconds"}


def test_defaults_are_those_of_the_dev_profile() -> None:
    """Nothing given gives what `Configuration()` says."""
    resolved = resolve({}, environment={})

    assert resolved.to_json().keys() == Configuration().to_json().keys()
    assert {k: v["value"] for k, v in resolved.to_json().items()} == {
        k: v["value"] for k, v in Configuration().to_json().items()
    }


def test_ci_is_a_profile_of_its_own() -> None:
    """`CI` in the environment makes the run strict, unless a profile is named."""
    assert resolve({}, environment={"CI": "true"}).strict is True
    assert resolve({}, environment={"CI": "true", "ALIGNPROPS_PROFILE": "dev"}).profile == "dev"
    assert resolve({}, environment={"CI": ""}).profile == "dev"


def test_the_profile_fills_in_what_is_not_given() -> None:
    """A number that is given beats the profile's; its strictness stays."""
    resolved = resolve({"profile": "thorough", "max_examples": "7"}, environment={})

    assert (resolved.max_examples, resolved.strict) == (7, PROFILES["thorough"].strict)
    assert resolved.origins["max_examples"] == "command line"
    assert resolved.origins["strict"] == "profile"


@pytest.mark.parametrize("weakest", range(3))
def test_the_strongest_source_wins(weakest: int) -> None:
    """Command line > environment > ini."""
    sources = [{"seed": "1"}, {"ALIGNPROPS_SEED": "2"}, {"seed": "3"}]
    given = [source if index >= weakest else {} for index, source in enumerate(sources)]

    resolved = resolve(given[0], environment=given[1], ini=given[2])

    assert resolved.seed == weakest + 1
    assert resolved.origins["seed"] == ("command line", "environment", "ini")[weakest]


@pytest.mark.parametrize(
    ("ini", "message"),
    [
        ({"strict": "maybe"}, "alignprops_strict in the ini file: 'maybe' is not one of true, false"),
        ({"tier": "top"}, "alignprops_tier in the ini file: 'top' is not one of symbolic, toy, model"),
        ({"max_examples": "0"}, "alignprops_max_examples in the ini file: '0' is not an integer of at least 1"),
    ],
)
def test_a_bad_value_is_told_with_its_place(ini: dict[str, str], message: str) -> None:
    """What was given, where, and what was expected."""
    with pytest.raises(InputError, match=message):
        resolve({}, environment={}, ini=ini)


def test_the_engine_gets_its_settings() -> None:
    """Seed, numbers and strictness arrive."""
    settings = resolve({"seed": "5", "strict": True, "max_examples": "9"}, environment={}).settings

    assert (settings.seed, settings.strict, settings.max_examples) == (5, True, 9)


def test_the_report_folder_is_a_path() -> None:
    """And plain text in JSON."""
    resolved = resolve({"report_dir": "out"}, environment={})

    assert resolved.report_dir == Path("out")
    assert resolved.to_json()["report_dir"] == {"value": "out", "origin": "command line"}
