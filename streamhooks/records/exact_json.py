"""JSON whose numbers and texts are sent unchanged.

orjson reads a number as 64 bits and writes its own form of it: `18446744073709551616` becomes `1.8446744073709552e+19`,
`1.10` becomes `1.1`. It refuses half a surrogate pair, which JavaScript writes when it cuts an emoji in two. What users
write must not change, so the standard library reads such JSON instead. It turns a number that orjson would change into
an `ExactNumber`, and keeps half a surrogate in the text. All other JSON takes orjson alone: JSON that orjson writes
back unchanged, such as most of our own, and JSON without such a number at a first look.
"""

from __future__ import annotations

import json
import re
from json.encoder import encode_basestring_ascii
from typing import Any, NoReturn

import orjson

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# Without digits, signs and white space, a fraction or an exponent directly follows what may precede a value. All that
# may precede a value becomes a colon, and all that begins a fraction or an exponent a point, so one search finds each.
_DROPPED = b"0123456789- \t\r\n"
_ALIKE = bytes.maketrans(b",[eE", b"::..")
_FRACTION_OR_EXPONENT = re.compile(rb":\.{1,2}\+?[:\]}]")
_SAME_DIGITS = bytes.maketrans(b"123456789", b"0" * 9)
_19_DIGITS = b"0" * 19
_NUMBER_OF_19_DIGITS = re.compile(rb"[:,\[\s]-?0{19}")
_MINUS_ZERO = re.compile(rb"-0[\s,\]}]")
# orjson writes no longer float.
_LONGEST_FLOAT = 25
_INTEGERS = range(-(2**63), 2**64)
_NOT_ASCII = re.compile(r"[^\x00-\x7e]+")


class ExactNumber:
    """A JSON number that orjson would write in another form, kept as it was written."""

    # Not a dataclass: orjson would write it by itself, as an object.
    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    @property
    def is_integer(self) -> bool:
        """Tell whether it is written without a fraction and an exponent."""
        return self.text.removeprefix("-").isdigit()

    def __float__(self) -> float:
        return float(self.text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ExactNumber) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"ExactNumber({self.text!r})"


def loads(text: bytes | str) -> Any:
    """Return the value of the JSON; a byte order mark before it is skipped.

    Raises json.JSONDecodeError.
    """
    data = text if isinstance(text, bytes) else text.encode(errors="surrogatepass")
    data = data.removeprefix(BYTE_ORDER_MARK)
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        try:
            return _carefully(data)
        except ValueError:
            raise error from None
    return value if _is_written_as(value, data) or not may_change(data) else _carefully(data)


def dumps(value: Any, option: int = 0) -> bytes:
    """Return compact JSON, with each `ExactNumber` as it was written and half a surrogate escaped.

    `option` is an option of orjson, such as `orjson.OPT_INDENT_2`.

    Raises orjson.JSONEncodeError for values that JSON does not have, and for more than 254 levels.
    """
    try:
        data = orjson.dumps(value, _number_as_written, option)
    except orjson.JSONEncodeError:
        data = orjson.dumps(_surrogates_escaped(value), _number_as_written, option)
    # A copy: the bytes from orjson keep its whole buffer in memory, at least 4 KB.
    return bytes(memoryview(data))


def in_ascii(data: bytes) -> bytes:
    """Return the JSON with each character beyond ASCII, and DEL, escaped: the bytes of Python's `json.dumps`."""
    if data.isascii() and b"\x7f" not in data:
        return data
    return _NOT_ASCII.sub(lambda found: encode_basestring_ascii(found[0])[1:-1], data.decode()).encode()


def may_change(data: bytes) -> bool:
    """Tell whether the JSON may contain a number that orjson would change; never False if it does.

    The first look takes a tenth of the time of a pattern, and is enough for most texts.
    """
    if data[:1] not in (b"{", b"["):
        return True
    bare = data.translate(_ALIKE, _DROPPED)
    if b":." in bare and _FRACTION_OR_EXPONENT.search(bare):
        return True
    zeros = data.translate(_SAME_DIGITS)
    if _19_DIGITS in zeros and _NUMBER_OF_19_DIGITS.search(zeros):
        return True
    return b"-0" in data and _MINUS_ZERO.search(data) is not None


def _is_written_as(value: Any, data: bytes) -> bool:
    try:
        return orjson.dumps(value) == data
    except orjson.JSONEncodeError:  # nested too deep
        return False


def _carefully(data: bytes) -> Any:
    try:
        return _DECODER.decode(data.decode())
    except UnicodeDecodeError:
        raise json.JSONDecodeError("str is not valid UTF-8", "", 0) from None
    except RecursionError:
        raise json.JSONDecodeError("nested too deep", "", 0) from None


def _float(text: str) -> float | ExactNumber:
    if len(text) <= _LONGEST_FLOAT and orjson.dumps(value := float(text)) == text.encode():
        return value
    return ExactNumber(text)


def _integer(text: str) -> int | ExactNumber:
    # A longer one does not fit into 64 bits, and may be too long for `int`.
    if text != "-0" and len(text) <= 20 and (value := int(text)) in _INTEGERS:
        return value
    return ExactNumber(text)


def _refuse(constant: str) -> NoReturn:
    raise json.JSONDecodeError(f"{constant} is not a JSON number", "", 0)


_DECODER = json.JSONDecoder(parse_float=_float, parse_int=_integer, parse_constant=_refuse)


def _number_as_written(value: object) -> orjson.Fragment:
    if isinstance(value, ExactNumber):
        return orjson.Fragment(value.text)
    raise TypeError


def _surrogates_escaped(value: Any) -> Any:
    """Return the value with each text that contains half a surrogate pair as a fragment of JSON."""
    if isinstance(value, str):
        return value if is_unicode(value) else orjson.Fragment(encode_basestring_ascii(value))
    if isinstance(value, list | tuple):
        return [_surrogates_escaped(one) for one in value]
    if not isinstance(value, dict):
        return value
    if all(not isinstance(name, str) or is_unicode(name) for name in value):
        return {name: _surrogates_escaped(one) for name, one in value.items()}
    members = (encode_basestring_ascii(name).encode() + b":" + dumps(one) for name, one in value.items())
    return orjson.Fragment(b"{" + b",".join(members) + b"}")


def is_unicode(text: str) -> bool:
    """Tell whether the text contains no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
