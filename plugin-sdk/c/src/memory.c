// Memory that lives as long as a call, and texts on their way in and out.
#include "internal.h"

// Blocks of the call stand in a ring, so that one can leave early. Memory that the host allocated has no room for a
// link of ours, and gets a node that points to it.
typedef struct node {
    struct node *before, *after;
    void *adopted;
    size_t size;
} node;

static node ring = {&ring, &ring, NULL, 0};

void chancery_out_of_memory(void) {
    chancery_panic("out of memory: see memory of [limits]");
}

size_t chancery_sum(size_t one, size_t other) {
    size_t sum;
    if (__builtin_add_overflow(one, other, &sum)) chancery_out_of_memory();
    return sum;
}

size_t chancery_product(size_t one, size_t other) {
    size_t product;
    if (__builtin_mul_overflow(one, other, &product)) chancery_out_of_memory();
    return product;
}

static node *node_of(void *pointer) {
    return (node *)pointer - 1;
}

static node *linked(node *new) {
    if (new == NULL) chancery_out_of_memory();
    new->before = ring.before;
    new->after = &ring;
    ring.before->after = new;
    ring.before = new;
    return new;
}

static void leave(node *old) {
    old->before->after = old->after;
    old->after->before = old->before;
}

void *chancery_alloc(size_t size) {
    // All zero: where calls share a sandbox, the block may have held what an earlier one knew about somebody else.
    node *new = linked(calloc(1, chancery_sum(sizeof(node), size)));
    new->adopted = NULL;
    new->size = size;
    return new + 1;
}

void *chancery_resize(void *pointer, size_t size) {
    void *new = chancery_alloc(size);
    if (pointer != NULL) {
        size_t kept = node_of(pointer)->size;
        memcpy(new, pointer, kept < size ? kept : size);
        chancery_free_early(pointer);
    }
    return new;
}

void chancery_free_early(void *pointer) {
    if (pointer == NULL) return;
    leave(node_of(pointer));
    free(node_of(pointer));
}

void chancery_release(void) {
    while (ring.after != &ring) {
        node *old = ring.after;
        leave(old);
        free(old->adopted);
        free(old);
    }
}

// Room for the NUL behind the bytes; an empty list has no memory of its own.
static uint8_t *adopt(uint8_t *pointer, size_t size) {
    uint8_t *bytes = realloc(size == 0 ? NULL : pointer, chancery_sum(size, 1));
    if (bytes == NULL) chancery_out_of_memory();
    bytes[size] = 0;
    node *new = linked(malloc(sizeof(node)));
    new->adopted = bytes;
    new->size = 0;
    return bytes;
}

chancery_bytes chancery_take_bytes(plugin_list_u8_t *bytes) {
    return (chancery_bytes){adopt(bytes->ptr, bytes->len), bytes->len};
}

char *chancery_take(plugin_string_t *text) {
    uint8_t *bytes = adopt(text->ptr, text->len);
    // A NUL would end the text early: `alice\0x` must not be taken for `alice`.
    for (size_t at = 0; at < text->len; at++) {
        if (bytes[at] == 0) bytes[at] = 0x1A;
    }
    return (char *)bytes;
}

const char *chancery_take_option(plugin_option_string_t *text) {
    return text->is_some ? chancery_take(&text->val) : NULL;
}

const char *const *chancery_take_list(plugin_list_string_t *list) {
    const char **texts = chancery_alloc(chancery_product(chancery_sum(list->len, 1), sizeof *texts));
    for (size_t at = 0; at < list->len; at++) texts[at] = chancery_take(&list->ptr[at]);
    texts[list->len] = NULL;
    if (list->len > 0) free(list->ptr);
    return texts;
}

// How many bytes the first character takes; 0 where it is not UTF-8.
static size_t character(const uint8_t *at) {
    if (at[0] < 0x80) return 1;
    size_t length = at[0] >= 0xF0 ? 4 : at[0] >= 0xE0 ? 3 : 2;
    if (at[0] < 0xC2 || at[0] > 0xF4) return 0;
    for (size_t more = 1; more < length; more++) {
        if ((at[more] & 0xC0) != 0x80) return 0;
    }
    bool overlong = (at[0] == 0xE0 && at[1] < 0xA0) || (at[0] == 0xF0 && at[1] < 0x90);
    bool beyond = (at[0] == 0xED && at[1] > 0x9F) || (at[0] == 0xF4 && at[1] > 0x8F);
    return overlong || beyond ? 0 : length;
}

// The host takes UTF-8 only and ends a call that hands over anything else: a source's text in another encoding must
// not do that, so `?` stands for each byte that does not fit.
static const char *utf8(const char *text) {
    if (text == NULL) chancery_panic("a text is NULL where the SDK needs one");
    char *mended = NULL;
    for (size_t at = 0; text[at] != 0;) {
        size_t length = character((const uint8_t *)text + at);
        if (length == 0) {
            if (mended == NULL) text = mended = chancery_join(text, NULL);
            mended[at] = '?';
            length = 1;
        }
        at += length;
    }
    return text;
}

plugin_string_t chancery_lend(const char *text) {
    const char *lent = utf8(text);
    return (plugin_string_t){(uint8_t *)lent, strlen(lent)};
}

plugin_list_u8_t chancery_lend_bytes(chancery_bytes bytes) {
    return (plugin_list_u8_t){(uint8_t *)bytes.data, bytes.size};
}

void *chancery_give_array(size_t count, size_t size) {
    // The bindings free what has elements.
    if (count == 0) return NULL;
    void *array = calloc(count, size);
    if (array == NULL) chancery_out_of_memory();
    return array;
}

plugin_list_u8_t chancery_give_bytes(chancery_bytes bytes) {
    plugin_list_u8_t given = {NULL, bytes.size};
    if (bytes.size > 0) given.ptr = memcpy(chancery_give_array(bytes.size, 1), bytes.data, bytes.size);
    return given;
}

plugin_string_t chancery_give(const char *text) {
    plugin_string_t lent = chancery_lend(text);
    plugin_list_u8_t given = chancery_give_bytes((chancery_bytes){lent.ptr, lent.len});
    return (plugin_string_t){given.ptr, given.len};
}

plugin_option_string_t chancery_give_option(const char *text) {
    if (text == NULL) return (plugin_option_string_t){.is_some = false};
    return (plugin_option_string_t){.is_some = true, .val = chancery_give(text)};
}
