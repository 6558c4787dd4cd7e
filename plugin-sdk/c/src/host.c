// The imports that need no grant, and the exports of every plugin.
#include <stdarg.h>

#include "internal.h"

// The contract's limit; more is not worth a call.
#define MAX_FIELDS 32

void chancery_log(chancery_level level, const char *message, ...) {
    plugin_tuple2_string_string_t fields[MAX_FIELDS];
    plugin_list_tuple2_string_string_t list = {fields, 0};
    va_list more;
    va_start(more, message);
    for (const char *name; list.len < MAX_FIELDS && (name = va_arg(more, const char *)) != NULL; list.len++) {
        const char *value = va_arg(more, const char *);
        fields[list.len].f0 = chancery_lend(name);
        fields[list.len].f1 = chancery_lend(value == NULL ? "" : value);
        if (value == NULL) break;
    }
    va_end(more);
    plugin_string_t text = chancery_lend(message);
    chancery_host_log_write((chancery_host_log_level_t)level, &text, &list);
}

const char *chancery_config(const char *key) {
    plugin_string_t name = chancery_lend(key), value;
    return chancery_host_config_get(&name, &value) ? chancery_take(&value) : NULL;
}

const char *chancery_config_all(void) {
    plugin_string_t all;
    chancery_host_config_all(&all);
    return chancery_take(&all);
}

const char *chancery_trace_request_id(void) {
    plugin_string_t id;
    chancery_host_trace_request_id(&id);
    return chancery_take(&id);
}

const char *chancery_trace_parent(void) {
    plugin_string_t parent;
    return chancery_host_trace_traceparent(&parent) ? chancery_take(&parent) : NULL;
}

uint32_t chancery_remaining_ms(void) {
    return chancery_host_trace_remaining_ms();
}

uint64_t chancery_prepared_size(void) {
    return chancery_host_prepared_size();
}

chancery_bytes chancery_prepared_read(uint64_t offset, uint32_t size) {
    plugin_list_u8_t bytes;
    chancery_host_prepared_read(offset, size, &bytes);
    return chancery_take_bytes(&bytes);
}

// ---------------------------------------------------------------------------------------------------------------------
// lifecycle

__attribute__((weak)) void chancery_validate_config(const char *config, chancery_problems *problems) {
    (void)config;
    (void)problems;
}

__attribute__((weak)) bool chancery_prepare(chancery_bytes *prepared, chancery_error *error) {
    (void)prepared;
    (void)error;
    return true;
}

__attribute__((weak)) bool chancery_health(chancery_error *error) {
    (void)error;
    return true;
}

void exports_chancery_plugin_lifecycle_describe(plugin_string_t *ret) {
    if (chancery_about.name == NULL || chancery_about.version == NULL || chancery_about.summary == NULL) {
        chancery_panic("chancery_about needs a name, a version and a summary");
    }
    yyjson_mut_doc *about = chancery_json_object();
    yyjson_mut_obj_add_str(about, about->root, "name", chancery_about.name);
    yyjson_mut_obj_add_str(about, about->root, "version", chancery_about.version);
    yyjson_mut_obj_add_str(about, about->root, "summary", chancery_about.summary);
    const char *schema = chancery_about.config_schema == NULL ? "null" : chancery_about.config_schema;
    yyjson_mut_obj_add_val(about, about->root, "config_schema", yyjson_mut_raw(about, schema));
    const char *json = chancery_json_write(about);
    if (json == NULL) chancery_panic("chancery_about is not UTF-8");
    *ret = chancery_give(json);
    chancery_release();
}

struct chancery_problems {
    const char **texts;
    size_t length;
};

void chancery_problem(chancery_problems *problems, const char *path, const char *message) {
    size_t room = chancery_product(2 * sizeof *problems->texts, chancery_sum(problems->length, 1));
    problems->texts = chancery_resize(problems->texts, room);
    problems->texts[2 * problems->length] = chancery_keep(path);
    problems->texts[2 * problems->length + 1] = chancery_keep(message);
    problems->length++;
}

bool exports_chancery_plugin_lifecycle_validate_config(plugin_string_t *config,
                                                       exports_chancery_plugin_lifecycle_list_config_problem_t *err) {
    chancery_problems found = {NULL, 0};
    chancery_validate_config(chancery_take(config), &found);
    err->len = found.length;
    err->ptr = chancery_give_array(found.length, sizeof *err->ptr);
    for (size_t at = 0; at < found.length; at++) {
        err->ptr[at].path = chancery_give(found.texts[2 * at]);
        err->ptr[at].message = chancery_give(found.texts[2 * at + 1]);
    }
    chancery_release();
    return found.length == 0;
}

bool exports_chancery_plugin_lifecycle_prepare(plugin_list_u8_t *ret,
                                               exports_chancery_plugin_lifecycle_error_t *err) {
    chancery_bytes prepared = {NULL, 0};
    chancery_error error = {0};
    bool done = chancery_prepare(&prepared, &error);
    if (done) *ret = chancery_give_bytes(prepared);
    else chancery_give_error("chancery_prepare", &error, err);
    chancery_release();
    return done;
}

bool exports_chancery_plugin_lifecycle_health(exports_chancery_plugin_lifecycle_error_t *err) {
    chancery_error error = {0};
    bool done = chancery_health(&error);
    if (!done) chancery_give_error("chancery_health", &error, err);
    chancery_release();
    return done;
}
