"""Phone numbers: any usual spelling in, E.164 out (``+79161234567``), by Google's numbering plans (phonenumbers)."""

import re
from collections import defaultdict
from functools import cache
from typing import Any

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

PHONE_CHARS_MAX = 40

_DIGIT = "(?:[ ().-]{0,2}[0-9])"
"""A digit of a national number, and what people write before it."""
_SPELLING = re.compile(
    r"(?:tel:)?[\d\s+\uff0b()\uff08\uff09\[\]./~\u00ad\u200b-\u200f\u2010-\u2015\u202a-\u202e\u2060-\u2069\u2212\uff0d-]+",
    re.I,
)
"""Digits, what people put between them, and the invisible marks that come along when a number is copied."""
_IMPOSSIBLE = "must be a valid phone number with its country code, like +79161234567"


def normalise_phone(text: str, *, region: str) -> str:
    """``text`` in E.164.

    A number without ``+`` is read as one of ``region`` (ISO 3166, ``"RU"``), then as an international one that lost its
    plus. A number must be possible (a country that exists, a length that it uses); whether somebody was given it only
    the code that is sent to it can tell. ``ValueError`` otherwise.
    """
    if len(text) > PHONE_CHARS_MAX:
        raise ValueError(f"must be at most {PHONE_CHARS_MAX} characters")
    bare = text.strip()
    if not _SPELLING.fullmatch(bare):  # phonenumbers looks past what surrounds a number, and reads letters as keys
        raise ValueError(_IMPOSSIBLE)
    readings: list[tuple[str, str | None]] = [(bare, region), ("+" + bare.removeprefix("00"), None)]
    if bare.startswith("00"):  # dialled from abroad; nowhere the start of a national number
        del readings[0]
    for spelling, country in readings:
        try:
            number = phonenumbers.parse(spelling, country)
        except phonenumbers.NumberParseException:
            continue
        possible = phonenumbers.is_possible_number_with_reason(number) == phonenumbers.ValidationResult.IS_POSSIBLE
        if possible and not number.extension:
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    raise ValueError(_IMPOSSIBLE)


@cache
def international_pattern() -> str:
    """A regular expression (ECMA 262) for mobile numbers with their country code; each match is a possible number.

    :func:`normalise_phone` takes more: national spellings, by its ``region``, and rarer lengths. It takes 0.1 s to make.
    """
    codes_by_lengths: dict[tuple[int, ...], list[str]] = defaultdict(list)
    for code, regions in COUNTRY_CODE_TO_REGION_CODE.items():
        plan: Any = PhoneMetadata.metadata_for_region_or_calling_code(code, regions[0])
        lengths = plan.mobile.possible_length if plan.mobile else ()
        if not lengths or min(lengths) < 0:  # a service of no country, or a plan without mobile numbers
            lengths = plan.general_desc.possible_length
        codes_by_lengths[lengths].append(str(code))
    plans = (f"(?:{'|'.join(codes)}){_digits(lengths)}" for lengths, codes in sorted(codes_by_lengths.items()))
    return rf"^(?:\+|00)?(?:{'|'.join(plans)})[ ().-]{{0,2}}$"


def _digits(lengths: tuple[int, ...]) -> str:
    """The pattern of as many digits as one of ``lengths``, which are in order."""
    spans: list[list[int]] = []
    for length in lengths:
        if spans and spans[-1][1] == length - 1:
            spans[-1][1] = length
        else:
            spans.append([length, length])
    counts = (f"{{{first}}}" if first == last else f"{{{first},{last}}}" for first, last in spans)
    return f"(?:{'|'.join(_DIGIT + count for count in counts)})"


def country_of(phone: str) -> str | None:
    """The country (ISO 3166) that a number in E.164 belongs to; ``None`` for what belongs to none.

    Of countries that share a calling code and cannot be told apart by the number, the main one.
    """
    number = phonenumbers.parse(phone, None)
    country = phonenumbers.region_code_for_number(number) or phonenumbers.region_code_for_country_code(
        number.country_code or 0
    )
    return None if country in {"ZZ", "001"} else country


def prefix_of(phone: str) -> str:
    """The block of a hundred thousand numbers that one in E.164 is in."""
    return phone[:-5]


def mask_phone(phone: str) -> str:
    """The form for logs: country prefix and the last two digits, ``+7916*****67``."""
    return f"{phone[:5]}{'*' * max(0, len(phone) - 7)}{phone[-2:]}"
