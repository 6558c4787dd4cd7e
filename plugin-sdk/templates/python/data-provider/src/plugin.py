{% set source = "sql" if wants.sql else "http" if wants.http else "files" if wants.files else "config" %}
{% set asks_config = source in ["http", "config"] %}
{% set asks_id = source != "sql" %}
{% set arguments = [("request.subject.id" if asks_id), ("config" if asks_config)]|select|join(", ") %}
{% set parameters = [("id: str" if asks_id), ("config: dict" if asks_config)]|select|join(", ") %}
{% set modules = [
    "files" if source == "files",
    "http" if source == "http",
    "kv" if wants.kv,
    "log",
    "secrets" if wants.secrets,
    "sign" if wants.sign,
    "sql" if source == "sql",
]|select|list %}
{% set classes = [
    "Data",
    "DataProvider",
    "Misconfigured" if source == "files",
    "NotFound",
    "Problem" if asks_config,
    "Request",
    "Unavailable" if source == "http",
    "pointer" if source == "config",
]|select|list %}
"""{{ title }}: what {{ {"sql": "a database", "http": "a registry", "files": "a file", "config": "the grant file"}[source] }} knows about a person.

The host makes a `Provider` for each call, and calls one method. By default every call has a fresh sandbox; an
operator may let calls of one issuer share one. Rely on neither: keep nothing in memory for a later call.
"""

{% if wants.kv %}
import json

{% endif %}
from chancery_plugin import {{ classes|join(", ") }}
from chancery_plugin import {{ modules|join(", ") }}
{% if source == "files" %}
from chancery_plugin.jsontext import JsonError, parse
{% endif %}
{% if wants.reveal %}
from chancery_plugin.reveal import reveal
{% endif %}
{% if source == "http" %}

# For one request, in seconds. The whole call has 5 s, unless the grant file says otherwise.
TIMEOUT = 3.0
{% endif %}
{% if wants.kv %}

# How long the cache keeps a person, in seconds.
KEPT = 60
{% endif %}


class Provider(DataProvider):
    name = "{{ name }}"
    version = "0.1.0"
    summary = "{{ {"sql": "Tells what a database knows about a person.", "http": "Asks a registry about a person.", "files": "Tells what a file knows about a person.", "config": "Tells what the grant file knows about a person."}[source] }}"

{% if source == "config" %}
    def validate(self, config: dict) -> list[Problem]:
        # All faults at once: the operator mends them in one go.
        return [
            Problem(pointer(id), "must be a table with at least given_name, a text")
            for id, person in config.items()
            if not (isinstance(person, dict) and isinstance(person.get("given_name"), str))
        ]

{% elif source == "http" %}
    def validate(self, config: dict) -> list[Problem]:
        if http.is_url(config.get("registry")):
            return []
        return [Problem("/registry", "must be the registry's base URL, such as https://registry.example.org")]

{% endif %}
{% if wants.secrets %}
    def health(self, config: dict) -> None:
        # The host asks before it lets the plugin serve. What is raised says why it cannot.
        secrets.get("registry-token")

{% endif %}
    def fetch(self, request: Request, config: dict) -> Data:
        claims = {{ "remembered" if wants.kv else "person" }}({{ "request.subject.id" ~ (", config" if asks_config) if wants.kv else arguments }})
{% if wants.sign and source != "http" %}
        # The key stays in the host.
        claims["assertion"] = sign.jwt("registry", {"sub": request.subject.id})
{% endif %}
{% if wants.reveal and source != "http" %}
        # The value is in the plugin now: never log it, never answer with it.
        claims["token_length"] = len(reveal("registry-token").expose())
{% endif %}
        # No personal data in logs.
        log.info("looked up", source="{{ source }}")
        return Data(claims)


{% if source == "sql" %}
def person() -> dict:
    """Runs the statement of the grant file.

    Whom it is about is filled in by the host there (`@subject.id`), so no mistake in here can ask about
    somebody else.
    """
    row = sql.run("person_by_id").first()
    if row is None:
        raise NotFound("This person is not registered.")
    return {**row, "source": "sql"}
{% elif source == "http" %}
def person(id: str, config: dict) -> dict:
    """Asks the registry. Where there is no answer, `http` raises, and the host is told `unavailable`."""
    # Whatever an id holds, it stays one segment of the path.
    url = f"{config['registry'].rstrip('/')}/people/{http.quote(id)}"
    if not http.is_url(url):
        raise NotFound("This person is not registered.")
    headers = {"accept": "application/json"}
{% if wants.sign %}
    # The key stays in the host.
    headers["authorization"] = f"Bearer {sign.jwt('registry', {'sub': id})}"
{% endif %}
{% if wants.reveal %}
    # The value is in the plugin now: never log it, never answer with it.
    headers["x-api-key"] = reveal("registry-token").expose_text()
{% endif %}
    response = http.get(url, headers=headers, timeout=TIMEOUT)
    if response.status == 404:
        raise NotFound("This person is not registered.")
    found = response.json() if response.status == 200 else None
    if not isinstance(found, dict):
        # The first text may be shown to the holder; `detail` is for the operator's log.
        detail = f"it answered {response.status}" if found is None else "its JSON is no object"
        raise Unavailable("The registry does not answer at the moment.", detail=detail)
    return {**found, "source": "http"}
{% elif source == "files" %}
def person(id: str) -> dict:
    """Looks into the granted file: one JSON object, people by their ids."""
    try:
        people = parse(files.read("/people.json"))
    except JsonError as error:
        raise Misconfigured("The file cannot be used.", detail=error) from None
    found = people.get(id) if isinstance(people, dict) else None
    if not isinstance(found, dict):
        raise NotFound("This person is not registered.")
    return {**found, "source": "files"}
{% else %}
def person(id: str, config: dict) -> dict:
    """Looks into the operator's `[config]`: people by their ids."""
    if id not in config:
        raise NotFound("This person is not registered.")
    return {**config[id], "source": "config"}
{% endif %}
{% if wants.kv %}


def remembered(id: str{{ ", config: dict" if asks_config }}) -> dict:
    """The person from the cache where it knows them. It may fail or forget: that costs time only."""
    key = f"person:{id}"
    try:
        if kept := kv.get(key):
            return json.loads(kept)
    except kv.KvError as error:
        log.debug("not asked", reason=error)
    claims = person({{ [("id" if asks_id), ("config" if asks_config)]|select|join(", ") }})
    try:
        kv.put(key, json.dumps(claims), ttl=KEPT)
    except kv.KvError as error:
        log.debug("not kept", reason=error)
    return claims
{% endif %}
