// Capability http, by wasi:http.
#include "internal.h"

#define NANOSECONDS 1000000ull

// The parts of a URL. The host judges them again, and the address that the name stands for.
typedef struct url {
    bool https;
    const char *authority, *path;
} url;

static bool no_request(chancery_error *error, const char *reason) {
    return chancery_fail(error, CHANCERY_ERROR_INTERNAL, "The data source cannot be used.",
                         chancery_join("the request cannot be sent: ", reason, NULL));
}

static bool no_answer(chancery_error *error, const char *reason) {
    return chancery_fail(error, CHANCERY_ERROR_UNAVAILABLE, "The data source does not answer at the moment.", reason);
}

static char *part(const char *start, size_t length) {
    char *text = chancery_alloc(chancery_sum(length, 1));
    memcpy(text, start, length);
    text[length] = 0;
    return text;
}

// Whether a segment of a path would lead elsewhere: `.` or `..`, in whatever spelling.
static bool leads_elsewhere(const char *segment, size_t length) {
    size_t dots = 0;
    while (length > 0) {
        bool encoded = length >= 3 && segment[0] == '%' && segment[1] == '2' && (segment[2] == 'e' || segment[2] == 'E');
        if (!encoded && segment[0] != '.') return false;
        size_t step = encoded ? 3 : 1;
        segment += step;
        length -= step;
        dots++;
    }
    return dots == 1 || dots == 2;
}

static bool split(const char *text, url *url, chancery_error *error) {
    const char *rest = text;
    if (text == NULL) return no_request(error, "it has no URL");
    if (strncmp(text, "https://", 8) == 0) rest += 8;
    else if (strncmp(text, "http://", 7) == 0) rest += 7;
    else return no_request(error, "the URL must begin with https:// or http://");
    size_t authority = strcspn(rest, "/?#");
    for (const char *at = rest + authority; *at == '/';) {
        size_t length = strcspn(++at, "/?#");
        if (leads_elsewhere(at, length)) return no_request(error, "the URL's path must have no . or .. segments");
        at += length;
    }
    for (const char *at = rest; *at != 0; at++) {
        if (*at <= ' ' || *at == 0x7F || strchr("#\\\"<>^`{|}", *at) != NULL) {
            return no_request(error, "the URL has a character that must be percent-encoded, or a fragment");
        }
    }
    if (authority == 0 || memchr(rest, '@', authority) != NULL) {
        return no_request(error, "the URL's host is missing, or the URL carries a password");
    }
    url->https = rest == text + 8;
    url->authority = part(rest, authority);
    url->path = rest[authority] == '/' ? rest + authority : chancery_join("/", rest + authority, NULL);
    return true;
}

// ---------------------------------------------------------------------------------------------------------------------
// Errors of wasi:http, sorted by who can mend them

typedef struct reason {
    chancery_error_kind kind;
    const char *text;
} reason;

static reason why(uint8_t code) {
    switch (code) {
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_DENIED:
    case WASI_HTTP_TYPES_ERROR_CODE_DESTINATION_IP_PROHIBITED:
        return (reason){CHANCERY_ERROR_MISCONFIGURED,
                        "the grant does not allow this destination (allow, networks of [grants.http]), or the call has "
                        "used up http_requests of [limits]"};
    case WASI_HTTP_TYPES_ERROR_CODE_DNS_TIMEOUT:
    case WASI_HTTP_TYPES_ERROR_CODE_DNS_ERROR:
    case WASI_HTTP_TYPES_ERROR_CODE_DESTINATION_NOT_FOUND:
        return (reason){CHANCERY_ERROR_UNAVAILABLE, "the name cannot be resolved"};
    case WASI_HTTP_TYPES_ERROR_CODE_DESTINATION_UNAVAILABLE:
    case WASI_HTTP_TYPES_ERROR_CODE_DESTINATION_IP_UNROUTABLE:
    case WASI_HTTP_TYPES_ERROR_CODE_CONNECTION_REFUSED:
    case WASI_HTTP_TYPES_ERROR_CODE_CONNECTION_TERMINATED:
    case WASI_HTTP_TYPES_ERROR_CODE_CONNECTION_LIMIT_REACHED:
        return (reason){CHANCERY_ERROR_UNAVAILABLE, "no connection"};
    case WASI_HTTP_TYPES_ERROR_CODE_CONNECTION_TIMEOUT:
        return (reason){CHANCERY_ERROR_UNAVAILABLE, "no connection in time"};
    case WASI_HTTP_TYPES_ERROR_CODE_CONNECTION_READ_TIMEOUT:
    case WASI_HTTP_TYPES_ERROR_CODE_CONNECTION_WRITE_TIMEOUT:
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_RESPONSE_TIMEOUT:
        return (reason){CHANCERY_ERROR_UNAVAILABLE, "no answer in time"};
    case WASI_HTTP_TYPES_ERROR_CODE_TLS_PROTOCOL_ERROR:
    case WASI_HTTP_TYPES_ERROR_CODE_TLS_CERTIFICATE_ERROR:
    case WASI_HTTP_TYPES_ERROR_CODE_TLS_ALERT_RECEIVED:
        return (reason){CHANCERY_ERROR_MISCONFIGURED, "no secure connection"};
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_BODY_SIZE:
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_URI_TOO_LONG:
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_HEADER_SECTION_SIZE:
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_HEADER_SIZE:
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_TRAILER_SECTION_SIZE:
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_TRAILER_SIZE:
        return (reason){CHANCERY_ERROR_MISCONFIGURED, "the request exceeds request_max of [grants.http]"};
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_LENGTH_REQUIRED:
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_METHOD_INVALID:
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_URI_INVALID:
        return (reason){CHANCERY_ERROR_INTERNAL, "the request cannot be sent"};
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_RESPONSE_BODY_SIZE:
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_RESPONSE_HEADER_SECTION_SIZE:
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_RESPONSE_HEADER_SIZE:
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_RESPONSE_TRAILER_SECTION_SIZE:
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_RESPONSE_TRAILER_SIZE:
        return (reason){CHANCERY_ERROR_MISCONFIGURED, "the answer exceeds response_max of [grants.http]"};
    case WASI_HTTP_TYPES_ERROR_CODE_LOOP_DETECTED:
    case WASI_HTTP_TYPES_ERROR_CODE_CONFIGURATION_ERROR:
    case WASI_HTTP_TYPES_ERROR_CODE_INTERNAL_ERROR:
        return (reason){CHANCERY_ERROR_UNAVAILABLE, "the host cannot send requests"};
    default: return (reason){CHANCERY_ERROR_UNAVAILABLE, "the answer cannot be understood"};
    }
}

static bool failed(wasi_http_types_error_code_t *code, chancery_error *error) {
    reason found = why(code->tag);
    const char *detail = found.text;
    if (code->tag == WASI_HTTP_TYPES_ERROR_CODE_INTERNAL_ERROR && code->val.internal_error.is_some) {
        detail = chancery_join(detail, ": ", chancery_take(&code->val.internal_error.val), NULL);
    } else {
        wasi_http_types_error_code_free(code);
    }
    const char *message = found.kind == CHANCERY_ERROR_UNAVAILABLE ? "The data source does not answer at the moment."
                                                                   : "The data source cannot be used.";
    return chancery_fail(error, found.kind, message, detail);
}

// ---------------------------------------------------------------------------------------------------------------------
// Waiting

// What is waited for, or the end of the time that the exchange may take.
static bool wait(wasi_io_poll_own_pollable_t ready, uint64_t deadline, chancery_error *error) {
    wasi_io_poll_own_pollable_t timer = wasi_clocks_monotonic_clock_subscribe_instant(deadline);
    wasi_io_poll_borrow_pollable_t both[] = {wasi_io_poll_borrow_pollable(ready), wasi_io_poll_borrow_pollable(timer)};
    wasi_io_poll_list_borrow_pollable_t list = {both, 2};
    plugin_list_u32_t woken;
    wasi_io_poll_poll(&list, &woken);
    bool in_time = false;
    for (size_t at = 0; at < woken.len; at++) in_time = in_time || woken.ptr[at] == 0;
    free(woken.ptr);
    wasi_io_poll_pollable_drop_own(timer);
    wasi_io_poll_pollable_drop_own(ready);
    return in_time || no_answer(error, "no answer in time");
}

// ---------------------------------------------------------------------------------------------------------------------
// The request

static bool header(wasi_http_types_own_fields_t fields, const char *name, const char *text, chancery_error *error) {
    if (text == NULL) chancery_panic("a header has a name and no value");
    plugin_string_t key = chancery_lend(name);
    wasi_http_types_field_value_t value = {(uint8_t *)text, strlen(text)};
    wasi_http_types_header_error_t refused;
    wasi_http_types_borrow_fields_t to = wasi_http_types_borrow_fields(fields);
    if (wasi_http_types_method_fields_append(to, &key, &value, &refused)) return true;
    const char *reason = refused.tag == WASI_HTTP_TYPES_HEADER_ERROR_FORBIDDEN ? " is a header that plugins may not set"
                                                                               : ": the header is not valid";
    return no_request(error, chancery_join(name, reason, NULL));
}

static bool headers(const chancery_http_request *request, wasi_http_types_own_fields_t *fields, chancery_error *error) {
    *fields = wasi_http_types_constructor_fields();
    const char *parent = request->traced ? chancery_trace_parent() : NULL;
    bool all = parent == NULL || header(*fields, "traceparent", parent, error);
    for (const char *const *at = request->headers; all && at != NULL && at[0] != NULL; at += 2) {
        all = header(*fields, at[0], at[1], error);
    }
    if (!all) wasi_http_types_fields_drop_own(*fields);
    return all;
}

static wasi_http_types_method_t method(const char *name) {
    static const char *const NAMES[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};
    wasi_http_types_method_t method = {.tag = WASI_HTTP_TYPES_METHOD_OTHER};
    for (uint8_t at = 0; at < sizeof NAMES / sizeof *NAMES; at++) {
        if (strcmp(name, NAMES[at]) == 0) method.tag = at;
    }
    if (method.tag == WASI_HTTP_TYPES_METHOD_OTHER) method.val.other = chancery_lend(name);
    return method;
}

static bool prepare(const chancery_http_request *given, wasi_http_types_own_outgoing_request_t *request,
                    chancery_error *error) {
    url url;
    wasi_http_types_own_fields_t fields;
    if (!split(given->url, &url, error) || !headers(given, &fields, error)) return false;
    *request = wasi_http_types_constructor_outgoing_request(fields);
    wasi_http_types_borrow_outgoing_request_t to = wasi_http_types_borrow_outgoing_request(*request);
    wasi_http_types_method_t verb = method(given->method == NULL ? "GET" : given->method);
    wasi_http_types_scheme_t scheme = {.tag = url.https ? WASI_HTTP_TYPES_SCHEME_HTTPS : WASI_HTTP_TYPES_SCHEME_HTTP};
    plugin_string_t authority = chancery_lend(url.authority), path = chancery_lend(url.path);
    if (wasi_http_types_method_outgoing_request_set_method(to, &verb) &&
        wasi_http_types_method_outgoing_request_set_scheme(to, &scheme) &&
        wasi_http_types_method_outgoing_request_set_authority(to, &authority) &&
        wasi_http_types_method_outgoing_request_set_path_with_query(to, &path)) {
        return true;
    }
    wasi_http_types_outgoing_request_drop_own(*request);
    return no_request(error, "the method or the URL is not valid");
}

// False where the exchange is over already: the server may answer, or the host refuse, before all is written, and the
// response tells which.
static bool write_all(wasi_io_streams_borrow_output_stream_t stream, chancery_bytes body, uint64_t deadline) {
    while (body.size > 0) {
        uint64_t room;
        wasi_io_streams_stream_error_t closed;
        if (!wasi_io_streams_method_output_stream_check_write(stream, &room, &closed)) return false;
        if (room == 0) {
            chancery_error late;
            if (!wait(wasi_io_streams_method_output_stream_subscribe(stream), deadline, &late)) return false;
            continue;
        }
        plugin_list_u8_t piece = {(uint8_t *)body.data, room < body.size ? (size_t)room : body.size};
        if (!wasi_io_streams_method_output_stream_write(stream, &piece, &closed)) return false;
        body.data += piece.len;
        body.size -= piece.len;
    }
    return true;
}

static bool write_body(wasi_http_types_own_outgoing_body_t body, chancery_bytes bytes, uint64_t deadline,
                       chancery_error *error) {
    wasi_http_types_own_output_stream_t stream;
    if (!wasi_http_types_method_outgoing_body_write(wasi_http_types_borrow_outgoing_body(body), &stream)) {
        wasi_http_types_outgoing_body_drop_own(body);
        return no_request(error, "the body cannot be written");
    }
    bool whole = write_all(wasi_io_streams_borrow_output_stream(stream), bytes, deadline);
    wasi_io_streams_output_stream_drop_own(stream);
    if (!whole) {
        wasi_http_types_outgoing_body_drop_own(body);
        return true;
    }
    wasi_http_types_error_code_t code;
    return wasi_http_types_static_outgoing_body_finish(body, NULL, &code) || failed(&code, error);
}

static wasi_http_types_own_request_options_t options(uint64_t timeout) {
    wasi_http_types_own_request_options_t options = wasi_http_types_constructor_request_options();
    wasi_http_types_borrow_request_options_t to = wasi_http_types_borrow_request_options(options);
    wasi_http_types_duration_t limit = timeout;
    wasi_http_types_method_request_options_set_connect_timeout(to, &limit);
    wasi_http_types_method_request_options_set_first_byte_timeout(to, &limit);
    wasi_http_types_method_request_options_set_between_bytes_timeout(to, &limit);
    return options;
}

// ---------------------------------------------------------------------------------------------------------------------
// The answer

static bool answered(wasi_http_types_own_future_incoming_response_t future, uint64_t deadline,
                     wasi_http_types_own_incoming_response_t *response, chancery_error *error) {
    wasi_http_types_borrow_future_incoming_response_t from = wasi_http_types_borrow_future_incoming_response(future);
    wasi_http_types_result_result_own_incoming_response_error_code_void_t ready;
    while (!wasi_http_types_method_future_incoming_response_get(from, &ready)) {
        if (!wait(wasi_http_types_method_future_incoming_response_subscribe(from), deadline, error)) return false;
    }
    if (ready.is_err) return no_answer(error, "the answer was taken before");
    if (ready.val.ok.is_err) return failed(&ready.val.ok.val.err, error);
    *response = ready.val.ok.val.ok;
    return true;
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

static const char *const *take_headers(wasi_http_types_borrow_incoming_response_t response) {
    wasi_http_types_own_headers_t fields = wasi_http_types_method_incoming_response_headers(response);
    wasi_http_types_list_tuple2_field_name_field_value_t entries;
    wasi_http_types_method_fields_entries(wasi_http_types_borrow_fields(fields), &entries);
    size_t count = chancery_sum(chancery_product(2, entries.len), 1);
    const char **texts = chancery_alloc(chancery_product(count, sizeof *texts));
    for (size_t at = 0; at < entries.len; at++) {
        char *name = chancery_take(&entries.ptr[at].f0);
        for (char *c = name; *c != 0; c++) *c = lower(*c);
        texts[2 * at] = name;
        plugin_string_t value = {entries.ptr[at].f1.ptr, entries.ptr[at].f1.len};
        texts[2 * at + 1] = chancery_take(&value);
    }
    texts[2 * entries.len] = NULL;
    if (entries.len > 0) free(entries.ptr);
    wasi_http_types_fields_drop_own(fields);
    return texts;
}

static bool broken(wasi_io_streams_stream_error_t *given, chancery_error *error) {
    wasi_io_streams_own_error_t cause = given->val.last_operation_failed;
    wasi_http_types_error_code_t code;
    bool known = wasi_http_types_http_error_code(wasi_io_error_borrow_error(cause), &code);
    wasi_io_error_error_drop_own(cause);
    return known ? failed(&code, error) : no_answer(error, "the connection broke");
}

static bool read_all(wasi_io_streams_borrow_input_stream_t stream, uint64_t deadline, chancery_bytes *body,
                     chancery_error *error) {
    uint8_t *bytes = chancery_alloc(1);
    size_t size = 0, room = 0;
    for (;;) {
        plugin_list_u8_t piece;
        wasi_io_streams_stream_error_t ended;
        if (!wasi_io_streams_method_input_stream_read(stream, CHANCERY_CHUNK, &piece, &ended)) {
            bytes[size] = 0;
            *body = (chancery_bytes){bytes, size};
            return ended.tag == WASI_IO_STREAMS_STREAM_ERROR_CLOSED || broken(&ended, error);
        }
        if (piece.len == 0) {
            if (!wait(wasi_io_streams_method_input_stream_subscribe(stream), deadline, error)) return false;
            continue;
        }
        if (chancery_sum(size, piece.len) > room) {
            room = chancery_product(2, size + piece.len);
            bytes = chancery_resize(bytes, chancery_sum(room, 1));
        }
        memcpy(bytes + size, piece.ptr, piece.len);
        size += piece.len;
        free(piece.ptr);
    }
}

static bool read_body(wasi_http_types_borrow_incoming_response_t response, uint64_t deadline, chancery_bytes *bytes,
                      chancery_error *error) {
    wasi_http_types_own_incoming_body_t body;
    wasi_http_types_own_input_stream_t stream;
    if (!wasi_http_types_method_incoming_response_consume(response, &body)) return no_answer(error, "no body");
    bool done = wasi_http_types_method_incoming_body_stream(wasi_http_types_borrow_incoming_body(body), &stream);
    if (done) {
        done = read_all(wasi_io_streams_borrow_input_stream(stream), deadline, bytes, error);
        wasi_io_streams_input_stream_drop_own(stream);
    } else {
        no_answer(error, "no body");
    }
    wasi_http_types_incoming_body_drop_own(body);
    return done;
}

// ---------------------------------------------------------------------------------------------------------------------

static bool exchange(wasi_http_types_own_future_incoming_response_t future, uint64_t deadline,
                     chancery_http_response *response, chancery_error *error) {
    wasi_http_types_own_incoming_response_t incoming;
    if (!answered(future, deadline, &incoming, error)) return false;
    wasi_http_types_borrow_incoming_response_t from = wasi_http_types_borrow_incoming_response(incoming);
    response->status = wasi_http_types_method_incoming_response_status(from);
    response->headers = take_headers(from);
    bool done = read_body(from, deadline, &response->body, error);
    wasi_http_types_incoming_response_drop_own(incoming);
    return done;
}

bool chancery_http_send(const chancery_http_request *given, chancery_http_response *response, chancery_error *error) {
    uint32_t left = chancery_remaining_ms();
    uint64_t timeout = NANOSECONDS * (given->timeout_ms > 0 ? given->timeout_ms : left - left / 10);
    uint64_t deadline = wasi_clocks_monotonic_clock_now() + timeout;
    wasi_http_types_own_outgoing_request_t request;
    wasi_http_types_own_outgoing_body_t body;
    if (!prepare(given, &request, error)) return false;
    if (!wasi_http_types_method_outgoing_request_body(wasi_http_types_borrow_outgoing_request(request), &body)) {
        wasi_http_types_outgoing_request_drop_own(request);
        return no_request(error, "it has no body");
    }
    wasi_http_types_own_request_options_t limits = options(timeout);
    wasi_http_types_own_future_incoming_response_t future;
    wasi_http_types_error_code_t code;
    if (!wasi_http_outgoing_handler_handle(request, &limits, &future, &code)) {
        wasi_http_types_outgoing_body_drop_own(body);
        return failed(&code, error);
    }
    bool done = write_body(body, given->body, deadline, error) && exchange(future, deadline, response, error);
    wasi_http_types_future_incoming_response_drop_own(future);
    return done;
}

const char *chancery_http_header(const chancery_http_response *response, const char *name) {
    for (const char *const *at = response->headers; at[0] != NULL; at += 2) {
        size_t same = 0;
        while (name[same] != 0 && at[0][same] == lower(name[same])) same++;
        if (name[same] == 0 && at[0][same] == 0) return at[1];
    }
    return NULL;
}
