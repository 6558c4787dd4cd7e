"""Finds the author's class while the component is built, and says what is missing."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
from types import ModuleType
from typing import Any

from . import _failure, _memory, _output, _preload
from ._host import MissingImport
from .plugin import AuditSink, DataProvider, Plugin, VcIssuer

_KINDS: dict[str, type[Plugin]] = {"data-provider": DataProvider, "vc-issuance": VcIssuer, "audit": AuditSink}

#: How many arguments the host's calls pass, besides `self`.
_ARGUMENTS = {
    "validate": ("config",),
    "prepare": ("config",),
    "health": ("config",),
    "fetch": ("request", "config"),
    "issue": ("request", "holder", "config"),
    "poll": ("request", "config"),
    "deliver": ("events", "config"),
}

#: Flags of a function's code: `*args`, and `async def`.
_VARIADIC, _COROUTINE = 0x04, 0x80

#: Modules that are part of every component.
_TAKEN = ("chancery_plugin", "chancery_entry", "wit_world", "componentize_py_types", "componentize_py_runtime")

#: Around what the build is to show of a failure; the rest is the toolchain's.
BEGIN, END = "-----chancery plugin: failure-----", "-----chancery plugin: end-----"


class AuthorError(Exception):
    """Something about the author's module that a text explains better than a trace."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def export(module: str, source: str, kind: str) -> None:
    """Loads the author's module, which stands in the file `source` of the project, as a plugin of a kind."""
    try:
        _export(module, source, kind)
    except BaseException as error:
        message, hint = _explain(error, source)
        said = json.dumps({"message": message, "hint": hint})
        # Whatever an author put into the place of it.
        print(f"{BEGIN}\n{said}\n{END}", file=sys.__stderr__, flush=True)
        raise SystemExit(1) from None


def _explain(error: BaseException, source: str) -> tuple[str, str]:
    if isinstance(error, AuthorError):
        return str(error), error.hint
    if isinstance(error, MissingImport):
        place = _failure.place(error).split(" in ")[0] or source
        return (
            f"{place} uses chancery_plugin.{error.module}, which wit/world.wit does not ask for",
            "Where the plugin needs it, add to the world, so that operators see what they grant:\n"
            f"  {error.line}\nElse remove the code that uses it",
        )
    hint = (
        "What stands outside of functions runs while the plugin is built, where there is neither host nor file system"
    )
    if isinstance(error, SyntaxError):
        hint = "Mend it and build again"
    elif isinstance(error, ModuleNotFoundError):
        hint = (
            "A package of others goes into requirements.txt beside plugin.toml, a module of your own beside the file "
            "that imports it. Modules of Python that need an operating system (ssl, sqlite3, ctypes) are not there"
        )
    return f"{source} does not load\n{_failure.describe(error)}", hint


def _export(name: str, source: str, kind: str) -> None:
    if name in sys.stdlib_module_names or name in _TAKEN:
        raise AuthorError(
            f"{source} has the name of a module that is there already: {name}",
            'Rename the file, and name it in plugin.toml: entry = "src/plugin.py"',
        )
    # The file's folder is on Python's path under a name of the toolchain's.
    found = importlib.util.find_spec(name)
    origin = (found and found.origin) or ""
    _failure.folders[os.path.dirname(origin)] = os.path.dirname(source)
    module = importlib.import_module(name)
    found_class = _class(module, source, kind)
    _check_methods(found_class)

    from . import _component, _rehearsal

    _component.plugin = found_class
    _component.kind = importlib.import_module(f"wit_world.exports.{kind.replace('-', '_')}")
    _component.description = _description(found_class)
    _preload.preload()
    _rehearsal.rehearse(kind)
    _output.redirect()
    _memory.finish()


def _class(module: ModuleType, source: str, kind: str) -> type[Plugin]:
    base = _KINDS[kind]
    derived = {
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Plugin) and not value.__module__.startswith("chancery_plugin.")
    }
    # A base of another one is a help of the author's, not a plugin.
    classes = [one for one in derived if not any(other is not one and issubclass(other, one) for other in derived)]
    fitting = sorted((one for one in classes if issubclass(one, base)), key=lambda one: one.__name__)
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        names = " and ".join(one.__name__ for one in fitting)
        raise AuthorError(
            f"{source} has several plugins: {names}",
            "One component is one plugin: keep one class, and move the others into projects of their own",
        )
    if classes:
        other = next(known.__name__ for known in _KINDS.values() if issubclass(classes[0], known))
        raise AuthorError(
            f"{source}: {classes[0].__name__} is {_article(other)}, "
            f"and wit/world.wit describes {_article(kind)} plugin",
            f"Derive from {base.__name__}, or include the world of such a plugin in wit/world.wit",
        )
    raise AuthorError(
        f"{source} has no plugin",
        f"It needs a class that derives from {base.__name__}:\n"
        f"  from chancery_plugin import {base.__name__}\n\n"
        f"  class MyPlugin({base.__name__}):\n      …",
    )


def _check_methods(found: type[Plugin]) -> None:
    missing = sorted(getattr(found, "__abstractmethods__", ()))
    if missing:
        wanted = "\n".join(f"  def {name}(self, {', '.join(_ARGUMENTS[name])}):" for name in missing)
        raise AuthorError(f"{found.__name__} has no {' and no '.join(missing)}", f"Add to the class:\n{wanted}")
    for name, arguments in _ARGUMENTS.items():
        method = getattr(found, name, None)
        code = getattr(method, "__code__", None)
        # What is no plain function (a decorator's object) shows in its first call.
        if method is None or code is None:
            continue
        place = f"{_failure.file(code.co_filename)}:{code.co_firstlineno}"
        takes, defaults = code.co_argcount - 1, len(method.__defaults__ or ())
        if not code.co_flags & _VARIADIC and not takes - defaults <= len(arguments) <= takes:
            raise AuthorError(
                f"{place}: {found.__name__}.{name} takes {takes} argument{'s' * (takes != 1)} besides self",
                f"It is called with {len(arguments)}: def {name}(self, {', '.join(arguments)})",
            )
        if code.co_flags & _COROUTINE:
            raise AuthorError(
                f"{place}: {found.__name__}.{name} is `async def`", "The host calls it like any other: use `def`"
            )


def _description(found: type[Plugin]) -> str:
    texts: dict[str, Any] = {}
    for member, example in (("name", "farmer-registry"), ("version", "1.0.0"), ("summary", "Tells what it is for.")):
        texts[member] = getattr(found, member, None)
        if not isinstance(texts[member], str) or not texts[member]:
            raise AuthorError(
                f"{found.__name__} has no {member}", f'Add to the class, as a text: {member} = "{example}"'
            )
    texts["config_schema"] = found.config_schema
    try:
        return json.dumps(texts, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise AuthorError(
            f"{found.__name__}.config_schema is not JSON: {error}", "Use dicts, lists, texts and numbers"
        ) from None


def _article(name: str) -> str:
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
