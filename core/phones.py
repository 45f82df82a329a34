"""Phone numbers: any usual spelling in, E.164 out (``+79161234567``), by Google's numbering plans (phonenumbers)."""

import phonenumbers

PHONE_CHARS_MAX = 40


def normalise_phone(text: str, *, region: str) -> str:
    """``text`` in E.164.

    A number without ``+`` is read as one of ``region`` (ISO 3166, ``"RU"``), then as an international one that lost its
    plus. A number must be possible (a country that exists, a length that it uses); whether somebody was given it only
    the code that is sent to it can tell. ``ValueError`` otherwise.
    """
    if len(text) > PHONE_CHARS_MAX:
        raise ValueError("is too long for a phone number")
    bare = text.strip()
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
    raise ValueError("is not a possible phone number; write it with its country code, like +79161234567")


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
