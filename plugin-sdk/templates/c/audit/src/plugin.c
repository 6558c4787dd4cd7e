// {{ title }}: takes audit events to {{ "a file and to a collector" if wants.journal and wants.http else "a collector" if wants.http else "a file" }}.
//
// Events come in order, each at least once. What an answer does not name, and everything after an error, comes again.
//
// By default every call has a fresh sandbox; an operator may let calls share one (`instance = "warm"`). Rely on
// neither: keep nothing between calls. What comes from the SDK lives until the call ends, and is never freed.
{% if wants.http %}
#include <string.h>

{% endif %}
#include "chancery.h"
{% if wants.http %}

// For one request. The whole call has 5 s, unless the grant file says otherwise.
#define TIMEOUT_MS 3000
{% endif %}

const chancery_plugin chancery_about = {
    .name = "{{ name }}",
    .version = "0.1.0",
    .summary = "Takes audit events to {{ "a file and to a collector" if wants.journal and wants.http else "a collector" if wants.http else "a file" }}.",
};
{% if wants.http %}

// The operator's [config] has the collector's address.
void chancery_validate_config(const char *config, chancery_problems *problems) {
    const char *collector = yyjson_get_str(yyjson_obj_get(chancery_json_read(config), "collector"));
    if (collector == NULL || (strncmp(collector, "https://", 8) != 0 && strncmp(collector, "http://", 7) != 0)) {
        const char *message = "must be the collector's URL, such as https://collector.example.org/events";
        chancery_problem(problems, "/collector", message);
    }
}
{% endif %}
{% if wants.journal %}

// The host asks before it lets the plugin serve.
bool chancery_health(chancery_error *error) {
    uint64_t size;
    return chancery_journal_size(&size, error);
}

// One JSON object a line: line breaks inside of values are escaped in JSON.
static bool keep(const chancery_event *events, size_t count, chancery_error *error) {
    chancery_buffer lines = {0};
    for (size_t at = 0; at < count; at++) {
        chancery_append(&lines, chancery_event_json(&events[at]));
        chancery_append(&lines, "\n");
    }
    return chancery_journal_append(chancery_bytes_of(lines.text), error);
}
{% endif %}
{% if wants.http %}

// The events as a JSON array.
static bool post(const chancery_event *events, size_t count, chancery_http_response *answer, chancery_error *error) {
    chancery_buffer body = {0};
    chancery_append(&body, "[");
    for (size_t at = 0; at < count; at++) {
        if (at > 0) chancery_append(&body, ",");
        chancery_append(&body, chancery_event_json(&events[at]));
    }
    chancery_append(&body, "]");
    chancery_http_request request = {
        .method = "POST",
        .url = chancery_config("collector"),
        .headers = (const char *[]){"content-type", "application/json", NULL},
        .body = chancery_bytes_of(body.text),
        .timeout_ms = TIMEOUT_MS,
    };
    return chancery_http_send(&request, answer, error);
}
{% endif %}

bool chancery_deliver(const chancery_event *events, size_t count, chancery_receipt *receipt, chancery_error *error) {
{% if wants.journal %}
    if (!keep(events, count, error)) return false;
{% endif %}
{% if wants.http %}
    chancery_http_response answer;
    if (!post(events, count, &answer, error)) return false;
    bool taken = answer.status >= 200 && answer.status < 300;
    bool refused = answer.status >= 400 && answer.status < 500 && answer.status != 429;
    const char *answered = chancery_join("the collector answered ", chancery_number(answer.status), NULL);
    if (!taken && !refused) {
        chancery_unavailable(error, "The collector does not answer at the moment.");
        return chancery_detail(error, answered);
    }
    for (size_t at = 0; at < count; at++) {
        if (taken) chancery_delivered(receipt, &events[at]);
        // Never taken, however often they come: the operator reads why.
        else chancery_rejected(receipt, &events[at], answered);
    }
{% else %}
    for (size_t at = 0; at < count; at++) chancery_delivered(receipt, &events[at]);
{% endif %}
    chancery_log(CHANCERY_LOG_INFO, "delivered", "events", chancery_number((int64_t)count), NULL);
    return true;
}
