"""Errors as the wire carries them."""

import pytest

from ablykit.protocol import ERRORS, AblyError, error_info, plain
from ablykit.protocol.errors import status_of, title_of


def test_an_error_says_where_to_read_more():
    assert plain(error_info(40101, "No authentication information provided")) == {
        "message": "No authentication information provided. (See https://help.ably.io/error/40101 for help.)",
        "code": 40101,
        "statusCode": 401,
        "href": "https://help.ably.io/error/40101",
    }


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (40000, 400),
        (40101, 401),
        (40160, 401),
        (40400, 404),
        (42911, 429),
        (50003, 504),
        (50000, 500),
        (80003, 503),
        (90010, 400),
    ],
)
def test_the_status_goes_with_the_code(code, status):
    assert status_of(code) == status


def test_every_code_has_a_real_status():
    assert {status_of(code) for code in ERRORS} <= {200, *range(400, 430), *range(500, 505)}


def test_without_a_message_the_catalogue_speaks():
    assert error_info(40160).message.startswith("Capability denied.")
    assert title_of(99999) == "Error 99999"


def test_an_exception_tells_code_and_page():
    error = AblyError(40010, "Invalid channel name")
    assert str(error) == "Invalid channel name (code 40010; see https://help.ably.io/error/40010)"
    assert (error.status, error.info.code) == (400, 40010)
