"""JSON from a backend."""

import json
from typing import Any

import pytest

from bus.json_text import parse_json


@pytest.mark.parametrize(
    "text",
    [
        "null", "true", "false", "0", "-1", "1.5", '""', '"x"', "[]", "{}", " \t\r\n[1 , 2]\n",
        '{"a":{"b":[1,null,true,"\\u00e9\\n\\ud83d\\ude00"]}}', '{"a":1,"a":2}', '{"":0}',
        '"\u2028\x7f\U0001f600"', '{"__proto__":{"x":1}}', "1E+2", "1e-999", "123456789012345678901234567890",
    ],
)  # fmt: skip
def test_json_is_read_as_it_stands(text: str) -> None:
    assert parse_json(text.encode()) == json.loads(text)


@pytest.mark.parametrize(
    "number",
    ["0.1", "1.7976931348623157e308", "-1.7976931348623157e308", "5e-324", "2.2250738585072014e-308",
     "9007199254740993", "-9007199254740993", "3.141592653589793", "1e21", "0.30000000000000004"],
)  # fmt: skip
def test_numbers_survive_to_double_precision(number: str) -> None:
    value: Any = parse_json(number.encode())
    assert float(value) == float(number)


def test_a_byte_order_mark_is_passed_over() -> None:
    assert parse_json(b'\xef\xbb\xbf{"a":1}') == {"a": 1}


BAD = {
    "nothing": b"",
    "only space": b" \n",
    "only a byte order mark": b"\xef\xbb\xbf",
    "two byte order marks": b"\xef\xbb\xbf\xef\xbb\xbf1",
    "html": b"<!doctype html><p>oops",
    "text": b"Internal Server Error",
    "NaN": b"NaN",
    "Infinity": b"Infinity",
    "-Infinity": b"-Infinity",
    "NaN inside": b'{"a":[NaN]}',
    "Infinity inside": b'{"a":[Infinity]}',
    "a float that overflows": b"1e309",
    "a float that overflows, inside": b'{"a":[0,-1e309]}',
    "an int that overflows": b"1" + b"0" * 309,
    "an int that overflows, inside": b"[[1" + b"0" * 309 + b"]]",
    "an int of 5000 digits": b"9" * 5000,
    "a lone surrogate": rb'"\ud800"',
    "a lone surrogate as a key": rb'{"\udc00":1}',
    "invalid UTF-8": b'"\xff"',
    "UTF-8 of a surrogate": b'"\xed\xa0\x80"',
    "UTF-8 cut short": b'"\xc3"',
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "trailing comma": b"[1,]",
    "trailing text": b"{} {}",
    "cut short": b'{"a":',
    "single quotes": b"{'a':1}",
    "a comment": b"/* */1",
    "a control character in a string": b'"\n"',
    "leading zero": b"01",
    "no-break space": b"\xc2\xa01",
    "a zero byte": b"1\0",
    "very deep": b"[" * 100_000,
    "very deep, closed": b"[" * 100_000 + b"]" * 100_000,
    "very deep objects": b'{"a":' * 50_000,
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
def test_all_else_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - which one, nobody looks at
        parse_json(body)


@pytest.mark.parametrize("depth", [64, 150])
def test_deep_json_is_json(depth: int) -> None:
    value: Any = parse_json(b'{"a":[' * (depth // 2) + b"]}" * (depth // 2))
    for _ in range(depth // 2):
        [value] = value["a"] or [None]
    assert value is None


def test_a_wide_body_is_no_trouble() -> None:
    body = b"[" + b"0," * 500_000 + b"0]"
    value: Any = parse_json(body)
    assert len(value) == 500_001
