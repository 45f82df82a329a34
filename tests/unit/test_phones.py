"""Any usual spelling of a phone number is one number; logs see a part of it."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.phones import PHONE_CHARS_MAX, international_pattern, mask_phone, normalise_phone


@pytest.mark.parametrize(
    ("spelling", "phone"),
    [
        ("+79161234567", "+79161234567"),
        ("+7 916 123-45-67", "+79161234567"),
        ("+7 (916) 123 45 67", "+79161234567"),
        ("8 (916) 123-45-67", "+79161234567"),
        ("89161234567", "+79161234567"),
        ("9161234567", "+79161234567"),
        ("79161234567", "+79161234567"),
        ("tel:+7-916-123-45-67", "+79161234567"),
        ("\u202a+7\u00a0916\u00a0123\u201145\u201167\u202c", "+79161234567"),
        ("  +79161234567\n", "+79161234567"),
        ("\uff0b\uff17\uff19\uff11\uff16\uff11\uff12\uff13\uff14\uff15\uff16\uff17", "+79161234567"),
        ("+1 (415) 555-2671", "+14155552671"),
        ("0044 20 7946 0958", "+442079460958"),
        ("+44 (0)20 7946 0958", "+442079460958"),
        ("+49 30 123456", "+4930123456"),
    ],
)
def test_usual_spellings_mean_one_number(spelling, phone):
    assert normalise_phone(spelling, region="RU") == phone


@pytest.mark.parametrize(
    ("spelling", "region", "phone"),
    [("(415) 555-2671", "US", "+14155552671"), ("020 7946 0958", "GB", "+442079460958")],
)
def test_number_without_country_is_read_in_the_region(spelling, region, phone):
    assert normalise_phone(spelling, region=region) == phone


def test_normalised_number_stays_as_it_is():
    once = normalise_phone("8 916 123 45 67", region="RU")
    assert normalise_phone(once, region="US") == once


@pytest.mark.parametrize(("phone", "shown"), [("+79161234567", "+7916*****67"), ("+4930123456", "+4930****56")])
def test_masked_number_keeps_prefix_and_two_digits(phone, shown):
    assert mask_phone(phone) == shown


def test_masked_short_number_shows_no_more():
    assert "345" not in mask_phone("+29012345")


@pytest.mark.parametrize(
    "number", ["+79161234567", "+7 (916) 123-45-67", "79161234567", "0044 20 7946 0958", "+1 415.555.2671"]
)
def test_documented_pattern_knows_usual_spellings(number):
    assert re.search(international_pattern(), number)


@pytest.mark.parametrize(
    "number", ["", "123", "+7916123456", "+791612345678", "+9991234567", "+7-916-123-45-6x", "+79161234567*"]
)
def test_documented_pattern_knows_no_impossible_number(number):
    assert not re.search(international_pattern(), number)


@settings(derandomize=True, database=None, deadline=None, max_examples=400)
@given(
    st.from_regex(re.compile(international_pattern()[:-1] + r"\Z")).filter(lambda number: len(number) <= PHONE_CHARS_MAX),
    st.sampled_from(["RU", "US", "DE", "GB", "IT", "IN", "BR", "AR"]),
)
def test_whatever_fits_the_documented_pattern_is_a_possible_number(number, region):
    assert normalise_phone(number, region=region)
