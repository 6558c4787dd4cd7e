// {{ title }}: gets finished credentials from another issuer, which makes and signs them.
//
// By default every call has a fresh sandbox; an operator may let calls of one issuer share one (`instance = "warm"`).
// Rely on neither: keep nothing between calls. What comes from the SDK lives until the call ends, and is never freed.
#include <string.h>

#include "chancery.h"

// For one request. The whole call has 5 s, unless the grant file says otherwise.
#define TIMEOUT_MS 3000

// When to ask again, where the issuer does not say, and what it may say: a day, at most.
#define RETRY_AFTER_S 30
#define MAX_RETRY_AFTER_S 86400

const chancery_plugin chancery_about = {
    .name = "{{ name }}",
    .version = "0.1.0",
    .summary = "Gets credentials from another issuer.",
};

// The operator's [config] has the issuer's address.
void chancery_validate_config(const char *config, chancery_problems *problems) {
    const char *issuer = yyjson_get_str(yyjson_obj_get(chancery_json_read(config), "issuer"));
    if (issuer == NULL || (strncmp(issuer, "https://", 8) != 0 && strncmp(issuer, "http://", 7) != 0)) {
        chancery_problem(problems, "/issuer", "must be the issuer's base URL, such as https://issuer.example.org");
    }
}
{% if wants.secrets %}

// The host asks before it lets the plugin serve.
bool chancery_health(chancery_error *error) {
    return chancery_secret("registry-token", error);
}
{% endif %}

// The issuer's address, without a slash at its end, and a path behind it.
static const char *url(const char *path) {
    char *base = chancery_join(chancery_config("issuer"), NULL);
    for (size_t end = strlen(base); end > 0 && base[end - 1] == '/'; end--) base[end - 1] = 0;
    return chancery_join(base, path, NULL);
}

{% if wants.sign %}
static bool send(chancery_http_request request, const char *about, chancery_http_response *answer,
                 chancery_error *error) {
    // The key stays in the host.
    yyjson_mut_doc *claims = chancery_json_object();
    chancery_json_add(claims, "sub", about);
    const char *assertion;
    if (!chancery_sign_jwt("registry", chancery_json_write(claims), &assertion, error)) return false;
{% else %}
static bool send(chancery_http_request request, chancery_http_response *answer, chancery_error *error) {
{% endif %}
{% if wants.reveal %}
    // The value is in the plugin now: never log it, never answer with it.
    chancery_bytes token;
    if (!chancery_reveal("registry-token", &token, error)) return false;
{% endif %}
    const char *headers[] = {
        "content-type", "application/json",
{% if wants.sign %}
        "authorization", chancery_join("Bearer ", assertion, NULL),
{% endif %}
{% if wants.reveal %}
        "x-api-key", (const char *)token.data,
{% endif %}
        NULL,
    };
    request.headers = headers;
    request.timeout_ms = TIMEOUT_MS;
    request.traced = true;
    return chancery_http_send(&request, answer, error);
}

static bool unavailable(chancery_error *error, const char *detail) {
    chancery_unavailable(error, "The issuer does not answer at the moment.");
    return chancery_detail(error, detail);
}

// A credential that is not ready. The host keeps the token sealed and hands it to `chancery_poll`, which is not told the
// format: it stands in the token too.
static bool not_ready(const chancery_http_response *answer, const char *format, chancery_issuance *issuance,
                      chancery_error *error) {
    yyjson_val *later;
    if (!chancery_http_json(answer, &later, error)) return false;
    const char *ticket = yyjson_get_str(yyjson_obj_get(later, "ticket"));
    if (ticket == NULL || *ticket == 0) return unavailable(error, "its 202 has no ticket");
    // 0 for all that is no whole number, and for what is below 0.
    yyjson_val *retry_after = yyjson_obj_get(later, "retry_after");
    uint64_t seconds = yyjson_is_uint(retry_after) ? yyjson_get_uint(retry_after) : 0;
    if (seconds < 1 || seconds > MAX_RETRY_AFTER_S) seconds = RETRY_AFTER_S;
    const char *token = chancery_join(format, " ", ticket, NULL);
    return chancery_pending(issuance, chancery_bytes_of(token), (uint32_t)seconds * 1000);
}

// What the other issuer's answer means.
static bool settle(const chancery_http_response *answer, const char *format, chancery_issuance *issuance,
                   chancery_error *error) {
    const char *answered = chancery_join("it answered ", chancery_number(answer->status), NULL);
    if (answer->status == 200 || answer->status == 201) {
        if (answer->body.size == 0) return unavailable(error, chancery_join(answered, " without a credential", NULL));
        return chancery_issued(issuance, format, answer->body);
    }
    if (answer->status == 202) return not_ready(answer, format, issuance, error);
    if (answer->status == 404) return chancery_not_found(error, "This person is not registered.");
    if (answer->status < 400 || answer->status == 429 || answer->status >= 500) return unavailable(error, answered);
    chancery_denied(error, "The issuer does not issue this credential.");
    return chancery_detail(error, answered);
}

bool chancery_issue(const chancery_request *request, const chancery_holder *holder, chancery_issuance *issuance,
                    chancery_error *error) {
    yyjson_mut_doc *order = chancery_json_object();
    chancery_json_add(order, "configuration", request->configuration_id);
    chancery_json_add(order, "format", request->format);
    chancery_json_add(order, "subject", request->subject.id);
    // Whom the credential is to be bound to; null where no proof was asked for.
    yyjson_mut_val *id = holder->id == NULL ? yyjson_mut_null(order) : yyjson_mut_str(order, holder->id);
    yyjson_mut_obj_add_val(order, yyjson_mut_doc_get_root(order), "holder", id);
    // The same for each repetition: nothing is issued twice.
    chancery_json_add(order, "request_id", request->request_id);
    chancery_http_request post = {
        .method = "POST",
        .url = url("/credentials"),
        .body = chancery_bytes_of(chancery_json_write(order)),
    };
    chancery_http_response answer;
    if (!send(post, {{ "request->subject.id, " if wants.sign }}&answer, error)) return false;
    chancery_log(CHANCERY_LOG_INFO, "asked for", "status", chancery_number(answer.status), NULL);
    return settle(&answer, request->format, issuance, error);
}

// Runs in another sandbox than `chancery_issue`: what it has to know stands in the token.
bool chancery_poll(const chancery_poll_request *request, chancery_issuance *issuance, chancery_error *error) {
    char *format = chancery_join((const char *)request->token.data, NULL);
    char *ticket = strchr(format, ' ');
    if (ticket == NULL || ticket[1] == 0) return chancery_internal(error, "The ticket cannot be read.");
    *ticket++ = 0;
    chancery_http_request get = {.url = url(chancery_join("/credentials/", chancery_percent_encode(ticket), NULL))};
    chancery_http_response answer;
    if (!send(get, {{ "ticket, " if wants.sign }}&answer, error)) return false;
    chancery_log(CHANCERY_LOG_INFO, "asked again", "status", chancery_number(answer.status), NULL);
    return settle(&answer, format, issuance, error);
}
