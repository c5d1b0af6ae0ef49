"""Make `docs/coverage.md`, which says which tests show which clauses of Ably's specification.

    python -m tests.coverage_table

writes the page from `tests/coverage.toml`. Raises `KeyError` for a test that does not exist.
"""

import ast
import re
import tomllib
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "coverage.md"
NOT_HERE = "not here: "

HEAD = """# Which tests show which clauses of Ably's specification

Ably's [feature specification](https://sdk.ably.com/builds/ably/specification/main/features/) is written for client libraries. This table
has the clauses that ask something of the service as well: what that is, in a few words, and the tests in this repository that show the
embedded Ably doing it. *Not here* marks a clause that the embedded Ably doesn't serve or that concerns only clients, with the reason.

The tests show {count} clauses, and {missing} are not here. `python -m tests.coverage_table` makes this page. A test checks that the page is
up to date and that every test it names exists.
"""


def clauses() -> dict[str, dict[str, list[str] | str]]:
    """By section and clause: what it asks for and its tests, or why it is not here."""
    return tomllib.loads((TESTS / "coverage.toml").read_text())


def located(reference: str) -> Path:
    """The file of a test, named as `server/auth: a_token_connects`. Raises `KeyError`."""
    module, _, name = reference.partition(": ")
    file = TESTS / Path(module).with_name(f"test_{Path(module).name}.py")
    if not file.exists():
        raise KeyError(f"{reference}: there is no {file.name}")
    if not {f"test_{name}", name} & tests_in(file):
        raise KeyError(f"{reference}: there is no such test in {file.name}")
    return file


@cache
def tests_in(file: Path) -> set[str]:
    """The names of a file's tests, functions or classes."""
    found: set[str] = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


def cited() -> set[str]:
    """The clauses that the code itself names as its reason."""
    source = "\n".join(path.read_text() for path in (TESTS.parent / "ablykit" / "server").glob("*.py"))
    return set(re.findall(r"\b(?:RS[ACLP]|RT[CNLPS]|RTAN|RSAN|TB|TM|CH[DM])\d+[a-z0-9]*\b", source))


def page() -> str:
    """The page, whole."""
    sections = clauses()
    every = [value for section in sections.values() for value in section.values()]
    missing = sum(isinstance(value, str) for value in every)
    parts = [HEAD.format(count=len(every) - missing, missing=missing)]
    for section, rows in sections.items():
        parts.append(f"\n## {section}\n\n| clause | in short | shown by |\n|---|---|---|\n")
        parts += [f"{_row(clause, value)}\n" for clause, value in rows.items()]
    return "".join(parts)


def _row(clause: str, value: list[str] | str) -> str:
    if isinstance(value, str):
        return f"| {clause} | {value.removeprefix(NOT_HERE)} | *not here* |"
    what, *tests = value
    return f"| {clause} | {what} | {'<br>'.join(map(_link, tests))} |"


def _link(reference: str) -> str:
    file = located(reference)
    name = reference.partition(": ")[2].replace("_", " ")
    return f"[{name}](../tests/{file.relative_to(TESTS).as_posix()})"


if __name__ == "__main__":
    PAGE.write_text(page())
