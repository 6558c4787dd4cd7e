{% set target = "a file and to a collector" if wants.journal and wants.http else "a collector" if wants.http else "a file" %}
"""{{ title }}: takes audit events to {{ target }}.

The host makes a `Sink` for each batch, and calls `deliver`. By default every call has a fresh sandbox; an
operator may let calls share one. Rely on neither: keep nothing in memory for a later call.

Events come in order, each at least once.
"""

{% if wants.journal %}
import json

{% endif %}
from chancery_plugin import AuditSink, Event, {{ "Problem, " if wants.http }}Receipt{{ ", Unavailable" if wants.http }}
from chancery_plugin import {{ ["http" if wants.http, "journal" if wants.journal, "log"]|select|join(", ") }}
{% if wants.http %}

# For one request, in seconds. The whole call has 5 s, unless the grant file says otherwise.
TIMEOUT = 3.0
{% endif %}


class Sink(AuditSink):
    name = "{{ name }}"
    version = "0.1.0"
    summary = "Takes audit events to {{ target }}."

{% if wants.http %}
    def validate(self, config: dict) -> list[Problem]:
        if http.is_url(config.get("collector")):
            return []
        return [Problem("/collector", "must be the collector's URL, such as https://collector.example.org/events")]

{% endif %}
{% if wants.journal %}
    def health(self, config: dict) -> None:
        # The host asks before it lets the plugin serve. What is raised says why it cannot.
        journal.size()

{% endif %}
    def deliver(self, events: list[Event], config: dict) -> Receipt:
{% if wants.journal and wants.http %}
        # After an error the whole batch comes again, to the file too: readers know events by `id`.
        append(events)
        return post(events, config)
{% elif wants.http %}
        return post(events, config)
{% else %}
        append(events)
        log.info("written", events=len(events))
        # What the receipt does not name, and everything after an error, is delivered again.
        return Receipt.of_delivered(events)
{% endif %}
{% if wants.journal %}


def append(events: list[Event]) -> None:
    """Writes one JSON object a line. They are on disk when this returns."""
    # Line breaks inside of values are escaped in JSON.
    lines = [json.dumps(event.to_json(), ensure_ascii=False) for event in events]
    try:
        journal.append_lines(lines)
    except journal.JournalError as error:
        if error.kind != "full":
            raise
        # The file has its full size: the next one begins.
        journal.rotate()
        journal.append_lines(lines)
{% endif %}
{% if wants.http %}


def post(events: list[Event], config: dict) -> Receipt:
    """Sends the events as a JSON array. Where there is no answer, `http` raises, and all come again."""
    response = http.post(config["collector"], json=[event.to_json() for event in events], timeout=TIMEOUT)
    log.info("sent", status=response.status)
    answered = f"the collector answered {response.status}"
    match response.status:
        case status if 200 <= status < 300:
            return Receipt.of_delivered(events)
        case status if 400 <= status < 500 and status != 429:
            # Never taken, however often they come: the operator reads why.
            return Receipt.of_rejected(events, answered)
        case _:
            # The whole batch is delivered again.
            raise Unavailable("The collector does not answer at the moment.", detail=answered)
{% endif %}
