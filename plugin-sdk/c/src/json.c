// yyjson, on memory of the call.
#include <strings.h>

#include "internal.h"

static void *allocate(void *context, size_t size) {
    (void)context;
    return chancery_alloc(size);
}

static void *reallocate(void *context, void *pointer, size_t before, size_t size) {
    (void)context;
    (void)before;
    return chancery_resize(pointer, size);
}

static void release(void *context, void *pointer) {
    (void)context;
    chancery_free_early(pointer);
}

static const yyjson_alc of_the_call = {allocate, reallocate, release, NULL};

// A NUL (`\u0000`) would end a text early for C: `alice\u0000x` must not be taken for `alice`.
static void without_nul(const yyjson_doc *document) {
    for (size_t at = 0; at < document->val_read; at++) {
        yyjson_val *value = document->root + at;
        char *text = (char *)yyjson_get_str(value);
        for (size_t left = text == NULL ? 0 : yyjson_get_len(value); left > 0; left--, text++) {
            if (*text == 0) *text = 0x1A;
        }
    }
}

yyjson_val *chancery_json_read_bytes(chancery_bytes bytes) {
    // Without the flag for reading in place, yyjson leaves its input as it is.
    yyjson_doc *document = yyjson_read_opts((char *)bytes.data, bytes.size, 0, &of_the_call, NULL);
    if (document == NULL) return NULL;
    without_nul(document);
    return document->root;
}

yyjson_val *chancery_json_read(const char *text) {
    return chancery_json_read_bytes(chancery_bytes_of(text));
}

static yyjson_mut_doc *document(void) {
    yyjson_mut_doc *new = yyjson_mut_doc_new(&of_the_call);
    if (new == NULL) chancery_out_of_memory();
    return new;
}

yyjson_mut_doc *chancery_json_object(void) {
    yyjson_mut_doc *new = document();
    yyjson_mut_doc_set_root(new, yyjson_mut_obj(new));
    return new;
}

yyjson_mut_doc *chancery_json_copy(yyjson_val *value) {
    yyjson_mut_doc *new = document();
    yyjson_mut_doc_set_root(new, yyjson_val_mut_copy(new, value));
    return new;
}

void chancery_json_add(yyjson_mut_doc *document, const char *name, const char *value) {
    yyjson_mut_val *root = yyjson_mut_doc_get_root(document);
    if (!yyjson_mut_is_obj(root)) chancery_panic("chancery_json_add: the document's root is no object");
    // Copied: a text in an array of a function that has returned would be gone when the document is written.
    yyjson_mut_val *key = yyjson_mut_strncpy(document, name, chancery_length(name));
    // Replaces: a name that stands twice is what the host refuses in claims.
    yyjson_mut_obj_put(root, key, yyjson_mut_strcpy(document, value));
}

char *chancery_json_write(const yyjson_mut_doc *document) {
    return yyjson_mut_write_opts(document, 0, &of_the_call, NULL, NULL);
}

#ifdef CHANCERY_WITH_HTTP
// ---------------------------------------------------------------------------------------------------------------------
// JSON of a response

static bool begins(chancery_bytes text, const char *beginning) {
    return text.size >= strlen(beginning) && strncasecmp((const char *)text.data, beginning, strlen(beginning)) == 0;
}

static bool ends(chancery_bytes text, const char *end) {
    size_t size = strlen(end);
    return text.size >= size && strncasecmp((const char *)text.data + text.size - size, end, size) == 0;
}

// application/json, and what RFC 6839 builds on it, with any parameters.
static bool is_json(const char *content_type) {
    static const char JSON[] = "application/json";
    content_type += strspn(content_type, " \t");
    chancery_bytes type = {(const uint8_t *)content_type, strcspn(content_type, ";")};
    while (type.size > 0 && strchr(" \t", content_type[type.size - 1]) != NULL) type.size--;
    if (type.size == strlen(JSON)) return begins(type, JSON);
    return begins(type, "application/") && ends(type, "+json");
}

bool chancery_http_json(const chancery_http_response *response, yyjson_val **value, chancery_error *error) {
    static const char MESSAGE[] = "The data source does not answer at the moment.";
    const char *content_type = chancery_http_header(response, "content-type");
    if (content_type == NULL || !is_json(content_type)) {
        char shown[101] = "";
        strncat(shown, content_type == NULL ? "" : content_type, sizeof shown - 1);
        const char *detail = chancery_join("the answer cannot be understood: the content type is \"", shown,
                                           "\", not JSON", NULL);
        return chancery_fail(error, CHANCERY_ERROR_UNAVAILABLE, MESSAGE, detail);
    }
    *value = chancery_json_read_bytes(response->body);
    if (*value != NULL) return true;
    // Without the reader's own words: they may quote what is about a person.
    return chancery_fail(error, CHANCERY_ERROR_UNAVAILABLE, MESSAGE,
                         "the answer cannot be understood: the body is not JSON");
}
#endif
