"""What a call is about."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Subject:
    """The person or thing that a credential is about, as the authorization established it."""

    #: The access token's `sub`, or the subject that the credential offer named. Never empty.
    id: str
    #: The token's claims, or those of the offer.
    claims: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """One request. All but the subject has a default, for tests of plugins."""

    #: Whom the credential is about.
    subject: Subject
    #: OpenID4VCI `credential_configuration_id`.
    configuration_id: str = ""
    #: OpenID4VCI format identifier: `dc+sd-jwt`, `ldp_vc`, `mso_mdoc`, …
    format: str = ""
    #: The credential configuration's settings for this plugin.
    settings: dict[str, Any] = field(default_factory=dict)
    #: Paths of the claims that are wanted, from the outside in; empty means all. A hint: returning more
    #: is allowed.
    requested_claims: list[list[str]] = field(default_factory=list)
    #: BCP 47 language tags, best first; empty where the client stated none.
    locales: list[str] = field(default_factory=list)
    #: Everything else that the host tells. Unknown members are to be ignored.
    context: dict[str, Any] = field(default_factory=dict)
    #: Names this request in every log and in the answer to the client.
    request_id: str = ""
    #: The issuer that the credential will be issued by.
    issuer_id: str = ""
    #: Wall-clock time for this call in milliseconds, waiting for sources included.
    budget_ms: int = 0

    @classmethod
    def about(cls, subject_id: str, **members: Any) -> Request:
        """A request about a subject with everything else empty, for tests of plugins."""
        return cls(subject=Subject(subject_id), **members)


@dataclass(frozen=True)
class Holder:
    """Whom a credential is to be bound to, from a key proof that the host checked."""

    #: The holder's DID URL where the proof used one.
    id: str | None = None
    #: OpenID4VCI proof type; `None` where no proof was asked for.
    proof_type: str | None = None
    #: The holder's public key as a JWK; `None` where no proof was asked for.
    public_key_jwk: dict[str, Any] | None = None


@dataclass(frozen=True)
class PollRequest:
    """A later question about a ticket."""

    #: The token of the latest ticket.
    token: bytes
    #: The credential configuration of the original request.
    configuration_id: str = ""
    #: That configuration's settings for this plugin.
    settings: dict[str, Any] = field(default_factory=dict)
    #: Everything else that the host tells. Unknown members are to be ignored.
    context: dict[str, Any] = field(default_factory=dict)
    #: Names this request in every log.
    request_id: str = ""
    #: The issuer of the original request.
    issuer_id: str = ""
    #: Wall-clock time for this call in milliseconds.
    budget_ms: int = 0
