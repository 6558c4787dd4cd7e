{% set asks = "about" if wants.sign else "" %}
"""{{ title }}: gets credentials that another issuer makes and signs.

The host makes an `Issuer` for each call, and calls one method. By default every call has a fresh sandbox; an
operator may let calls of one issuer share one. Rely on neither: keep nothing in memory for a later call.

The host verifies each credential before a wallet gets it.
"""

from chancery_plugin import (
    Credential,
    Denied,
    Holder,
    Internal,
    NotFound,
    PollRequest,
    Problem,
    Request,
    Ticket,
    Unavailable,
    VcIssuer,
)
from chancery_plugin import http, log{{ ", secrets" if wants.secrets }}{{ ", sign" if wants.sign }}
{% if wants.reveal %}
from chancery_plugin.reveal import reveal
{% endif %}

# For one request, in seconds. The whole call has 5 s, unless the grant file says otherwise.
TIMEOUT = 3.0

# When the host asks again, where the issuer does not say, and the longest that it may say. In seconds.
RETRY_AFTER = 30
LONGEST = 86_400


class Issuer(VcIssuer):
    name = "{{ name }}"
    version = "0.1.0"
    summary = "Gets credentials from another issuer."

    def validate(self, config: dict) -> list[Problem]:
        if http.is_url(config.get("issuer")):
            return []
        return [Problem("/issuer", "must be the issuer's base URL, such as https://issuer.example.org")]

{% if wants.secrets %}
    def health(self, config: dict) -> None:
        # The host asks before it lets the plugin serve. What is raised says why it cannot.
        secrets.get("registry-token")

{% endif %}
    def issue(self, request: Request, holder: Holder, config: dict) -> Credential | Ticket:
        order = {
            "configuration": request.configuration_id,
            "format": request.format,
            "subject": request.subject.id,
            # Whom the credential is to be bound to; null where no proof was asked for.
            "holder": holder.id,
            # The same for each repetition: nothing is issued twice.
            "request_id": request.request_id,
        }
        response = http.post(address(config), json=order{{ ", headers=headers(" ~ ("request.subject.id" if wants.sign) ~ ")" if wants.sign or wants.reveal }}, timeout=TIMEOUT)
        log.info("asked for", status=response.status)
        return issuance(response, request.format)

    def poll(self, request: PollRequest, config: dict) -> Credential | Ticket:
        # Nothing is left of `issue` here: what has to be known stands in the token.
        format, _, ticket = request.token.decode().partition(" ")
        if not ticket:
            raise Internal("The ticket cannot be read.")
        response = http.get(f"{address(config)}/{http.quote(ticket)}"{{ ", headers=headers(" ~ ("ticket" if wants.sign) ~ ")" if wants.sign or wants.reveal }}, timeout=TIMEOUT)
        log.info("asked again", status=response.status)
        return issuance(response, format)


def address(config: dict) -> str:
    return f"{config['issuer'].rstrip('/')}/credentials"


{% if wants.sign or wants.reveal %}
def headers({{ "about: str" if wants.sign }}) -> dict[str, str]:
{% if wants.reveal %}
    # The value is in the plugin now: never log it, never answer with it.
    key = reveal("registry-token").expose_text()
{% endif %}
{% if wants.sign %}
    # The signing key stays in the host.
    token = sign.jwt("registry", {"sub": about})
{% endif %}
    return { {{- ['"authorization": f"Bearer {token}"' if wants.sign, '"x-api-key": key' if wants.reveal]|select|join(", ") -}} }


{% endif %}
def issuance(response: http.Response, format: str) -> Credential | Ticket:
    """What the other issuer's answer means. Where there is none, `http` raises `unavailable`."""
    # What the operator's log says; the holder sees the first text of an error only.
    answered = f"it answered {response.status} with {len(response.body)} bytes"
    match response.status:
        case 200 | 201 if response.body:
            return Credential(format, response.body)
        case 202:
            return not_ready(response.json(), format)
        case 404:
            raise NotFound("This person is not registered.")
        case status if 400 <= status < 500 and status != 429:
            raise Denied("The issuer does not issue this credential.", detail=answered)
        case _:
            raise Unavailable("The issuer does not answer at the moment.", detail=answered)


def not_ready(answer: object, format: str) -> Ticket:
    """A credential that comes later. The host keeps the token for `poll`, which is not told the format."""
    later = answer if isinstance(answer, dict) else {}
    ticket, seconds = later.get("ticket"), later.get("retry_after")
    if not isinstance(ticket, str) or not ticket:
        raise Unavailable("The issuer does not answer at the moment.", detail="its 202 has no ticket")
    # Anything but a whole number of seconds is as if it were not there; `True` is an `int`, too.
    if type(seconds) is not int or not 1 <= seconds <= LONGEST:
        seconds = RETRY_AFTER
    return Ticket(f"{format} {ticket}", retry_after=seconds)
