// What the compiler's checks call in a plugin's own code (-fsanitize), so that a defect is logged with its line instead
// of going on with wrong values: address 0 is memory like any other inside a sandbox. Clang gives each handler a record
// that begins with the place.
#include "internal.h"

typedef struct place {
    const char *file;
    uint32_t line, column;
} place;

#define CHECK(name, message)                                                  \
    void __ubsan_handle_##name##_abort(const place *place, uintptr_t value);  \
    void __ubsan_handle_##name##_abort(const place *place, uintptr_t value) { \
        (void)value;                                                          \
        chancery_panic_at(place->file, place->line, message);                 \
    }

CHECK(type_mismatch_v1, "a NULL pointer is used")
CHECK(out_of_bounds, "an index lies outside of its array")
CHECK(vla_bound_not_positive, "an array has no room")
