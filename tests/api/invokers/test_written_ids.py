"""IDs of invocations, as they are written in answers and URLs."""

from urllib.parse import quote, unquote

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.invokers.written_ids import read, written

KEYS = [
    "trip 7",
    "été",
    "a%2Fb",
    "a%20b",
    "a+b",
    "a?b=c#d",
    "=41",
    "a&b;c",
    "荷物",
    "👨\u200d👩\u200d👧",
    "bob@example.com",
    '"\\"',
    "...",
]


@pytest.mark.parametrize("plain", ["booking:trip12", "user-feed:a-b_c.d~0f", "package-tracker:1~t-0-17@1"])
def test_an_id_of_plain_characters_is_itself(plain: str) -> None:
    assert written(plain) == plain


PRINTABLE = st.characters(exclude_categories=["C", "Z"]) | st.just(" ")


@given(st.text(PRINTABLE))
def test_any_key_is_read_back_from_an_id_that_is_the_same_percent_decoded(text: str) -> None:
    assert read(written(text)) == text
    assert unquote(written(text)) == written(text)
    assert written(text).isascii()


@given(st.text(PRINTABLE.filter(lambda character: character != "=")))
def test_a_key_without_escapes_can_be_read_as_it_is(text: str) -> None:
    assert read(text) == text


@pytest.mark.parametrize("key", KEYS)
async def test_one_form_is_in_header_and_body_and_can_be_pasted_into_a_url(http: httpx2.AsyncClient, key: str) -> None:
    path = f"/PackageTracker/{quote(key, safe='')}/updateLocation"
    body = {"timestamp": "2024-10-10 13:00", "location": "Paris"}
    for query in ("", "?delay=1h"):
        sent = await http.post(f"{path}/send{query}", json=body)
        invocation_id = sent.json()["invocationId"]
        assert sent.headers["invocation-id"] == invocation_id
        for pasted in (invocation_id, quote(invocation_id, safe="")):
            described = await http.get(f"/invocations/{pasted}")
            assert (described.status_code, described.json()["key"]) == (200, key), described.text
            assert described.json()["invocationId"] == invocation_id
        if query:
            cancelled = await http.delete(f"/invocations/{invocation_id}")
            assert (cancelled.status_code, cancelled.json()["invocationId"]) == (202, invocation_id)


async def test_the_id_in_a_problem_has_the_same_form(http: httpx2.AsyncClient) -> None:
    trip = {
        "flights": {"flightId": "12345", "passengerName": "John Doe"},
        "car": {"pickupLocation": "Airport", "rentalDate": "2024-12-16"},
        "paymentInfo": {"cardNumber": "4111111111111111", "amount": 1500},
    }
    declined = await http.post(f"/BookingWorkflow/{quote('été 7%')}/run", json=trip)
    assert declined.json()["invocationId"] == "booking:=C3=A9t=C3=A9=207=25"
    output = await http.get(f"/invocations/{declined.json()['invocationId']}/output")
    assert output.json() == declined.json()


async def test_the_longest_id_can_be_used(http: httpx2.AsyncClient) -> None:
    key = "荷" * 200
    sent = await http.post(f"/PackageTracker/{key}/registerPackage/send", json={"finalDestination": "Kyoto"})
    assert (await http.get(f"/invocations/{sent.json()['invocationId']}/attach")).status_code == 200
