// What the SDK's own files share.
#ifndef CHANCERY_INTERNAL_H
#define CHANCERY_INTERNAL_H

#include <stdlib.h>
#include <string.h>

#include "chancery.h"
// What wit-bindgen-c writes for the project's world.
#include "plugin.h"

// Largest piece that the host hands over at once.
#define CHANCERY_CHUNK (1024u * 1024u)

// Sizes of memory. One that no memory has ends the call as the lack of memory that it is: a sum that starts again at 0
// would give a block that is too small.
size_t chancery_sum(size_t one, size_t other);
size_t chancery_product(size_t one, size_t other);
_Noreturn void chancery_out_of_memory(void);

// The length of a text; NULL ends the call, because reading at address 0 would not.
size_t chancery_length(const char *text);

// A copy for as long as the call lasts; NULL stays NULL.
const char *chancery_keep(const char *text);

// Ends a call: what it took is given back.
void chancery_release(void);

// Memory of the call, of another size; `pointer` may be NULL.
void *chancery_resize(void *pointer, size_t size);
void chancery_free_early(void *pointer);

// What the host returned: the call owns it from now on.
char *chancery_take(plugin_string_t *text);
chancery_bytes chancery_take_bytes(plugin_list_u8_t *bytes);
const char *chancery_take_option(plugin_option_string_t *text);
const char *const *chancery_take_list(plugin_list_string_t *list);

// What the host is given for the time of one import.
plugin_string_t chancery_lend(const char *text);
plugin_list_u8_t chancery_lend_bytes(chancery_bytes bytes);

// What the host gets as a result, and gives back to `free` afterwards.
plugin_string_t chancery_give(const char *text);
plugin_list_u8_t chancery_give_bytes(chancery_bytes bytes);
plugin_option_string_t chancery_give_option(const char *text);
void *chancery_give_array(size_t count, size_t size);
void chancery_give_error(const char *function, const chancery_error *error, chancery_plugin_types_error_t *given);

// What the host returned as `a, b`, or `none`.
const char *chancery_listed(plugin_list_string_t *list);

bool chancery_fail(chancery_error *error, chancery_error_kind kind, const char *message, const char *detail);

void chancery_read_request(chancery_plugin_types_request_t *given, chancery_request *request);

#endif
