"""Where things lie in the memory that becomes a part of the component.

Each call begins with that memory as it was frozen, and the host copies a page of it when the call first
writes to it; even counting a reference writes. Those copies are most of what a short call costs, so what
calls touch should lie together, and on few pages.
"""

from __future__ import annotations

import gc
import importlib
import sys

#: What the SDK and the bindings need of Python, and what Python itself imports only when it is first needed:
#: `strptime`, encodings of texts. It is loaded first, and little of it is touched in a call.
_STANDARD = (
    "_strptime",
    "ast",
    "dataclasses",
    "encodings.cp1252",
    "encodings.idna",
    "encodings.latin_1",
    "encodings.punycode",
    "encodings.utf_16",
    "encodings.utf_8_sig",
    "importlib.util",
    "json",
    "random",
    "typing",
    "urllib.parse",
    "weakref",
)

#: Room for what calls make, in one piece. They take more where they need more.
_ROOM = 1024 * 1024

#: So many new objects may be there until Python looks for unreachable ones, which touches all that there are.
#: Few calls make as many, and their memory is theirs alone.
_THRESHOLD = 50_000

#: What the gaps are filled with. It is never touched again.
_fillers: list[bytes] = []

#: Calls that this sandbox had. An operator may have it used again.
_calls = 0


def begin() -> None:
    """Loads what is Python's own, and has everything that comes later lie behind it."""
    if sys.platform == "wasi":
        for name in _STANDARD:
            importlib.import_module(name)
        _fill()


def finish() -> None:
    """What stands here stays; what calls make goes behind it."""
    _fill()
    room = bytes(_ROOM)
    # Keeps the room within what is frozen.
    _fillers.append(b"\x01" * 64)
    del room
    gc.freeze()
    gc.set_threshold(_THRESHOLD)


def sweep() -> None:
    """A call begins: what earlier ones left behind in circles goes.

    A sandbox that is used again would come to `_THRESHOLD` new objects too late where few of them are large. What
    is frozen is not looked at, and in a first call there is nothing to look for.
    """
    global _calls
    if _calls:
        gc.collect()
    _calls += 1


def unused() -> None:
    """Whatever called so far was no call of the host's."""
    global _calls
    _calls = 0


def _fill() -> None:
    """Takes all that is free between living objects, larger gaps first."""
    gc.collect()
    # As large as this is found behind all others only; `id` is the address.
    end = id(bytes(_ROOM))
    size = _ROOM // 2
    while size > 0:
        while id(filler := bytes(size)) < end:
            _fillers.append(filler)
        size = size // 2 if size > 1024 else size - 8
