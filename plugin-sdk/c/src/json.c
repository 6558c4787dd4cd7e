// yyjson, on memory of the call.
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

yyjson_val *chancery_json_read_bytes(chancery_bytes bytes) {
    // Without the flag for reading in place, yyjson leaves its input as it is.
    return yyjson_doc_get_root(yyjson_read_opts((char *)bytes.data, bytes.size, 0, &of_the_call, NULL));
}

yyjson_val *chancery_json_read(const char *text) {
    return chancery_json_read_bytes(chancery_bytes_of(text));
}

static yyjson_mut_doc *document(void) {
    yyjson_mut_doc *new = yyjson_mut_doc_new(&of_the_call);
    if (new == NULL) chancery_panic("out of memory: see memory of [limits]");
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
    yyjson_mut_obj_add_str(document, yyjson_mut_doc_get_root(document), name, value);
}

char *chancery_json_write(const yyjson_mut_doc *document) {
    return yyjson_mut_write_opts(document, 0, &of_the_call, NULL, NULL);
}
