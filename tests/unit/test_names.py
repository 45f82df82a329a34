"""Names: what is in one can be seen and is read as it stands; usernames that are nobody's."""

import re

import pytest

from core.names import NAME_PATTERN, clean_name, fit_name, refuse_reserved

NAMES = [
    "Anna", "Анна-Мария", "  Anna  ", "محمد", "می‌خواهم", "이름", "葛\U000e0100城", "O'Neil", "Two\nlines", "a.txt", "~",
    "👨‍👩‍👧‍👦", "❤️", "1️⃣ first", "🏳️‍🌈 club", "🇷🇺", "👍🏽", "क्‍ष", "é",
]  # fmt: skip
NO_NAMES = [
    "", " ", "\u00a0\u3000", "\u115f", "\u1160", "\u2800", "\u3164", "\uffa0", "\u200b", "\u200d", "\ufe0f", "\u00ad",
    "\U000e0041", "\u202eAnna", "An\u202ana", "Anna\u2066", "\u200fAnna", "\u061cAnna", "An\u200bna", "Anna\ufeff",
    "Anna\u3164", "Anna\u200d", "\u200dAnna", "An\u200d\u200dna", "Anna \u200d", "Anna\ufe0f\ufe0f", "Anna\x00",
    "An\U000e0061na", "Anna\u2028", "Anna\u034f", "\x1b[31mAnna", "Anna\U0001d173",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_name_that_is_seen_as_it_stands_is_kept(name: str):
    assert fit_name(name) == name
    assert clean_name(name) == name.replace("\n", "")


@pytest.mark.parametrize("name", NO_NAMES)
def test_name_that_hides_something_is_refused(name: str):
    with pytest.raises(ValueError, match="must not contain invisible"):
        fit_name(name)


@pytest.mark.parametrize("name", NO_NAMES)
def test_what_is_left_of_a_hidden_name_is_a_name_or_nothing(name: str):
    left = clean_name(name)
    assert left == "" or fit_name(left) == left


@pytest.mark.parametrize("name", [*NAMES, *(name for name in NO_NAMES if name)])
def test_documents_say_the_same_by_their_pattern(name: str):
    assert bool(re.search(NAME_PATTERN.removesuffix("$") + r"\Z", name)) == (name in NAMES)


def test_long_name_is_judged_at_once():
    with pytest.raises(ValueError, match="must not"):
        fit_name("a " * 50_000 + "\u200b")


@pytest.mark.parametrize(
    "username", ["admin", "Support", "MOLVA", "sec_urity", "m_o_d_e_r_a_t_o_r", "molva_support", "molvabot"]
)
def test_reserved_username_is_nobodys(username: str):
    with pytest.raises(ValueError, match="reserved"):
        refuse_reserved(username)


@pytest.mark.parametrize("username", ["anna_k", "adminka", "molvanian", "supportive"])
def test_name_that_only_begins_like_a_reserved_one_is_free(username: str):
    assert refuse_reserved(username) == username
