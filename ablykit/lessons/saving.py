"""Save classes that were written in a notebook's cells to a file, so that other programs can use them.

    ablykit.lessons.save("my_sdk.py", Ably, Channel)

Each method is written down as it stands in its cell, also where a later cell added or replaced it. What the
methods use besides (modules, functions and classes that were imported) becomes the imports of the file.
"""

import builtins
import inspect
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any


def save(path: str | Path, *classes: type) -> str:
    """Write classes to a file, and return a sentence that says so.

    Raises `TypeError` for what is no class, and `ValueError` for a class that was not written in Python.
    """
    for each in classes:
        if not inspect.isclass(each):
            raise TypeError(
                f"save writes classes to a file. {each!r} is not a class: leave out the brackets."
            )
    functions = [function for each in classes for function in _methods(each)]
    header = sorted({line for each in functions for line in _imports(each, classes)}, key=_modules_first)
    parts = ["\n".join(header), *(_text(each) for each in classes)]
    text = "\n\n\n".join(part for part in parts if part) + "\n"
    Path(path).write_text(text, encoding="utf-8")
    return f"Saved {text.count(chr(10))} lines to {path}."


def _modules_first(line: str) -> tuple[bool, str]:
    return line.startswith("from"), line


def _methods(each: type) -> list[FunctionType]:
    return [value for value in vars(each).values() if isinstance(value, FunctionType)]


def _text(each: type) -> str:
    """Return a class as the text of a file has it."""
    base = "" if each.__base__ is object else f"({each.__base__.__name__})"  # type: ignore[reportOptionalMemberAccess]
    try:
        methods = [textwrap.dedent(inspect.getsource(function)).strip() for function in _methods(each)]
    except (OSError, TypeError):
        raise ValueError(
            f"The source of {each.__name__} can't be found. Run the cells that define it."
        ) from None
    document = [f'"""{each.__doc__}"""'] if each.__doc__ else []
    body = "\n\n".join([*document, *methods]) or "pass"
    return f"class {each.__name__}{base}:\n{textwrap.indent(body, '    ')}"


def _imports(function: Callable[..., Any], classes: tuple[type, ...]) -> Iterator[str]:
    """Yield a line for each global name that a function uses and that isn't saved with it."""
    known = getattr(function, "__globals__", {})
    for name in _names(function.__code__):  # type: ignore[reportFunctionMemberAccess]
        value = known.get(name)
        if value is None or value in classes or hasattr(builtins, name):
            continue
        if isinstance(value, ModuleType):
            yield f"import {value.__name__}" + ("" if value.__name__ == name else f" as {name}")
        elif getattr(value, "__module__", "__main__") != "__main__":
            yield f"from {value.__module__} import {name}"


def _names(code: CodeType) -> set[str]:
    """Return the names of other things in code, and in the code inside it."""
    return set(code.co_names).union(*(_names(each) for each in code.co_consts if isinstance(each, CodeType)))
