"""What the package offers at its top."""

import pytest

import ablykit
from ablykit import wire


def test_names_at_the_top_are_those_of_the_package():
    assert ablykit.open is wire.open
    assert set(ablykit.__all__) <= set(dir(ablykit))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = ablykit.nonsense
