"""Takes audit events to a collector that keeps one stream for each action.

A batch becomes one request an action: the collector's answer decides what becomes of those events, and of no
others. What the receipt does not name comes again with the next batch, so a stream that is out of reach holds
up nobody else's events.
"""

from collections import defaultdict

from chancery_plugin import AuditSink, Event, Problem, Receipt, Rejection, Unavailable
from chancery_plugin import http, log

# Requests that one call may make: `http_requests` of the grant file.
MAX_REQUESTS = 8

# For one request, in seconds.
TIMEOUT = 3.0


class AuditByAction(AuditSink):
    name = "audit-python"
    version = "0.1.0"
    summary = "Takes audit events to a collector, one stream an action."
    config_schema = {
        "type": "object",
        "required": ["collector"],
        "properties": {"collector": {"type": "string", "format": "uri"}},
        "additionalProperties": False,
    }

    def validate(self, config: dict) -> list[Problem]:
        problems = [Problem(f"/{key}", "is not known; use collector") for key in config if key != "collector"]
        if not http.is_url(config.get("collector")):
            problems.append(Problem("/collector", "must be the URL under which the streams are"))
        return problems

    def deliver(self, events: list[Event], config: dict) -> Receipt:
        receipt = Receipt()
        fault = None
        # A dict keeps its order: the oldest event decides which stream is first.
        for action, group in list(by_action(events).items())[:MAX_REQUESTS]:
            try:
                send(config["collector"], action, group, receipt)
            except (http.HttpError, Unavailable) as error:
                # The others may still arrive. This one comes again.
                log.warn("a stream does not take its events", action=action, reason=error)
                fault = error
        if fault and not (receipt.delivered or receipt.rejected):
            # Nothing is settled at all: an error makes the host wait longer before it comes again.
            raise fault
        return receipt


def by_action(events: list[Event]) -> dict[str, list[Event]]:
    groups = defaultdict(list)
    for event in events:
        groups[event.action].append(event)
    return groups


def send(collector: str, action: str, events: list[Event], receipt: Receipt) -> None:
    """Sends the events of one action, and writes into the receipt what became of them."""
    url = f"{collector.rstrip('/')}/{http.quote(action)}"
    # A batch that comes again may have grown: the key names its end too, so that only the very same events repeat.
    headers = {"idempotency-key": f"{events[0].id}/{events[-1].id}"}
    response = http.post(url, json=[event.to_json() for event in events], headers=headers, timeout=TIMEOUT)
    log.info("sent", action=action, events=len(events), status=response.status)
    if 200 <= response.status < 300:
        receipt.delivered += [event.id for event in events]
    elif 400 <= response.status < 500 and response.status != 429:
        # The operator reads why. Repeating would not help.
        reason = f"the stream {action} answered {response.status}"
        receipt.rejected += [Rejection(event.id, reason) for event in events]
    else:
        answered = f"the stream {action} answered {response.status}"
        raise Unavailable("The collector takes no events now.", detail=answered, retry_after=response.retry_after())
