// Capability journal.
#include "internal.h"

static bool failed(chancery_host_journal_journal_error_t *given, chancery_error *error) {
    static const char MESSAGE[] = "The journal cannot be written.";
    if (given->tag == CHANCERY_HOST_JOURNAL_JOURNAL_ERROR_FULL) {
        const char *limit = chancery_number((int64_t)given->val.full);
        const char *detail = chancery_join("max_file of [grants.journal] allows ", limit, " bytes a file", NULL);
        return chancery_fail(error, CHANCERY_ERROR_MISCONFIGURED, MESSAGE, detail);
    }
    return chancery_fail(error, CHANCERY_ERROR_UNAVAILABLE, MESSAGE, chancery_take(&given->val.unavailable));
}

// As many whole lines as one call takes.
static size_t lines_of(chancery_bytes bytes) {
    if (bytes.size <= CHANCERY_CHUNK) return bytes.size;
    size_t end = CHANCERY_CHUNK;
    while (end > 0 && bytes.data[end - 1] != '\n') end--;
    // A longer line is refused by the host, which says so.
    return end > 0 ? end : bytes.size;
}

bool chancery_journal_append(chancery_bytes lines, chancery_error *error) {
    while (lines.size > 0) {
        plugin_list_u8_t bytes = {(uint8_t *)lines.data, lines_of(lines)};
        chancery_host_journal_journal_error_t reason;
        if (!chancery_host_journal_append(&bytes, &reason)) {
            if (reason.tag != CHANCERY_HOST_JOURNAL_JOURNAL_ERROR_FULL) return failed(&reason, error);
            if (!chancery_journal_rotate(error)) return false;
            if (!chancery_host_journal_append(&bytes, &reason)) return failed(&reason, error);
        }
        lines.data += bytes.len;
        lines.size -= bytes.len;
    }
    return true;
}

bool chancery_journal_size(uint64_t *size, chancery_error *error) {
    chancery_host_journal_journal_error_t reason;
    return chancery_host_journal_size(size, &reason) || failed(&reason, error);
}

bool chancery_journal_begun_at(uint64_t *unix_ms, chancery_error *error) {
    plugin_option_u64_t begun;
    chancery_host_journal_journal_error_t reason;
    if (!chancery_host_journal_begun_at(&begun, &reason)) return failed(&reason, error);
    *unix_ms = begun.is_some ? begun.val : 0;
    return true;
}

bool chancery_journal_rotate(chancery_error *error) {
    chancery_host_journal_journal_error_t reason;
    return chancery_host_journal_rotate(&reason) || failed(&reason, error);
}
