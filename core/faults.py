"""What is wrong with a payload or a setting, in words: pydantic finds the faults, this is the one place that words them.

A message follows the name of its field in a sentence: "content.text must be at most 4096 characters". What must stay true:
no message repeats the value that was sent. To word another kind of fault: a line in :data:`_WORDS`.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from core.errors import Problem

REQUIRED: Final = "is required"
UNKNOWN_FIELD: Final = "is not a known field"
NO_STRING: Final = "must be a string"
NO_OBJECT: Final = "must be a JSON object"

PROBLEMS_SHOWN_MAX: Final = 20

_WORDS: Final[dict[str, str]] = {
    "missing": REQUIRED,
    "extra_forbidden": UNKNOWN_FIELD,
    "string_type": NO_STRING,
    "string_pattern_mismatch": "must match the pattern {pattern}",
    "string_unicode": "must be valid Unicode",
    "int_type": "must be an integer",
    "int_parsing": "must be an integer",
    "int_parsing_size": "must be a smaller integer",
    "int_from_float": "must be an integer",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "list_type": "must be an array",
    "dict_type": NO_OBJECT,
    "model_type": NO_OBJECT,
    "model_attributes_type": NO_OBJECT,
    "none_required": "must be null",
}
"""Kind of fault → its words; names in braces are of the fault's context."""
_LENGTHS: Final = {
    "string_too_short": ("at least", "min_length"),
    "string_too_long": ("at most", "max_length"),
    "too_short": ("at least", "min_length"),
    "too_long": ("at most", "max_length"),
}
_CHOICES: Final = {"literal_error": "expected", "enum": "expected", "union_tag_invalid": "expected_tags"}


def problems_of(faults: Iterable[Mapping[str, Any]]) -> list[Problem]:
    """pydantic's faults, the first of them, in the contract's form."""
    return [
        {"path": ".".join(str(part) for part in fault["loc"]), "message": in_words(fault)}
        for fault, _ in zip(faults, range(PROBLEMS_SHOWN_MAX), strict=False)
    ]


def in_words(fault: Mapping[str, Any]) -> str:
    """What is wrong, as the end of a sentence that begins with the field's name."""
    kind, context = fault["type"], fault.get("ctx", {})
    if kind in _WORDS:
        return _WORDS[kind].format(**context)
    if kind in _LENGTHS:
        return _length_in_words(kind, context)
    if kind in _CHOICES:
        return f"must be {one_of(_quoted(context[_CHOICES[kind]]))}"
    message: str = fault["msg"]
    return message.removeprefix("Value error, ")


def one_of(choices: Iterable[str]) -> str:
    """ "a, b or c"."""
    *first, last = choices
    return f"{', '.join(first)} or {last}" if first else last


def _length_in_words(kind: str, context: Mapping[str, Any]) -> str:
    """The length of a text is checked behind our own validators, where pydantic takes it for a collection ("Value")."""
    bound, key = _LENGTHS[kind]
    count = context[key]
    is_text = kind.startswith("string_") or context.get("field_type") == "Value"
    if count == 1 and bound == "at least":
        return "must not be empty"
    unit = "character" if is_text else "item"
    verb = "be" if is_text else "have"
    return f"must {verb} {bound} {count} {unit}{'' if count == 1 else 's'}"


def _quoted(listed: str) -> list[str]:
    """The words of pydantic's "'a', 'b' or 'c'"."""
    return [word for word in listed.split("'")[1::2] if word]
