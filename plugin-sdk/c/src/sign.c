// Capability sign.
#include "internal.h"

static bool failed(const char *key, chancery_host_sign_sign_error_t *given, chancery_error *error) {
    static const char MESSAGE[] = "The request to the data source cannot be signed.";
    switch (given->tag) {
    case CHANCERY_HOST_SIGN_SIGN_ERROR_NOT_GRANTED:
        return chancery_fail(error, CHANCERY_ERROR_MISCONFIGURED, MESSAGE,
                             chancery_join("no key \"", key, "\" is granted: add [grants.sign.keys.", key, "]", NULL));
    case CHANCERY_HOST_SIGN_SIGN_ERROR_WRONG_PURPOSE:
        return chancery_fail(error, CHANCERY_ERROR_MISCONFIGURED, MESSAGE,
                             chancery_join("the key is granted for the purpose \"",
                                           chancery_take(&given->val.wrong_purpose), "\"", NULL));
    case CHANCERY_HOST_SIGN_SIGN_ERROR_BAD_INPUT:
        return chancery_fail(error, CHANCERY_ERROR_INTERNAL, MESSAGE,
                             chancery_join("the input is refused: ", chancery_take(&given->val.bad_input), NULL));
    default:
        return chancery_fail(error, CHANCERY_ERROR_UNAVAILABLE, MESSAGE,
                             chancery_join("the key does not answer: ", chancery_take(&given->val.unavailable), NULL));
    }
}

bool chancery_sign_jwt(const char *key, const char *claims, const char **jwt, chancery_error *error) {
    plugin_string_t name = chancery_lend(key), payload = chancery_lend(claims), signed_;
    chancery_host_sign_sign_error_t reason;
    if (!chancery_host_sign_jwt(&name, &payload, &signed_, &reason)) return failed(key, &reason, error);
    *jwt = chancery_take(&signed_);
    return true;
}

bool chancery_sign_detached_jws(const char *key, chancery_bytes payload, const char **jws, chancery_error *error) {
    plugin_string_t name = chancery_lend(key), signed_;
    plugin_list_u8_t bytes = chancery_lend_bytes(payload);
    chancery_host_sign_sign_error_t reason;
    if (!chancery_host_sign_detached_jws(&name, &bytes, &signed_, &reason)) return failed(key, &reason, error);
    *jws = chancery_take(&signed_);
    return true;
}

bool chancery_sign_mac(const char *key, chancery_bytes message, chancery_bytes *mac, chancery_error *error) {
    plugin_string_t name = chancery_lend(key);
    plugin_list_u8_t bytes = chancery_lend_bytes(message), tag;
    chancery_host_sign_sign_error_t reason;
    if (!chancery_host_sign_mac(&name, &bytes, &tag, &reason)) return failed(key, &reason, error);
    *mac = chancery_take_bytes(&tag);
    return true;
}
