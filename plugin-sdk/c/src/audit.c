// Exports of kind audit.
#include "internal.h"

struct chancery_receipt {
    exports_chancery_plugin_audit_receipt_t *given;
};

// The answer grows in memory that the host's side of the bindings gives back.
static void *grown(void *array, size_t length, size_t size) {
    void *new = realloc(array, chancery_product(chancery_sum(length, 1), size));
    if (new == NULL) chancery_out_of_memory();
    return new;
}

void chancery_delivered(chancery_receipt *receipt, const chancery_event *event) {
    plugin_list_string_t *list = &receipt->given->delivered;
    list->ptr = grown(list->ptr, list->len, sizeof *list->ptr);
    list->ptr[list->len++] = chancery_give(event->id);
}

void chancery_rejected(chancery_receipt *receipt, const chancery_event *event, const char *reason) {
    exports_chancery_plugin_audit_list_rejection_t *list = &receipt->given->rejected;
    list->ptr = grown(list->ptr, list->len, sizeof *list->ptr);
    list->ptr[list->len].id = chancery_give(event->id);
    list->ptr[list->len++].reason = chancery_give(reason);
}

// A number with at least that many digits.
static char *padded(char *end, uint64_t number, size_t digits) {
    for (size_t at = digits; at-- > 0; number /= 10) end[at] = (char)('0' + number % 10);
    return end + digits;
}

// RFC 3339 in UTC; the calendar by days since 1 March 0000, as in Howard Hinnant's `civil_from_days`.
static const char *rfc3339(uint64_t unix_ms) {
    uint64_t day = unix_ms / 86400000, rest = unix_ms % 86400000;
    uint64_t since = day + 719468, era = since / 146097, of_era = since % 146097;
    uint64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint64_t shifted = (5 * of_year + 2) / 153, month = shifted < 10 ? shifted + 3 : shifted - 9;
    uint64_t year = year_of_era + era * 400 + (month <= 2);
    const struct {
        uint64_t number;
        size_t digits;
        char after;
    } parts[] = {
        {year, 4, '-'},
        {month, 2, '-'},
        {of_year - (153 * shifted + 2) / 5 + 1, 2, 'T'},
        {rest / 3600000, 2, ':'},
        {rest / 60000 % 60, 2, ':'},
        {rest / 1000 % 60, 2, '.'},
        {rest % 1000, 3, 'Z'},
    };
    char *text = chancery_alloc(sizeof "2000-01-01T00:00:00.000Z"), *end = text;
    for (size_t at = 0; at < sizeof parts / sizeof *parts; at++) {
        end = padded(end, parts[at].number, parts[at].digits);
        *end++ = parts[at].after;
    }
    *end = 0;
    return text;
}

const char *chancery_event_json(const chancery_event *event) {
    static const char *const OUTCOMES[] = {"succeeded", "denied", "failed"};
    yyjson_mut_doc *json = chancery_json_object();
    yyjson_mut_val *root = json->root;
    // yyjson turns a NULL text down: null has its own function.
    const char *request_id = event->request_id[0] == 0 ? NULL : event->request_id;
    yyjson_mut_obj_add_str(json, root, "id", event->id);
    yyjson_mut_obj_add_uint(json, root, "sequence", event->sequence);
    yyjson_mut_obj_add_str(json, root, "time", rfc3339(event->at_unix_ms));
    if (event->issuer_id == NULL) yyjson_mut_obj_add_null(json, root, "issuer_id");
    else yyjson_mut_obj_add_str(json, root, "issuer_id", event->issuer_id);
    yyjson_mut_obj_add_str(json, root, "action", event->action);
    yyjson_mut_obj_add_str(json, root, "outcome", OUTCOMES[event->outcome]);
    yyjson_mut_obj_add_str(json, root, "actor", event->actor);
    yyjson_mut_obj_add_str(json, root, "object", event->object);
    if (request_id == NULL) yyjson_mut_obj_add_null(json, root, "request_id");
    else yyjson_mut_obj_add_str(json, root, "request_id", request_id);
    yyjson_mut_obj_add_val(json, root, "detail", yyjson_mut_raw(json, event->detail));
    const char *text = chancery_json_write(json);
    if (text == NULL) chancery_panic("an event holds what is not UTF-8");
    return text;
}

bool exports_chancery_plugin_audit_deliver(exports_chancery_plugin_audit_list_event_t *batch,
                                           exports_chancery_plugin_audit_receipt_t *ret,
                                           exports_chancery_plugin_audit_error_t *err) {
    chancery_event *events = chancery_alloc(chancery_product(batch->len, sizeof *events));
    for (size_t at = 0; at < batch->len; at++) {
        exports_chancery_plugin_audit_event_t *given = &batch->ptr[at];
        events[at] = (chancery_event){
            .id = chancery_take(&given->id),
            .sequence = given->sequence,
            .at_unix_ms = given->at_unix_ms,
            .issuer_id = chancery_take_option(&given->issuer_id),
            .action = chancery_take(&given->action),
            .outcome = (chancery_outcome)given->outcome,
            .actor = chancery_take(&given->actor),
            .object = chancery_take(&given->object),
            .request_id = chancery_take(&given->request_id),
            .detail = chancery_take(&given->detail),
        };
    }
    size_t count = batch->len;
    if (count > 0) free(batch->ptr);
    exports_chancery_plugin_audit_receipt_t answer = {0};
    chancery_error error = {0};
    bool done = chancery_deliver(events, count, &(chancery_receipt){&answer}, &error);
    if (done) {
        *ret = answer;
    } else {
        exports_chancery_plugin_audit_receipt_free(&answer);
        chancery_give_error("chancery_deliver", &error, err);
    }
    chancery_release();
    return done;
}
