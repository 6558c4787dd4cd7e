// A data provider that does what the subject's id says: go wrong in one way, or show one thing of the SDK.
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "chancery.h"

const chancery_plugin chancery_about = {.name = "people", .version = "0.1.0", .summary = "Goes \"wrong\" – in Bücher."};

static yyjson_mut_val *root(chancery_data *data) {
    return yyjson_mut_doc_get_root(data->claims);
}

// ---------------------------------------------------------------------------------------------------------------------
// Defects

static int recurse(int depth) {
    volatile char room[4096];
    room[0] = (char)depth;
    return depth == 0 ? 0 : recurse(depth + 1) + room[0];
}

static bool go_wrong(const char *how, chancery_data *data, chancery_error *error) {
    if (chancery_same(how, "null")) return ((const chancery_request *)chancery_config("missing"))->budget_ms > 0;
    if (chancery_same(how, "index")) {
        int three[3] = {0};
        return three[strlen(how)] == 0;
    }
    if (chancery_same(how, "assert")) assert(error == NULL);
    if (chancery_same(how, "panic")) chancery_panic("I give up");
    if (chancery_same(how, "exit")) exit(3);
    if (chancery_same(how, "recursion")) return recurse(1) == 0;
    if (chancery_same(how, "abort")) {
        fputs("on my way out\n", stderr);
        abort();
    }
    if (chancery_same(how, "memory of the call")) {
        for (;;) chancery_alloc(1000000);
    }
    if (chancery_same(how, "memory of malloc")) {
        for (;;) memset(malloc(1000000), 1, 1000000);
    }
    if (chancery_same(how, "spin")) {
        for (volatile int i = 0;; i++) {}
    }
    if (chancery_same(how, "no claims")) {
        data->claims = NULL;
        return true;
    }
    if (chancery_same(how, "no object")) {
        yyjson_mut_doc_set_root(data->claims, yyjson_mut_arr(data->claims));
        return true;
    }
    if (chancery_same(how, "more than any memory")) chancery_alloc(SIZE_MAX - 3);
    if (chancery_same(how, "an encoded NULL")) chancery_percent_encode(NULL);
    if (chancery_same(how, "a member of no object")) {
        yyjson_mut_doc_set_root(data->claims, yyjson_mut_arr(data->claims));
        chancery_json_add(data->claims, "name", "Ada");
    }
    if (chancery_same(how, "Latin-1 in a claim")) {
        chancery_json_add(data->claims, "name", "J\xfcrgen");
        return true;
    }
    if (chancery_same(how, "no text")) {
        chancery_not_found(error, "?");
        chancery_log(CHANCERY_LOG_INFO, chancery_config("missing"), NULL);
    }
    // "no error": false without a word.
    return false;
}

// ---------------------------------------------------------------------------------------------------------------------
// What works

static bool attach_too_much(chancery_data *data, chancery_error *error) {
    chancery_bytes large = {chancery_alloc(3000000), 3000000};
    for (int at = 0; at < 6; at++) {
        if (!chancery_attach(data, chancery_number(at), "image/png", large, error)) return false;
    }
    return true;
}

static bool attach(chancery_data *data, chancery_error *error) {
    chancery_bytes photo = {memset(chancery_alloc(3000000), 7, 3000000), 3000000};
    return chancery_attach(data, "photo", "image/png", photo, error) &&
           chancery_attach(data, "note", "text/plain", chancery_bytes_of("hello"), error);
}

static bool draw(chancery_data *data) {
    unsigned char drawn[8];
    char hex[17];
    getentropy(drawn, sizeof drawn);
    for (size_t at = 0; at < sizeof drawn; at++) snprintf(hex + 2 * at, 3, "%02x", drawn[at]);
    yyjson_mut_obj_add_strcpy(data->claims, root(data), "drawn", hex);
    return true;
}

static bool say_what_was_asked(const chancery_request *request, chancery_data *data) {
    yyjson_mut_obj_add_uint(data->claims, root(data), "paths", request->requested_claims_length);
    chancery_json_add(data->claims, "second", request->requested_claims[1].names[1]);
    chancery_json_add(data->claims, "locale", request->locales[0]);
    chancery_json_add(data->claims, "format", request->format);
    yyjson_mut_val *claims = yyjson_val_mut_copy(data->claims, chancery_json_read(request->subject.claims));
    yyjson_mut_obj_add_val(data->claims, root(data), "claims", claims);
    yyjson_mut_val *settings = yyjson_val_mut_copy(data->claims, chancery_json_read(request->settings));
    yyjson_mut_obj_add_val(data->claims, root(data), "settings", settings);
    data->valid_until = 1798761600;
    return true;
}

static bool show_texts(chancery_data *data) {
    chancery_buffer buffer = {0};
    for (int at = 0; at < 1000; at++) chancery_append(&buffer, "0123456789");
    yyjson_mut_obj_add_uint(data->claims, root(data), "appended", strlen(buffer.text));
    chancery_json_add(data->claims, "encoded", chancery_percent_encode("a/b c?ü-._~"));
    chancery_json_add(data->claims, "pointer", chancery_pointer("a/b~c"));
    chancery_json_add(data->claims, "joined", chancery_join("a", "", "b", NULL));
    chancery_json_add(data->claims, "lowest", chancery_number(INT64_MIN));
    chancery_json_add(data->claims, "zero", chancery_number(0));
    chancery_json_add(data->claims, "escaped", "\"\\\n\x01ü");
    return true;
}

// What yyjson would do with an own level of the stack for each level of the text ends where the stack does.
static bool nest(chancery_data *data) {
    const size_t depth = 200000;
    char *text = chancery_alloc(2 * depth + 1);
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    yyjson_mut_doc *copy = chancery_json_copy(chancery_json_read(text));
    yyjson_mut_obj_add_bool(data->claims, root(data), "same", chancery_same(chancery_json_write(copy), text));
    return true;
}

static bool show_members(chancery_data *data) {
    chancery_json_add(data->claims, "name", "Ada");
    chancery_json_add(data->claims, "other", "x");
    chancery_json_add(data->claims, "name", "Grace");
    chancery_json_add(data->claims, "other", NULL);
    chancery_json_add(data->claims, "never", NULL);
    chancery_json_add(data->claims, "last", "y");
    chancery_json_add(data->claims, "last", "z");
    const char *person = "{\"id\":\"alice\\u0000mallory\",\"\\u0000\":[\"\\u0000\"],\"end\":\"\"}";
    yyjson_val *read = chancery_json_read(person);
    chancery_json_add(data->claims, "id", yyjson_get_str(yyjson_obj_get(read, "id")));
    yyjson_mut_val *copy = yyjson_val_mut_copy(data->claims, read);
    return yyjson_mut_obj_add_val(data->claims, root(data), "person", copy);
}

// Texts of arrays that are gone when the host reads them.
__attribute__((noinline)) static bool speak_from_the_stack(chancery_data *data, chancery_error *error) {
    char name[16] = "first", value[16] = "Ada", photo[16] = "photo", message[16] = "not today", detail[16] = "a reason";
    chancery_json_add(data->claims, name, value);
    chancery_attach(data, photo, "text/plain", chancery_bytes_of(value), error);
    chancery_unavailable(error, message);
    return chancery_detail(error, detail);
}

__attribute__((noinline)) static void write_over_the_stack(void) {
    volatile char room[4096];
    for (size_t at = 0; at < sizeof room; at++) room[at] = '#';
}

static bool speak(chancery_data *data, chancery_error *error, bool fail) {
    bool done = speak_from_the_stack(data, error);
    write_over_the_stack();
    return fail ? done : true;
}

static bool append_itself(chancery_data *data) {
    chancery_buffer buffer = {0};
    chancery_append(&buffer, "");
    chancery_append(&buffer, "abcdefghijklmnopqrst");
    for (int at = 0; at < 3; at++) chancery_append(&buffer, buffer.text);
    chancery_json_add(data->claims, "text", buffer.text);
    return true;
}

// Memory that a growing buffer gave back, taken again.
static bool take_again(chancery_data *data) {
    chancery_buffer buffer = {0};
    for (int at = 0; at < 100; at++) chancery_append(&buffer, "0123456789");
    bool clean = true;
    for (size_t size = 16; size <= 1024; size *= 2) {
        const char *room = chancery_alloc(size);
        for (size_t at = 0; at < size; at++) clean = clean && room[at] == 0;
    }
    return yyjson_mut_obj_add_bool(data->claims, root(data), "clean", clean);
}

bool chancery_fetch(const chancery_request *request, chancery_data *data, chancery_error *error) {
    const char *id = request->subject.id;
    data->claims = chancery_json_object();
    if (chancery_same(id, "attach")) return attach(data, error);
    if (chancery_same(id, "attach too much")) return attach_too_much(data, error);
    if (chancery_same(id, "draw")) return draw(data);
    if (chancery_same(id, "request")) return say_what_was_asked(request, data);
    if (chancery_same(id, "texts")) return show_texts(data);
    if (chancery_same(id, "clock")) return yyjson_mut_obj_add_sint(data->claims, root(data), "now", time(NULL));
    if (chancery_same(id, "nested")) return nest(data);
    if (chancery_same(id, "members")) return show_members(data);
    if (chancery_same(id, "the stack")) return speak(data, error, false);
    if (chancery_same(id, "the stack, failing")) return speak(data, error, true);
    if (chancery_same(id, "take again")) return take_again(data);
    if (chancery_same(id, "append itself")) return append_itself(data);
    if (chancery_same(id, "Latin-1")) return chancery_not_found(error, "no \xe4 there, but ä; \xed\xa0\x80 \xc0\x80 \xf5");
    if (chancery_same(id, "alice\x1Amallory")) {
        chancery_json_add(data->claims, "id", id);
        return true;
    }
    if (chancery_same(id, "large")) {
        char *text = memset(chancery_alloc(1000001), 'a', 1000000);
        text[1000000] = 0;
        chancery_json_add(data->claims, "text", text);
        return true;
    }
    if (chancery_same(id, "log")) {
        chancery_log(CHANCERY_LOG_WARN, "a \xff b", "name", "value", "other", "7", NULL);
        return true;
    }
    if (chancery_same(id, "later")) {
        chancery_unavailable(error, "Try again.");
        chancery_detail(error, "a reason");
        return chancery_retry_after(error, 5000);
    }
    if (chancery_same(id, "denied")) return chancery_denied(error, "no");
    if (chancery_same(id, "invalid")) return chancery_invalid_request(error, "no");
    if (chancery_same(id, "misconfigured")) return chancery_misconfigured(error, "no");
    return go_wrong(id, data, error);
}
