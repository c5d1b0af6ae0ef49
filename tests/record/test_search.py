"""The search language, as `ablykit show --search` asks it; panels ask by themselves, and are held to the same."""

import pytest

from ablykit.record.search import LANGUAGE, TERMS, Known, Search, search
from tests.search_examples import FOUND, REFUSED, transcript


@pytest.mark.parametrize("typed", FOUND)
def test_what_is_typed_finds_entries(typed):
    assert [entry.number for entry in search(transcript(), typed)] == FOUND[typed]


@pytest.mark.parametrize("typed", REFUSED)
def test_what_can_not_be_searched_for_is_refused_with_what_to_write_instead(typed):
    with pytest.raises(ValueError, match=r"keys are|Write") as caught:
        Search(typed)
    assert str(caught.value) == REFUSED[typed]


@pytest.mark.parametrize("expression", ["a[", "a ==", "unknown(", "(" * 2_000])
def test_what_is_no_expression_is_refused(expression):
    with pytest.raises(ValueError, match=r"^Not a JMESPath expression: \w"):
        Search(f"hello ?{expression}")


@pytest.mark.parametrize(
    ("typed", "expression"),
    [("x ?a == `1` && b ", "a == `1` && b"), ("a?b", ""), ('"x ?a" ?b', "b"), ("?", "")],
)
def test_an_expression_is_what_stands_after_a_question_mark(typed, expression):
    assert Search(typed).expression == expression


def test_an_entry_is_found_without_knowing_the_others():
    entry = transcript()[4]
    assert Search("hello").finds(entry)
    assert not Search("is:unanswered").finds(entry)
    assert Search("is:unanswered").finds(entry, Known(waiting={4}))


def test_every_example_of_the_language_can_be_searched_for():
    for example, says in LANGUAGE:
        Search(example)
        assert says
    assert {term.key for term in TERMS} == {
        example.partition(":")[0].partition(">")[0] for example, _ in LANGUAGE[: len(TERMS)]
    }
