"""URLs in messages: no credentials, no query, no token in the path."""

import pytest

from domain.urls import MAX_SHOWN_CHARACTERS, shown, without_secrets

TOKEN = "8f14e45fceea167a5a36dedd4bea2543"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.com/hook", "https://example.com/hook"),
        ("https://ann:pw@example.com/hook?token=pw#pw", "https://***@example.com/hook?***"),
        ("https://a;b:pw@example.com/", "https://***@example.com/"),
        (f"https://hooks.example.com/services/T1/B2/{TOKEN}", "https://hooks.example.com/services/T1/B2/***"),
        (f"https://example.com/{TOKEN}/send", "https://example.com/***/send"),
        (f"https://api.example.com/bot123:{TOKEN}/send", "https://api.example.com/***/send"),
        ("https://example.com/a;jsessionid=1", "https://example.com/a;***"),
        ("https://a-host-with-a-very-long-name.example.com/", "https://a-host-with-a-very-long-name.example.com/"),
    ],
)
def test_a_url_is_shown_without_what_can_be_secret(url: str, expected: str) -> None:
    assert shown(url) == expected


def test_a_url_is_shown_up_to_a_bound() -> None:
    assert len(shown("https://example.com/" + "a/" * 9_999)) == MAX_SHOWN_CHARACTERS


def test_each_url_of_a_text_is_shown_so() -> None:
    text = f"GET https://ann:pw@a.example/x?k={TOKEN} failed, see postgresql://ann:{TOKEN}@db/x and //ann:{TOKEN}@c/"
    assert without_secrets(text) == "GET https://***@a.example/x?*** failed, see postgresql://***@db/x and //***@c/"
    assert without_secrets("no URL: a/b, 1?2") == "no URL: a/b, 1?2"
