"""What a data provider answers."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Attachment:
    """A value too large for JSON, such as a photograph. Templates refer to it as `data.<name>`."""

    #: A name that `claims` does not use. Unique within an answer.
    name: str
    #: An IANA media type such as `image/jpeg`.
    media_type: str
    #: The bytes. All attachments of one call may hold 16 MiB together.
    content: bytes = field(repr=False)


@dataclass
class Data:
    """What the source knows about a subject."""

    #: The `data` of the credential configuration's template: texts, numbers of 64 bits (decimals are
    #: texts), `True`, `False`, `None`, lists and dicts.
    claims: dict[str, Any] = field(repr=False)
    #: Values that are too large for JSON.
    attachments: list[Attachment] = field(default_factory=list)
    #: Until when the source vouches for the data: seconds since 1970-01-01T00:00:00Z, or a `datetime`
    #: with time zone. The credential's validity does not go beyond it.
    valid_until: int | datetime.datetime | None = None
