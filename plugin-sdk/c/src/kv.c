// Capability kv.
#include "internal.h"

// A cache that does not answer costs time only: the operator reads it in the log.
static void warn(const char *what, chancery_host_kv_kv_error_t *given) {
    const char *reason;
    switch (given->tag) {
    case CHANCERY_HOST_KV_KV_ERROR_BAD_KEY: reason = "the key is empty or longer than 512 bytes"; break;
    case CHANCERY_HOST_KV_KV_ERROR_TOO_LARGE:
        reason = chancery_join("a value may hold ", chancery_number((int64_t)given->val.too_large), " bytes", NULL);
        break;
    default: reason = chancery_take(&given->val.unavailable);
    }
    // Without the key: it may name a person.
    chancery_log(CHANCERY_LOG_WARN, what, "reason", reason, NULL);
}

bool chancery_kv_get(const char *key, chancery_bytes *value) {
    plugin_string_t lent = chancery_lend(key);
    plugin_option_list_u8_t found;
    chancery_host_kv_kv_error_t error;
    if (!chancery_host_kv_get(&lent, &found, &error)) {
        warn("the cache cannot be read", &error);
        return false;
    }
    if (found.is_some) *value = chancery_take_bytes(&found.val);
    return found.is_some;
}

void chancery_kv_put(const char *key, chancery_bytes value, uint64_t ttl_ms) {
    plugin_string_t lent = chancery_lend(key);
    plugin_list_u8_t bytes = chancery_lend_bytes(value);
    chancery_host_kv_kv_error_t error;
    if (!chancery_host_kv_put(&lent, &bytes, ttl_ms > 0 ? &ttl_ms : NULL, &error)) {
        warn("the cache cannot be written", &error);
    }
}

void chancery_kv_delete(const char *key) {
    plugin_string_t lent = chancery_lend(key);
    chancery_host_kv_kv_error_t error;
    if (!chancery_host_kv_delete(&lent, &error)) warn("the cache cannot be written", &error);
}
