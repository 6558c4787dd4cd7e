"""Imports while the component is built what would be missing in a call.

There is no file system in the sandbox, so an `import` inside of a function finds only what is loaded already.
"""

from __future__ import annotations

import ast
import importlib
import os
import sys
from collections.abc import Iterator

from . import _host

#: Modules of Python, of the bindings and of this SDK need nothing that `_memory` has not loaded.
_KNOWN = (
    sys.stdlib_module_names
    | {"chancery_plugin", "wit_world"}
    | {"componentize_py_async_support", "componentize_py_runtime", "componentize_py_types", "poll_loop", "__mp_main__"}
)


def preload() -> None:
    """Loads what the author's modules and bundled packages import in functions."""
    seen: set[str] = set()
    while new := [name for name in list(sys.modules) if name not in seen]:
        for name in new:
            seen.add(name)
            origin = getattr(getattr(sys.modules[name], "__spec__", None), "origin", None) or ""
            if origin.endswith(".py") and name.partition(".")[0] not in _KNOWN:
                for wanted in _imports(name, origin):
                    _try(wanted)


def _imports(module: str, origin: str) -> Iterator[str]:
    """Modules that the statements of a file name, wherever they stand in it."""
    try:
        with open(origin, "rb") as file:
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, ValueError):
        return
    package = (module if os.path.basename(origin) == "__init__.py" else module.rpartition(".")[0]).split(".")
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            if base:
                yield base
            # A name may be a module of its own.
            known = sys.modules.get(base)
            yield from (f"{base}.{alias.name}" for alias in node.names if not hasattr(known, alias.name))


def _try(name: str) -> None:
    if name in sys.modules or name.endswith(".*"):
        return
    try:
        importlib.import_module(name)
    except _host.MissingImport:
        raise
    except Exception:
        # An optional dependency, or a name that is no module: the statement itself will say so if it is reached.
        pass
