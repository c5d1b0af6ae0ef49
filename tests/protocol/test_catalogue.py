"""Every error has its name and its sentence."""

from ablykit.protocol import ERRORS
from tests.protocol.test_meanings import is_a_sentence


def test_every_error_has_an_identifier_and_a_sentence_of_its_own():
    assert len(ERRORS) == 276
    for code, (identifier, sentence) in ERRORS.items():
        assert identifier == identifier.lower().replace(" ", "_"), code
        assert is_a_sentence(sentence), code


def test_codes_of_three_digits_of_http_begin_like_their_status():
    for code in ERRORS:
        if 40000 <= code < 60000:
            assert 400 <= code // 100 < 600, code
