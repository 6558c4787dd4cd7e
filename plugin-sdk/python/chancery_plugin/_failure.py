"""What an exception says to whoever has to mend the plugin."""

from __future__ import annotations

import importlib
import itertools
import os
from types import TracebackType

from ._text import said

#: What the contract lets `detail` hold, in bytes.
MAX_DETAIL = 4096

#: Whose frames say nothing to an author.
_OURS = (os.path.dirname(os.path.abspath(__file__)), os.path.dirname(importlib.__file__), "<frozen")

#: Where folders of the component were in the project: set by `_entry`.
folders: dict[str, str] = {}

#: Whether the component is there, rather than being built: set by `_output`.
calling = False


def describe(error: BaseException) -> str:
    """The exception, where it was raised, innermost first, and what caused it. At most `MAX_DETAIL` bytes.

    A call says it in one line, as the host's log has it; a build in several.
    """
    first, between, cause = (" at ", ", ", "; caused by ") if calling else ("\n  at ", "\n  at ", "\ncaused by ")
    parts = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        frames = _frames(current.__traceback__)
        parts.append(_headline(current) + (first + between.join(frames) if frames else ""))
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return cut(cause.join(parts))


def place(error: BaseException) -> str:
    """Where in the author's code it was raised: `src/plugin.py:7 in fetch`; empty where that is nowhere."""
    frames = _frames(error.__traceback__)
    return frames[0] if frames else ""


def cut(text: str) -> str:
    """As much of a text as `detail` holds, in characters that Unicode has."""
    # Each character has a byte or more: a long text is not copied as a whole.
    content = text[: MAX_DETAIL + 1].encode("utf-8", "replace")
    if len(content) <= MAX_DETAIL:
        return content.decode("utf-8")
    return content[: MAX_DETAIL - 4].decode("utf-8", "ignore") + " …"


def file(name: str) -> str:
    """A file of the component as the project knows it."""
    for folder, known in folders.items():
        if name.startswith(folder + "/"):
            return f"{known}/{name[len(folder) + 1 :]}".removeprefix("/")
    return name


def _headline(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg} ({file(error.filename or '?')}:{error.lineno})"
    name, text, hint = type(error).__name__, said(error, otherwise=""), _hint(error)
    return f"{name}: {text}{hint}" if text else f"{name}{hint}"


def _hint(error: BaseException) -> str:
    if not calling:
        return ""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return (
            f" (only what is imported while the plugin is built is in the component: `import {error.name}` at the top "
            "of the file)"
        )
    if isinstance(error, FileNotFoundError):
        return " (a plugin has no file system: see chancery_plugin.files)"
    return ""


def _frames(traceback: TracebackType | None) -> list[str]:
    """Innermost first, without those of this SDK and of Python's import machinery."""
    frames = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        name = code.co_filename
        if not name.startswith(_OURS):
            frames.append(f"{file(name)}:{traceback.tb_lineno} in {code.co_name}")
        traceback = traceback.tb_next
    # A recursion is the same line over and over.
    runs = [(frame, len(list(same))) for frame, same in itertools.groupby(reversed(frames))]
    return [frame if times == 1 else f"{frame} ({times} times)" for frame, times in runs]
