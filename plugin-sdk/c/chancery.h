// What a plugin in C includes: the contract of plugins, in C's own terms.
//
// * A plugin defines `chancery_about` and the functions of its kind: `chancery_fetch`, or `chancery_issue` and
//   `chancery_poll`, or `chancery_deliver`. The others that are declared here belong to the SDK.
// * Texts are UTF-8 and end with a NUL. Where a text from the host holds a NUL itself, it reads as 0x1A there.
// * Everything that a function of the SDK returns lives until the call ends, and is never freed by the plugin.
// * Functions that can fail return true for success. What reports to `error` has then filled it and returns false, so
//   that `return chancery_not_found(error, "…");` ends a call.
// * Texts that a plugin hands to a chancery function are copied. Bytes are not: they have to stay until the function of
//   the plugin has returned and the host has them, as memory of the SDK does.
// * JSON is read and written with yyjson; its functions work on what the chancery_json functions return.
//
// By default every call has a fresh sandbox; an operator may let calls of one issuer share one (`instance = "warm"`).
// Rely on neither: what a plugin keeps in its own memory may be gone in the next call, or may be there.
#ifndef CHANCERY_H
#define CHANCERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "yyjson.h"

#ifdef __cplusplus
extern "C" {
#endif

// `chancery plugin build` defines one CHANCERY_WITH_… for each capability that wit/world.wit imports. Without it, a
// use of the capability does not compile, and this is what the compiler says.
#define CHANCERY_MISSING(import) \
    __attribute__((unavailable("wit/world.wit does not ask for it: add the line `import " import ";` to the world")))

// ---------------------------------------------------------------------------------------------------------------------
// Memory and texts

// Bytes of the host or of the plugin. What the SDK returns has a NUL behind the last byte.
typedef struct chancery_bytes {
    const uint8_t *data;
    size_t size;
} chancery_bytes;

// Memory that lives until the call ends, all zero at the beginning. Ends the call where there is none left.
void *chancery_alloc(size_t size) __attribute__((malloc, returns_nonnull));

// The texts one after the other, up to the closing NULL.
char *chancery_join(const char *first, ...) __attribute__((sentinel, returns_nonnull));

// A text that grows; all zero at the beginning. `text` is NULL until something was added.
typedef struct chancery_buffer {
    char *text;
    size_t length, room;
} chancery_buffer;

void chancery_append(chancery_buffer *buffer, const char *text);

// A number in decimal digits.
char *chancery_number(int64_t number) __attribute__((returns_nonnull));

// A text as one segment of a URL's path or one value of its query: all but letters, digits and `-._~` is encoded. A
// segment that is `.` or `..` means something else in any spelling: chancery_http_send refuses it.
char *chancery_percent_encode(const char *text) __attribute__((returns_nonnull));

// A member's name as a JSON pointer: "/" and the name, with `~` and `/` escaped.
char *chancery_pointer(const char *member) __attribute__((returns_nonnull));

// Whether two texts are the same; NULL equals NULL only.
bool chancery_same(const char *one, const char *other);

// The bytes of a text; none for NULL.
chancery_bytes chancery_bytes_of(const char *text);

// Ends this call at once, as a defect of the plugin; the host logs `message` and the line.
#define chancery_panic(message) chancery_panic_at(__FILE__, __LINE__, (message))
void chancery_panic_at(const char *file, unsigned line, const char *message) __attribute__((noreturn));

// ---------------------------------------------------------------------------------------------------------------------
// JSON

// The value that the text is, or NULL where it is not JSON. A NUL in a text of it (`\u0000`) reads as 0x1A. Of names
// that stand twice in an object, yyjson finds the first; the host refuses claims that hold such an object.
yyjson_val *chancery_json_read(const char *text);
yyjson_val *chancery_json_read_bytes(chancery_bytes bytes);

// A new document with an empty object as its root.
yyjson_mut_doc *chancery_json_object(void) __attribute__((returns_nonnull));

// A new document that holds a copy of `value`, to be changed.
yyjson_mut_doc *chancery_json_copy(yyjson_val *value) __attribute__((returns_nonnull));

// Sets a member of the object that is the document's root, in place of one that has the name. Both texts are copied.
// Without a value (NULL) the object has no such member afterwards.
void chancery_json_add(yyjson_mut_doc *document, const char *name, const char *value);

// The document as a text, without spaces. NULL where it has no root or holds what is not UTF-8.
char *chancery_json_write(const yyjson_mut_doc *document);

// ---------------------------------------------------------------------------------------------------------------------
// Errors

typedef enum chancery_error_kind {
    // The source does not know this subject. Not a failure of the plugin.
    CHANCERY_ERROR_NOT_FOUND = 1,
    // The source knows the subject and refuses. Not a failure of the plugin.
    CHANCERY_ERROR_DENIED,
    // The request cannot be answered as it is: a claim is missing, a setting does not fit.
    CHANCERY_ERROR_INVALID_REQUEST,
    // The source does not answer now; trying again may help.
    CHANCERY_ERROR_UNAVAILABLE,
    // The operator has to change configuration, grant or source.
    CHANCERY_ERROR_MISCONFIGURED,
    // A defect of the plugin.
    CHANCERY_ERROR_INTERNAL,
} chancery_error_kind;

// Why a call gave no result, for two readers.
typedef struct chancery_error {
    chancery_error_kind kind;
    // Safe to show to the holder: no personal data, no internals. One sentence; the host cuts it at 512 bytes.
    const char *message;
    // For the operator's log only: the source's answer, a row number. NULL for none; the host cuts it at 4 KiB.
    const char *detail;
    // CHANCERY_ERROR_UNAVAILABLE only: when another attempt makes sense, in milliseconds from now; 0 when unknown.
    uint32_t retry_after_ms;
} chancery_error;

// Each fills `error` and returns false.
bool chancery_not_found(chancery_error *error, const char *message);
bool chancery_denied(chancery_error *error, const char *message);
bool chancery_invalid_request(chancery_error *error, const char *message);
bool chancery_unavailable(chancery_error *error, const char *message);
bool chancery_misconfigured(chancery_error *error, const char *message);
bool chancery_internal(chancery_error *error, const char *message);

// Adds to an error that was filled; returns false.
bool chancery_detail(chancery_error *error, const char *detail);
bool chancery_retry_after(chancery_error *error, uint32_t milliseconds);

// ---------------------------------------------------------------------------------------------------------------------
// What every plugin may use

typedef enum chancery_level {
    CHANCERY_LOG_TRACE,
    CHANCERY_LOG_DEBUG,
    CHANCERY_LOG_INFO,
    CHANCERY_LOG_WARN,
    CHANCERY_LOG_ERROR,
} chancery_level;

// Writes one line to the host's log, without personal data. Names and values of at most 32 fields follow the message,
// and NULL ends them: chancery_log(CHANCERY_LOG_INFO, "looked up", "source", "sql", NULL).
void chancery_log(chancery_level level, const char *message, ...) __attribute__((sentinel));

// One key of the grant file's [config]: a text as it is, any other value as JSON. NULL where it is not set.
const char *chancery_config(const char *key);

// The whole of [config] as a JSON object.
const char *chancery_config_all(void);

// The request id that the client also gets; empty outside of requests.
const char *chancery_trace_request_id(void);

// The W3C `traceparent` to send to a data source, or NULL.
const char *chancery_trace_parent(void);

// Milliseconds left for this call.
uint32_t chancery_remaining_ms(void);

// What `chancery_prepare` returned for this generation.
uint64_t chancery_prepared_size(void);

// Up to `size` bytes from `offset`; fewer at the end. At most 1 MiB a call.
chancery_bytes chancery_prepared_read(uint64_t offset, uint32_t size);

// ---------------------------------------------------------------------------------------------------------------------
// What every plugin defines

typedef struct chancery_plugin {
    const char *name;
    // Semantic version, such as "0.1.0".
    const char *version;
    // What the plugin does, in one sentence.
    const char *summary;
    // A JSON Schema of [config] as a text; NULL for none.
    const char *config_schema;
} chancery_plugin;

// Who the plugin is.
extern const chancery_plugin chancery_about;

// What is wrong with [config], as `chancery_validate_config` finds it.
typedef struct chancery_problems chancery_problems;

// Reports one fault. `path` is a JSON pointer such as "/registry"; `message` says what is wrong and what would be
// right.
void chancery_problem(chancery_problems *problems, const char *path, const char *message);

// Optional: checks [config], a JSON object as a text, and reports all faults at once. Without it everything is right.
void chancery_validate_config(const char *config, chancery_problems *problems);

// Optional: builds what every later call may read by `chancery_prepared_read`. Without it there is nothing.
bool chancery_prepare(chancery_bytes *prepared, chancery_error *error);

// Optional: whether the plugin could serve now. Without it, it could.
bool chancery_health(chancery_error *error);

// The person or thing that a credential is about.
typedef struct chancery_subject {
    // The identifier that the authorization server vouched for. Never empty.
    const char *id;
    // The token's claims, or those of the offer: a JSON object.
    const char *claims;
} chancery_subject;

// Names from the outside in, as in OpenID4VCI claims path pointers.
typedef struct chancery_path {
    const char *const *names;
    size_t length;
} chancery_path;

typedef struct chancery_request {
    // Names this request in every log and in the answer to the client.
    const char *request_id;
    const char *issuer_id;
    // OpenID4VCI `credential_configuration_id`.
    const char *configuration_id;
    // OpenID4VCI format identifier: dc+sd-jwt, ldp_vc, mso_mdoc, …
    const char *format;
    chancery_subject subject;
    // What is wanted; none means all. A hint: returning more is allowed.
    const chancery_path *requested_claims;
    size_t requested_claims_length;
    // BCP 47 language tags, best first.
    const char *const *locales;
    size_t locales_length;
    // The credential configuration's settings for this plugin: a JSON object.
    const char *settings;
    // Everything else that the host tells: a JSON object. Unknown members are to be ignored.
    const char *context;
    // Wall-clock time for this call in milliseconds, waiting for sources included.
    uint32_t budget_ms;
} chancery_request;

// ---------------------------------------------------------------------------------------------------------------------
// Kind data-provider

// What the source knows about the subject; all zero at the beginning.
typedef struct chancery_data {
    // A document whose root is an object: the `data` of the credential configuration's template.
    yyjson_mut_doc *claims;
    // Until when the source vouches for the data, in seconds since 1970; 0 where it sets no end.
    uint64_t valid_until;
    // Filled by `chancery_attach`.
    struct chancery_attachment *attachments;
} chancery_data;

// Adds a value that is too large for a claim, such as a photograph, under a name that templates use (`data.photo`). The
// host takes the bytes at once. Fails where the call's blobs would hold too much.
bool chancery_attach(chancery_data *data, const char *name, const char *media_type, chancery_bytes content,
                     chancery_error *error);

// Defined by the plugin: looks up the subject of the request. Read-only and repeatable.
bool chancery_fetch(const chancery_request *request, chancery_data *data, chancery_error *error);

// ---------------------------------------------------------------------------------------------------------------------
// Kind vc-issuance

// Whom the credential is to be bound to, from a key proof that the host checked.
typedef struct chancery_holder {
    // The holder's DID URL; NULL where the proof used none.
    const char *id;
    // OpenID4VCI proof type; NULL where no proof was asked for.
    const char *proof_type;
    // The holder's public key, a JSON object; NULL where no proof was asked for.
    const char *public_key_jwk;
} chancery_holder;

typedef struct chancery_poll_request {
    const char *request_id;
    const char *issuer_id;
    const char *configuration_id;
    const char *settings;
    // The token of the latest answer `chancery_pending`.
    chancery_bytes token;
    const char *context;
    uint32_t budget_ms;
} chancery_poll_request;

// Where an issuance stands; filled by one of the two functions below.
typedef struct chancery_issuance {
    enum { CHANCERY_UNSETTLED, CHANCERY_ISSUED, CHANCERY_PENDING } state;
    chancery_bytes bytes;
    const char *format;
    uint32_t retry_after_ms;
    // Optional for a credential: the other issuer's name for it, and a document for the host's record with `issuer`,
    // `valid_from`, `valid_until`.
    const char *external_id;
    yyjson_mut_doc *metadata;
} chancery_issuance;

// Done: `body` goes to the wallet byte for byte, in the format that was asked for. Returns true.
bool chancery_issued(chancery_issuance *issuance, const char *format, chancery_bytes body);

// Not yet: the host calls `chancery_poll` with the token later. Returns true.
bool chancery_pending(chancery_issuance *issuance, chancery_bytes token, uint32_t retry_after_ms);

// Defined by the plugin: starts an issuance. The host never repeats it with the same request id after an answer.
bool chancery_issue(const chancery_request *request, const chancery_holder *holder, chancery_issuance *issuance,
                    chancery_error *error);

// Defined by the plugin: continues a pending issuance. May be repeated: the same token must not issue twice.
bool chancery_poll(const chancery_poll_request *request, chancery_issuance *issuance, chancery_error *error);

// ---------------------------------------------------------------------------------------------------------------------
// Kind audit

typedef enum chancery_outcome {
    CHANCERY_OUTCOME_SUCCEEDED,
    CHANCERY_OUTCOME_DENIED,
    CHANCERY_OUTCOME_FAILED,
} chancery_outcome;

typedef struct chancery_event {
    // Unique; the same event keeps its id however often it is delivered.
    const char *id;
    // Position in the sealed order of all events.
    uint64_t sequence;
    // Milliseconds since 1970-01-01T00:00:00Z.
    uint64_t at_unix_ms;
    // NULL for actions of the whole server.
    const char *issuer_id;
    // Such as credential.issue.
    const char *action;
    chancery_outcome outcome;
    const char *actor;
    const char *object;
    // Empty where there was no request.
    const char *request_id;
    // A JSON object.
    const char *detail;
} chancery_event;

// What became of a batch. What it does not name is delivered again.
typedef struct chancery_receipt chancery_receipt;

void chancery_delivered(chancery_receipt *receipt, const chancery_event *event);
void chancery_rejected(chancery_receipt *receipt, const chancery_event *event, const char *reason);

// The event as the JSON object that sinks write, its members always in this order: id, sequence, time (RFC 3339, UTC,
// milliseconds), issuer_id, action, outcome, actor, object, request_id (null where there was none), detail.
const char *chancery_event_json(const chancery_event *event);

// Defined by the plugin: delivers events in order, each at least once. An error delivers the whole batch again.
bool chancery_deliver(const chancery_event *events, size_t count, chancery_receipt *receipt, chancery_error *error);

// ---------------------------------------------------------------------------------------------------------------------
// Capability http: requests to the hosts that the operator granted

#ifdef CHANCERY_WITH_HTTP
#define CHANCERY_HTTP
#else
#define CHANCERY_HTTP CHANCERY_MISSING("wasi:http/outgoing-handler@0.2.12")
#endif

typedef struct chancery_http_request {
    // NULL means GET.
    const char *method;
    // Begins with https:// or http://; what is put into it is encoded by `chancery_percent_encode`.
    const char *url;
    // Names and values in turn, closed by NULL; NULL for none.
    const char *const *headers;
    chancery_bytes body;
    // For the whole exchange; 0 leaves a tenth of what this call has left.
    uint32_t timeout_ms;
    // Sends the call's `traceparent` along, where the host traces it.
    bool traced;
} chancery_http_request;

typedef struct chancery_http_response {
    uint16_t status;
    // Names in lower case and values in turn, closed by NULL.
    const char *const *headers;
    chancery_bytes body;
} chancery_http_response;

// Sends a request and reads the whole answer, whatever its status. Redirects are not followed. Fails with
// CHANCERY_ERROR_UNAVAILABLE where trying again may help, and with CHANCERY_ERROR_MISCONFIGURED where the grant has to
// change.
CHANCERY_HTTP bool chancery_http_send(const chancery_http_request *request, chancery_http_response *response,
                                      chancery_error *error);

// The first header of that name, in any case of letters; NULL where there is none.
CHANCERY_HTTP const char *chancery_http_header(const chancery_http_response *response, const char *name);

// The body as JSON. Fails with CHANCERY_ERROR_UNAVAILABLE where it is none, or where its content type is neither
// `application/json` nor one that ends in `+json`: pages of proxies in between are no answers.
CHANCERY_HTTP bool chancery_http_json(const chancery_http_response *response, yyjson_val **value,
                                      chancery_error *error);

// ---------------------------------------------------------------------------------------------------------------------
// Capability sql: the statements that the grant file names

#ifdef CHANCERY_WITH_SQL
#define CHANCERY_SQL
#else
#define CHANCERY_SQL CHANCERY_MISSING("chancery:host/sql@0.1.0")
#endif

typedef enum chancery_sql_type {
    CHANCERY_SQL_NULL,
    CHANCERY_SQL_BOOLEAN,
    CHANCERY_SQL_INT,
    CHANCERY_SQL_FLOAT,
    CHANCERY_SQL_NUMERIC,
    CHANCERY_SQL_TEXT,
    CHANCERY_SQL_BYTES,
    CHANCERY_SQL_DATE,
    CHANCERY_SQL_TIME,
    CHANCERY_SQL_TIMESTAMP,
    CHANCERY_SQL_UUID,
    CHANCERY_SQL_JSON,
} chancery_sql_type;

typedef struct chancery_sql_value {
    chancery_sql_type type;
    bool boolean;
    int64_t integer;
    double real;
    // CHANCERY_SQL_BYTES.
    chancery_bytes bytes;
    // CHANCERY_SQL_NUMERIC and all that follow, without BYTES.
    const char *text;
} chancery_sql_value;

typedef struct chancery_sql_rows {
    const char *const *columns;
    size_t columns_length;
    // Row by row, `columns_length` values each.
    const chancery_sql_value *values;
    size_t length;
    // There were more rows than the grant's `max_rows`.
    bool truncated;
} chancery_sql_rows;

// Runs a named statement. `params` fill the parameters that the grant leaves to the plugin; the host fills the others
// (`@subject.id`) from the call at hand. A failure is sorted by who can mend it: see chancery_error_kind.
CHANCERY_SQL bool chancery_sql_run(const char *statement, const chancery_sql_value *params, size_t params_length,
                                   chancery_sql_rows *rows, chancery_error *error);

// The value of a column by its name; NULL where there is no such column.
CHANCERY_SQL const chancery_sql_value *chancery_sql_column(const chancery_sql_rows *rows, size_t row,
                                                           const char *name);

// One row as a JSON object: null, numbers and truth values as such, JSON as what it is, bytes in base64, all else as
// texts. Of columns with one name, the first counts.
CHANCERY_SQL yyjson_mut_doc *chancery_sql_row_json(const chancery_sql_rows *rows, size_t row);

// ---------------------------------------------------------------------------------------------------------------------
// Capability kv: a small cache that outlives a call

#ifdef CHANCERY_WITH_KV
#define CHANCERY_KV
#else
#define CHANCERY_KV CHANCERY_MISSING("chancery:host/kv@0.1.0")
#endif

// An entry may vanish at any moment, and the cache may not answer: a warning is logged then, and the plugin goes on
// without it. A key has 512 bytes at most.
CHANCERY_KV bool chancery_kv_get(const char *key, chancery_bytes *value);
// 0 milliseconds stand for the grant's maximum.
CHANCERY_KV void chancery_kv_put(const char *key, chancery_bytes value, uint64_t ttl_ms);
CHANCERY_KV void chancery_kv_delete(const char *key);

// ---------------------------------------------------------------------------------------------------------------------
// Capability files: read-only files that the operator granted

#ifdef CHANCERY_WITH_FILES
#define CHANCERY_FILES
#else
#define CHANCERY_FILES CHANCERY_MISSING("chancery:host/files@0.1.0")
#endif

// An open file.
typedef struct chancery_file {
    int32_t handle;
    uint64_t size;
} chancery_file;

CHANCERY_FILES bool chancery_file_open(const char *path, chancery_file *file, chancery_error *error);
// Up to `size` bytes from `offset`; fewer at the end.
CHANCERY_FILES chancery_bytes chancery_file_read(chancery_file file, uint64_t offset, size_t size);
CHANCERY_FILES void chancery_file_close(chancery_file file);
// A whole file.
CHANCERY_FILES bool chancery_file_content(const char *path, chancery_bytes *content, chancery_error *error);

// ---------------------------------------------------------------------------------------------------------------------
// Capabilities secrets and reveal

#ifdef CHANCERY_WITH_SECRETS
#define CHANCERY_SECRETS
#else
#define CHANCERY_SECRETS CHANCERY_MISSING("chancery:host/secrets@0.1.0")
#endif
#ifdef CHANCERY_WITH_REVEAL
#define CHANCERY_REVEAL
#else
#define CHANCERY_REVEAL CHANCERY_MISSING("chancery:host/reveal@0.1.0")
#endif

// Whether the secret is granted and its source gives it.
CHANCERY_SECRETS bool chancery_secret(const char *name, chancery_error *error);

// Its value. Each use is one audit event.
CHANCERY_REVEAL bool chancery_reveal(const char *name, chancery_bytes *value, chancery_error *error);

// ---------------------------------------------------------------------------------------------------------------------
// Capability sign: signatures with keys that stay in the host

#ifdef CHANCERY_WITH_SIGN
#define CHANCERY_SIGN
#else
#define CHANCERY_SIGN CHANCERY_MISSING("chancery:host/sign@0.1.0")
#endif

// A compact JWT over `claims`, a JSON object as a text. Purpose `jwt`; the host sets iat, exp and jti.
CHANCERY_SIGN bool chancery_sign_jwt(const char *key, const char *claims, const char **jwt, chancery_error *error);
// A compact JWS with detached payload. Purpose `detached-jws`.
CHANCERY_SIGN bool chancery_sign_detached_jws(const char *key, chancery_bytes payload, const char **jws,
                                              chancery_error *error);
// HMAC-SHA-256. Purpose `mac`.
CHANCERY_SIGN bool chancery_sign_mac(const char *key, chancery_bytes message, chancery_bytes *mac,
                                     chancery_error *error);

// ---------------------------------------------------------------------------------------------------------------------
// Capability journal: an append-only file for audit sinks

#ifdef CHANCERY_WITH_JOURNAL
#define CHANCERY_JOURNAL
#else
#define CHANCERY_JOURNAL CHANCERY_MISSING("chancery:host/journal@0.1.0")
#endif

// Appends whole lines, each with its newline; they are on disk when this returns. Where the file is full, a new one is
// begun.
CHANCERY_JOURNAL bool chancery_journal_append(chancery_bytes lines, chancery_error *error);
CHANCERY_JOURNAL bool chancery_journal_size(uint64_t *size, chancery_error *error);
// When the file in use was begun, in milliseconds since 1970; 0 while it is empty.
CHANCERY_JOURNAL bool chancery_journal_begun_at(uint64_t *unix_ms, chancery_error *error);
// Closes the file in use and begins a new one.
CHANCERY_JOURNAL bool chancery_journal_rotate(chancery_error *error);

#ifdef __cplusplus
}
#endif
#endif
