// A data provider for a sandbox that is used again: it tells how many calls it had, and whether memory of the SDK shows
// what the call before wrote to it.
#include <string.h>

#include "chancery.h"

const chancery_plugin chancery_about = {.name = "people", .version = "0.1.0", .summary = "Counts its calls."};

// Three times this is more than a sandbox has.
#define SIZE (24u << 20)

static int64_t calls;

bool chancery_fetch(const chancery_request *request, chancery_data *data, chancery_error *error) {
    unsigned char *room = chancery_alloc(SIZE);
    bool clean = room[0] == 0 && memcmp(room, room + 1, SIZE - 1) == 0;
    memset(room, 7, SIZE);
    data->claims = chancery_json_object();
    chancery_json_add(data->claims, "given_name", chancery_number(++calls));
    chancery_json_add(data->claims, "family_name", clean ? "clean" : "of somebody else");
    chancery_json_add(data->claims, "birth_date", "1990-01-01");
    chancery_json_add(data->claims, "village", request->subject.id);
    chancery_json_add(data->claims, "source", "memory");
    return true;
}
