"""Audit events, on their way to where they are kept."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Event:
    """One security-relevant action."""

    #: Unique; the same event keeps its id however often it is delivered.
    id: str
    #: Position in the sealed order of all events.
    sequence: int
    #: When, in milliseconds since 1970-01-01T00:00:00Z.
    at_unix_ms: int
    #: The issuer it belongs to; `None` for actions of the whole server.
    issuer_id: str | None
    #: What was done, such as `credential.issue`.
    action: str
    #: How it ended: `succeeded`, `denied` (by a rule or for lack of permission) or `failed`.
    outcome: str
    #: Who did it: a client id, an administrator's id, `system`.
    actor: str
    #: What it was done to: an id. Subjects appear only as a keyed hash.
    object: str
    #: The request it belongs to; empty where there was none.
    request_id: str
    #: Reason, plugin digest and the rest.
    detail: dict[str, Any]

    @property
    def time(self) -> str:
        """When, as RFC 3339 in UTC with milliseconds."""
        at = datetime.datetime.fromtimestamp(self.at_unix_ms // 1000, datetime.timezone.utc)
        return f"{at:%Y-%m-%dT%H:%M:%S}.{self.at_unix_ms % 1000:03}Z"

    def to_json(self) -> dict[str, Any]:
        """The event as the JSON object that sinks write, its members always in this order."""
        return {
            "id": self.id,
            "sequence": self.sequence,
            "time": self.time,
            "issuer_id": self.issuer_id,
            "action": self.action,
            "outcome": self.outcome,
            "actor": self.actor,
            "object": self.object,
            "request_id": self.request_id or None,
            "detail": self.detail,
        }


@dataclass(frozen=True)
class Rejection:
    """An event that the sink will never take, and why; the operator reads it."""

    id: str
    reason: str


@dataclass
class Receipt:
    """What became of a batch. What it does not name is delivered again."""

    #: Ids of the events that are kept safely now.
    delivered: list[str] = field(default_factory=list)
    #: Events that repeating would not help.
    rejected: list[Rejection] = field(default_factory=list)

    @classmethod
    def of_delivered(cls, events: Iterable[Event]) -> Receipt:
        """All of these are kept safely now."""
        return cls(delivered=[event.id for event in events])

    @classmethod
    def of_rejected(cls, events: Iterable[Event], reason: str) -> Receipt:
        """None of these will ever be taken, all for one reason."""
        return cls(rejected=[Rejection(event.id, reason) for event in events])
