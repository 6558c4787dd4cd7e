{% set source = "sql" if wants.sql else "http" if wants.http else "files" if wants.files else "config" %}
// {{ title }}: what {{ {"sql": "a database", "http": "a registry", "files": "a file", "config": "the grant file"}[source] }} knows about a person.
//
// By default every call has a fresh sandbox; an operator may let calls of one issuer share one (`instance = "warm"`).
// Rely on neither: keep nothing between calls. What comes from the SDK lives until the call ends, and is never freed.
{% if source == "http" %}
#include <string.h>

{% endif %}
#include "chancery.h"
{% if source == "http" %}

// For one request. The whole call has 5 s, unless the grant file says otherwise.
#define TIMEOUT_MS 3000
{% endif %}
{% if wants.kv %}

// How long the cache keeps a person.
#define KEPT_MS 60000
{% endif %}

const chancery_plugin chancery_about = {
    .name = "{{ name }}",
    .version = "0.1.0",
{% if source == "sql" %}
    .summary = "Tells what a database knows about a person.",
{% elif source == "http" %}
    .summary = "Asks a registry about a person.",
{% elif source == "files" %}
    .summary = "Tells what a file knows about a person.",
{% else %}
    .summary = "Tells what the grant file knows about a person.",
{% endif %}
};
{% if source == "config" %}

// The operator's [config] lists people by their ids. All faults at once: the operator mends them in one go.
void chancery_validate_config(const char *config, chancery_problems *problems) {
    size_t at, length;
    yyjson_val *id, *person;
    yyjson_obj_foreach(chancery_json_read(config), at, length, id, person) {
        if (!yyjson_is_str(yyjson_obj_get(person, "given_name"))) {
            const char *path = chancery_pointer(yyjson_get_str(id));
            chancery_problem(problems, path, "must be a table with at least given_name");
        }
    }
}
{% elif source == "http" %}

// The operator's [config] has the registry's address.
void chancery_validate_config(const char *config, chancery_problems *problems) {
    const char *registry = yyjson_get_str(yyjson_obj_get(chancery_json_read(config), "registry"));
    if (registry == NULL || (strncmp(registry, "https://", 8) != 0 && strncmp(registry, "http://", 7) != 0)) {
        const char *message = "must be the registry's base URL, such as https://registry.example.org";
        chancery_problem(problems, "/registry", message);
    }
}
{% endif %}
{% if wants.secrets %}

// The host asks before it lets the plugin serve.
bool chancery_health(chancery_error *error) {
    return chancery_secret("registry-token", error);
}
{% endif %}

static bool not_registered(chancery_error *error) {
    return chancery_not_found(error, "This person is not registered.");
}

{% if source == "sql" %}
// Runs the statement of the grant file. Whom it is about is filled in by the host there (`@subject.id`), so no mistake
// in here can ask about somebody else.
static bool look_up(const char *id, yyjson_mut_doc **claims, chancery_error *error) {
    chancery_sql_rows rows;
    if (!chancery_sql_run("person_by_id", NULL, 0, &rows, error)) return false;
    if (rows.length == 0) return not_registered(error);
    *claims = chancery_sql_row_json(&rows, 0);
    chancery_json_add(*claims, "source", "sql");
    return true;
}
{% elif source == "http" %}
// The registry's address, without a slash at its end.
static const char *registry(void) {
    char *url = chancery_join(chancery_config("registry"), NULL);
    for (size_t end = strlen(url); end > 0 && url[end - 1] == '/'; end--) url[end - 1] = 0;
    return url;
}

static bool unavailable(chancery_error *error, const char *detail) {
    chancery_unavailable(error, "The registry does not answer at the moment.");
    return chancery_detail(error, detail);
}

// Asks the registry.
static bool look_up(const char *id, yyjson_mut_doc **claims, chancery_error *error) {
{% if wants.sign %}
    // The key stays in the host.
    yyjson_mut_doc *about = chancery_json_object();
    chancery_json_add(about, "sub", id);
    const char *assertion;
    if (!chancery_sign_jwt("registry", chancery_json_write(about), &assertion, error)) return false;
{% endif %}
{% if wants.reveal %}
    // The value is in the plugin now: never log it, never answer with it.
    chancery_bytes token;
    if (!chancery_reveal("registry-token", &token, error)) return false;
{% endif %}
    const char *headers[] = {
        "accept", "application/json",
{% if wants.sign %}
        "authorization", chancery_join("Bearer ", assertion, NULL),
{% endif %}
{% if wants.reveal %}
        "x-api-key", (const char *)token.data,
{% endif %}
        NULL,
    };
    chancery_http_request request = {
        // Whatever an id holds, it stays one segment of the path, or the request is refused.
        .url = chancery_join(registry(), "/people/", chancery_percent_encode(id), NULL),
        .headers = headers,
        .timeout_ms = TIMEOUT_MS,
        .traced = true,
    };
    chancery_http_response answer;
    if (!chancery_http_send(&request, &answer, error)) return false;
    if (answer.status == 404) return not_registered(error);
    if (answer.status != 200) {
        const char *answered = chancery_join("it answered ", chancery_number(answer.status), NULL);
        return unavailable(error, answered);
    }
    yyjson_val *person;
    if (!chancery_http_json(&answer, &person, error)) return false;
    if (!yyjson_is_obj(person)) return unavailable(error, "its JSON is no object");
    *claims = chancery_json_copy(person);
    chancery_json_add(*claims, "source", "http");
    return true;
}
{% elif source == "files" %}
// Looks into the granted file: an object with a member a person.
static bool look_up(const char *id, yyjson_mut_doc **claims, chancery_error *error) {
    chancery_bytes content;
    if (!chancery_file_content("/people.json", &content, error)) return false;
    yyjson_val *people = chancery_json_read_bytes(content);
    if (!yyjson_is_obj(people)) return chancery_misconfigured(error, "The data file is not JSON.");
    yyjson_val *person = yyjson_obj_get(people, id);
    if (!yyjson_is_obj(person)) return not_registered(error);
    *claims = chancery_json_copy(person);
    chancery_json_add(*claims, "source", "files");
    return true;
}
{% else %}
// Looks into the operator's [config]: a table a person, which the SDK hands over as JSON.
static bool look_up(const char *id, yyjson_mut_doc **claims, chancery_error *error) {
    const char *found = chancery_config(id);
    yyjson_val *person = found == NULL ? NULL : chancery_json_read(found);
    if (!yyjson_is_obj(person)) return not_registered(error);
    *claims = chancery_json_copy(person);
    chancery_json_add(*claims, "source", "config");
    return true;
}
{% endif %}
{% if wants.kv %}

// The person from the cache where it knows them. It may fail or forget: that costs time only.
static bool remembered(const char *id, yyjson_mut_doc **claims, chancery_error *error) {
    const char *key = chancery_join("person:", id, NULL);
    chancery_bytes kept;
    if (chancery_kv_get(key, &kept)) {
        yyjson_val *person = chancery_json_read_bytes(kept);
        if (yyjson_is_obj(person)) {
            *claims = chancery_json_copy(person);
            return true;
        }
    }
    if (!look_up(id, claims, error)) return false;
    chancery_kv_put(key, chancery_bytes_of(chancery_json_write(*claims)), KEPT_MS);
    return true;
}
{% endif %}

bool chancery_fetch(const chancery_request *request, chancery_data *data, chancery_error *error) {
    const char *id = request->subject.id;
    if (!{{ "remembered" if wants.kv else "look_up" }}(id, &data->claims, error)) return false;
{% if source != "http" and wants.sign %}
    // The key stays in the host.
    yyjson_mut_doc *about = chancery_json_object();
    chancery_json_add(about, "sub", id);
    const char *assertion;
    if (!chancery_sign_jwt("registry", chancery_json_write(about), &assertion, error)) return false;
    chancery_json_add(data->claims, "assertion", assertion);
{% endif %}
{% if source != "http" and wants.reveal %}
    // The value is in the plugin now: never log it, never answer with it.
    chancery_bytes token;
    if (!chancery_reveal("registry-token", &token, error)) return false;
    yyjson_mut_val *name = yyjson_mut_str(data->claims, "token_length");
    yyjson_mut_obj_put(yyjson_mut_doc_get_root(data->claims), name, yyjson_mut_uint(data->claims, token.size));
{% endif %}
    // No personal data in logs.
    chancery_log(CHANCERY_LOG_INFO, "looked up", "source", "{{ source }}", NULL);
    return true;
}
