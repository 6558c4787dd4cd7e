// Texts of a call.
#include <stdarg.h>

#include "internal.h"

size_t chancery_length(const char *text) {
    if (text == NULL) chancery_panic("a text is NULL where the SDK needs one");
    return strlen(text);
}

const char *chancery_keep(const char *text) {
    return text == NULL ? NULL : chancery_join(text, NULL);
}

char *chancery_join(const char *first, ...) {
    va_list texts;
    size_t size = 1;
    va_start(texts, first);
    for (const char *text = first; text != NULL; text = va_arg(texts, const char *)) {
        size = chancery_sum(size, strlen(text));
    }
    va_end(texts);
    char *joined = chancery_alloc(size), *end = joined;
    va_start(texts, first);
    for (const char *text = first; text != NULL; text = va_arg(texts, const char *)) {
        size_t length = strlen(text);
        memcpy(end, text, length);
        end += length;
    }
    va_end(texts);
    *end = 0;
    return joined;
}

void chancery_append(chancery_buffer *buffer, const char *text) {
    size_t length = chancery_length(text), whole = chancery_sum(buffer->length, length);
    char *before = NULL;
    if (whole >= buffer->room) {
        before = buffer->text;
        buffer->room = chancery_sum(chancery_product(2, whole), 1);
        buffer->text = chancery_alloc(buffer->room);
        if (before != NULL) memcpy(buffer->text, before, buffer->length);
    }
    memcpy(buffer->text + buffer->length, text, length);
    buffer->text[whole] = 0;
    buffer->length = whole;
    // Not before: `text` may lie in it.
    chancery_free_early(before);
}

char *chancery_number(int64_t number) {
    char digits[21], *first = digits + sizeof digits - 1;
    uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    *first = 0;
    do *--first = (char)('0' + left % 10);
    while ((left /= 10) > 0);
    if (number < 0) *--first = '-';
    return chancery_join(first, NULL);
}

static bool unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != 0 && strchr("-._~", c) != NULL);
}

char *chancery_percent_encode(const char *text) {
    char *encoded = chancery_alloc(chancery_sum(chancery_product(3, chancery_length(text)), 1)), *end = encoded;
    for (; *text != 0; text++) {
        if (unreserved(*text)) {
            *end++ = *text;
        } else {
            *end++ = '%';
            *end++ = "0123456789ABCDEF"[(uint8_t)*text >> 4];
            *end++ = "0123456789ABCDEF"[(uint8_t)*text & 15];
        }
    }
    *end = 0;
    return encoded;
}

char *chancery_pointer(const char *member) {
    char *pointer = chancery_alloc(chancery_sum(chancery_product(2, chancery_length(member)), 2)), *end = pointer;
    *end++ = '/';
    for (; *member != 0; member++) {
        if (*member == '~' || *member == '/') {
            *end++ = '~';
            *end++ = *member == '~' ? '0' : '1';
        } else {
            *end++ = *member;
        }
    }
    *end = 0;
    return pointer;
}

bool chancery_same(const char *one, const char *other) {
    if (one == NULL || other == NULL) return one == other;
    return strcmp(one, other) == 0;
}

chancery_bytes chancery_bytes_of(const char *text) {
    return (chancery_bytes){(const uint8_t *)text, text == NULL ? 0 : strlen(text)};
}

const char *chancery_listed(plugin_list_string_t *list) {
    if (list->len == 0) return "none";
    const char *const *names = chancery_take_list(list);
    const char *listed = names[0];
    while (*++names != NULL) listed = chancery_join(listed, ", ", *names, NULL);
    return listed;
}
