"""The host's interfaces, as the generated bindings have them."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

try:
    import wit_world  # noqa: F401
    from componentize_py_types import Err as Err

    #: Whether this is (or is about to become) a component.
    INSIDE = True
except ImportError:
    INSIDE = False

    class Err(Exception):  # type: ignore[no-redef]
        """The bindings' failure, where there are no bindings: in an editor, in a unit test."""

        value: Any


#: The version of the contract that this SDK speaks.
CONTRACT = "0.1.0"

#: What a world imports for the interfaces that are not the host's own.
_IMPORTS = {"http": "wasi:http/outgoing-handler@0.2.12"}


class MissingImport(ImportError):
    """A module is used whose capability the plugin's world does not ask for."""

    def __init__(self, module: str) -> None:
        self.module = module
        #: What the world lacks.
        self.line = f"import {_IMPORTS.get(module, f'chancery:host/{module}@{CONTRACT}')};"
        super().__init__(f"wit/world.wit does not ask for what chancery_plugin.{module} needs: {self.line}")


class _Outside:
    """Stands for an interface where there is no host."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, function: str) -> Any:
        raise RuntimeError(
            f"{self._name}.{function} needs the host: it works inside of a component only. Use `chancery plugin test`, "
            f"or put something else in its place in this test (unittest.mock.patch)"
        )


def interface(name: str, module: str | None = None) -> Any:
    """The bindings of one of the host's interfaces. Importing a module of this SDK asks for its own."""
    if not INSIDE:
        return _Outside(name)
    try:
        return importlib.import_module(f"wit_world.imports.{module or name}")
    except ImportError:
        raise MissingImport(name) from None


def call(function: Callable[..., Any], *arguments: object, otherwise: Callable[[str, Any], Exception]) -> Any:
    """Calls the host; `otherwise` makes an exception of a failure's case (`too-large`) and what it carries."""
    try:
        return function(*arguments)
    except Err as failure:
        raise otherwise(*case(failure.value)) from None


def case(value: object) -> tuple[str, Any]:
    """The case of a variant as the contract names it, and what it carries."""
    name = type(value).__name__.split("_", 1)[-1]
    words = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name)
    return words.removeprefix("-"), getattr(value, "value", None)
