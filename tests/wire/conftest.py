"""A connection that is open."""

import pytest

from ablykit import wire
from tests.wire.urls import url


@pytest.fixture
def conn(ably):
    with wire.connect(url(ably)) as connection:
        connection.recv("CONNECTED")
        yield connection
