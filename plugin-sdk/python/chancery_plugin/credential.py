"""What a VC issuer answers."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Credential:
    """A signed credential."""

    #: OpenID4VCI format identifier of `body`; must be the one that was asked for.
    format: str
    #: The credential as it goes to the wallet, byte for byte; a `str` is sent as UTF-8.
    body: bytes | str = field(repr=False)
    #: The other issuer's name for it, for later status questions.
    external_id: str | None = None
    #: For the host's record: `issuer`, `valid_from`, `valid_until`.
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass
class Ticket:
    """A promise of a credential that is not ready: the host calls `poll` with the token later."""

    #: Whatever `poll` needs to go on; opaque to the host, which keeps it sealed. At most 16 KiB.
    token: bytes | str = field(repr=False)
    #: When to ask again: seconds, or a `timedelta`.
    retry_after: float | datetime.timedelta
