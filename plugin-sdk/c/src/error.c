// Errors, and what ends a call at once.
#include "internal.h"

bool chancery_fail(chancery_error *error, chancery_error_kind kind, const char *message, const char *detail) {
    // Copied: a text in an array of the function that fails is gone when the host reads it.
    *error = (chancery_error){.kind = kind, .message = chancery_keep(message), .detail = chancery_keep(detail)};
    return false;
}

bool chancery_not_found(chancery_error *error, const char *message) {
    return chancery_fail(error, CHANCERY_ERROR_NOT_FOUND, message, NULL);
}

bool chancery_denied(chancery_error *error, const char *message) {
    return chancery_fail(error, CHANCERY_ERROR_DENIED, message, NULL);
}

bool chancery_invalid_request(chancery_error *error, const char *message) {
    return chancery_fail(error, CHANCERY_ERROR_INVALID_REQUEST, message, NULL);
}

bool chancery_unavailable(chancery_error *error, const char *message) {
    return chancery_fail(error, CHANCERY_ERROR_UNAVAILABLE, message, NULL);
}

bool chancery_misconfigured(chancery_error *error, const char *message) {
    return chancery_fail(error, CHANCERY_ERROR_MISCONFIGURED, message, NULL);
}

bool chancery_internal(chancery_error *error, const char *message) {
    return chancery_fail(error, CHANCERY_ERROR_INTERNAL, message, NULL);
}

bool chancery_detail(chancery_error *error, const char *detail) {
    error->detail = chancery_keep(detail);
    return false;
}

bool chancery_retry_after(chancery_error *error, uint32_t milliseconds) {
    error->retry_after_ms = milliseconds;
    return false;
}

// What a function that returned false without a word is reported as.
static chancery_error unsaid(const char *function) {
    const char *detail = chancery_join(function, " returned false and filled no error", NULL);
    return (chancery_error){CHANCERY_ERROR_INTERNAL, "The plugin failed.", detail, 0};
}

void chancery_give_error(const char *function, const chancery_error *error, chancery_plugin_types_error_t *given) {
    chancery_error said = error->kind == 0 || error->message == NULL ? unsaid(function) : *error;
    chancery_plugin_types_problem_t problem = {chancery_give(said.message), chancery_give_option(said.detail)};
    // The cases stand in the order of the contract.
    given->tag = (uint8_t)(said.kind - CHANCERY_ERROR_NOT_FOUND);
    if (said.kind == CHANCERY_ERROR_UNAVAILABLE) {
        given->val.unavailable.problem = problem;
        given->val.unavailable.after_ms.is_some = said.retry_after_ms > 0;
        given->val.unavailable.after_ms.val = said.retry_after_ms;
    } else {
        given->val.not_found = problem;
    }
}

void chancery_panic_at(const char *file, unsigned line, const char *message) {
    static bool panicking;
    // Saying so needs memory, which may be what there is none of.
    if (!panicking) {
        panicking = true;
        chancery_log(CHANCERY_LOG_ERROR, message, "file", file, "line", chancery_number(line), NULL);
    }
    __builtin_trap();
}

// What assert calls in a plugin's code, where the build gives `__assert_fail` this name: the C library's would write to
// stderr, and bring all of stdio with it.
_Noreturn void chancery_assert_fail(const char *expression, const char *file, int line, const char *function);
_Noreturn void chancery_assert_fail(const char *expression, const char *file, int line, const char *function) {
    (void)function;
    chancery_panic_at(file, (unsigned)line, chancery_join("assertion failed: ", expression, NULL));
}
