"""The table of clauses is up to date, and says nothing that is not so."""

import pytest

from tests.coverage_table import NOT_HERE, PAGE, cited, clauses, located, page

EVERY = {clause: value for section in clauses().values() for clause, value in section.items()}


def test_the_page_is_what_the_clauses_and_tests_make():
    assert PAGE.read_text() == page(), "make it again: python -m tests.coverage_table"


@pytest.mark.parametrize("clause", EVERY)
def test_a_clause_is_shown_by_tests_that_are_there_or_says_why_not(clause):
    value = EVERY[clause]
    if isinstance(value, str):
        assert value.startswith(NOT_HERE)
        assert len(value) > len(NOT_HERE) + 10
    else:
        what, *tests = value
        assert what
        assert tests
        for test in tests:
            located(test)


def test_a_test_that_is_not_there_is_missed():
    for wrong in ("server/auth: nothing_of_the_kind", "server/nothing: a_token_connects_also_without_tls"):
        with pytest.raises(KeyError, match="there is no"):
            located(wrong)


def test_every_clause_that_the_server_names_as_its_reason_is_in_the_table():
    known = set(EVERY)
    missing = {c for c in cited() if not any(c.startswith(k) or k.startswith(c) for k in known)}
    assert missing == set()


def test_no_clause_stands_there_twice():
    assert len(EVERY) == sum(map(len, clauses().values()))
