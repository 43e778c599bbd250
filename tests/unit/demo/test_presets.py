"""Each preset is what it says: what the bus makes of it is tested where there is one."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from bus.messages import SsoPayload
from host.demo.pages.presets import PRESETS, Preset, groups, preset

BY_KEY = {each.key: each for each in PRESETS}
READ = [each for each in PRESETS if each.editable()]


def message(key: str) -> dict[str, Any]:
    return json.loads(BY_KEY[key].text.replace("$origin", "http://localhost:8000"))


def test_names_are_unique_and_found() -> None:
    assert len(BY_KEY) == len(PRESETS)
    assert all(preset(each.key) is each for each in PRESETS)
    assert preset("own") is None


def test_every_preset_is_in_a_group() -> None:
    assert {each.group for each in PRESETS} == set(groups())


@pytest.mark.parametrize("each", READ, ids=lambda each: each.key)
def test_what_may_be_changed_is_json(each: Preset) -> None:
    assert isinstance(json.loads(each.text), dict)


@pytest.mark.parametrize("key", ["date", "cycle", "large"])
def test_what_json_cannot_say_is_shown_only(key: str) -> None:
    assert not BY_KEY[key].editable()
    with pytest.raises(json.JSONDecodeError):
        json.loads(BY_KEY[key].text)


@pytest.mark.parametrize("key", ["valid", "twice", "ports"])
def test_a_good_payload_is_good(key: str) -> None:
    SsoPayload.model_validate(message(key)["payload"])


@pytest.mark.parametrize("key", ["redirect", "unknown-key", "proto", "deep"])
def test_a_bad_payload_is_bad(key: str) -> None:
    with pytest.raises(ValidationError):
        SsoPayload.model_validate(message(key)["payload"])
