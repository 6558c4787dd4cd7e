"""What an author derives from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from .audit import Event, Receipt
from .credential import Credential, Ticket
from .data import Data
from .request import Holder, PollRequest, Request


@dataclass(frozen=True)
class Problem:
    """One fault in the operator's configuration."""

    #: Where, as a JSON pointer into the configuration (`/mapping/dob`); empty for the whole.
    path: str
    #: What is wrong, and what would be right. The operator reads it.
    message: str


def pointer(*names: str | int) -> str:
    """The JSON pointer to a member of the configuration: `pointer("people", 0, "a/b")` is `/people/0/a~1b`."""
    return "".join("/" + str(name).replace("~", "~0").replace("/", "~1") for name in names)


class Plugin(ABC):
    """What every kind of plugin has in common.

    For every call an object is made and one method called. By default that happens in a fresh sandbox, which is
    thrown away afterwards; an operator may let calls of one issuer share one. Rely on neither. `config` is
    always the operator's `[config]`, as `validate` accepted it.
    """

    #: The plugin's name, its semantic version, and one sentence about it.
    name: ClassVar[str]
    version: ClassVar[str]
    summary: ClassVar[str]
    #: A JSON Schema for `[config]`.
    config_schema: ClassVar[dict[str, Any] | None] = None

    def validate(self, config: dict[str, Any]) -> Iterable[Problem]:
        """Everything that is wrong with the operator's configuration; nothing where it is right."""
        return ()

    def prepare(self, config: dict[str, Any]) -> bytes:
        """What every later call may read through the module `prepared`: an index, a table.

        Runs once for each combination of component, grant file and granted files, by default with 10 s of
        CPU time and 256 MiB. May hold 64 MiB.
        """
        return b""

    def health(self, config: dict[str, Any]) -> None:
        """Raises where the plugin could not serve now. Runs before a new version becomes active."""
        return None


class DataProvider(Plugin):
    """Says what a source knows about a subject; the host makes a credential of it and signs."""

    @abstractmethod
    def fetch(self, request: Request, config: dict[str, Any]) -> Data:
        """Looks up the subject of the request. Read-only and repeatable: the host may ask again."""


class VcIssuer(Plugin):
    """Gets credentials that another issuer makes and signs. The host verifies them and passes them on."""

    @abstractmethod
    def issue(self, request: Request, holder: Holder, config: dict[str, Any]) -> Credential | Ticket:
        """Starts an issuance. The host never repeats it with the same request id after an answer."""

    @abstractmethod
    def poll(self, request: PollRequest, config: dict[str, Any]) -> Credential | Ticket:
        """Continues a pending issuance. May be repeated: the same token must not issue twice."""


class AuditSink(Plugin):
    """Takes audit events to where they are kept."""

    @abstractmethod
    def deliver(self, events: list[Event], config: dict[str, Any]) -> Receipt:
        """Delivers events in order, each at least once: `id` lets whoever reads them drop repetitions.

        The next batch follows after this one was answered. At most 1,000 events or 1 MiB. Where it raises,
        the whole batch is delivered again.
        """
