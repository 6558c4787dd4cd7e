// Exports of kind data-provider.
#include "internal.h"

struct chancery_attachment {
    struct chancery_attachment *before;
    const char *name;
    chancery_host_blobs_own_blob_t blob;
};

// Piece by piece: what one import may carry has a limit of its own.
static bool fill(chancery_host_blobs_own_blob_t blob, chancery_bytes content, chancery_host_blobs_blob_error_t *full) {
    while (content.size > 0) {
        size_t size = content.size < CHANCERY_CHUNK ? content.size : CHANCERY_CHUNK;
        plugin_list_u8_t piece = {(uint8_t *)content.data, size};
        if (!chancery_host_blobs_method_blob_append(chancery_host_blobs_borrow_blob(blob), &piece, full)) return false;
        content.data += piece.len;
        content.size -= piece.len;
    }
    return true;
}

bool chancery_attach(chancery_data *data, const char *name, const char *media_type, chancery_bytes content,
                     chancery_error *error) {
    plugin_string_t type = chancery_lend(media_type);
    chancery_host_blobs_own_blob_t blob = chancery_host_blobs_constructor_blob(&type);
    chancery_host_blobs_blob_error_t full;
    if (!fill(blob, content, &full)) {
        chancery_host_blobs_blob_drop_own(blob);
        const char *limit = chancery_number((int64_t)full.val.too_large);
        chancery_internal(error, "The plugin's answer is too large.");
        return chancery_detail(error, chancery_join(name, ": the call's blobs may hold ", limit, " bytes", NULL));
    }
    struct chancery_attachment *new = chancery_alloc(sizeof *new);
    *new = (struct chancery_attachment){data->attachments, chancery_keep(name), blob};
    data->attachments = new;
    return true;
}

static bool give(const chancery_data *data, exports_chancery_plugin_data_provider_data_t *ret, chancery_error *error) {
    if (data->claims == NULL || !yyjson_mut_is_obj(data->claims->root)) {
        chancery_internal(error, "The plugin failed.");
        return chancery_detail(error, "chancery_fetch returned true without an object in data->claims");
    }
    const char *claims = chancery_json_write(data->claims);
    if (claims == NULL) {
        chancery_internal(error, "The plugin failed.");
        return chancery_detail(error, "data->claims holds a text that is not UTF-8, or a number that JSON cannot say");
    }
    ret->claims = chancery_give(claims);
    ret->valid_until = (plugin_option_u64_t){data->valid_until > 0, data->valid_until};
    ret->attachments.len = 0;
    for (struct chancery_attachment *one = data->attachments; one != NULL; one = one->before) ret->attachments.len++;
    ret->attachments.ptr = chancery_give_array(ret->attachments.len, sizeof *ret->attachments.ptr);
    size_t at = ret->attachments.len;
    for (struct chancery_attachment *one = data->attachments; one != NULL; one = one->before) {
        ret->attachments.ptr[--at].name = chancery_give(one->name);
        ret->attachments.ptr[at].content = one->blob;
    }
    return true;
}

// Blobs that no answer carries away.
static void drop(const chancery_data *data) {
    for (struct chancery_attachment *one = data->attachments; one != NULL; one = one->before) {
        chancery_host_blobs_blob_drop_own(one->blob);
    }
}

bool exports_chancery_plugin_data_provider_fetch(exports_chancery_plugin_data_provider_request_t *given,
                                                 exports_chancery_plugin_data_provider_data_t *ret,
                                                 exports_chancery_plugin_data_provider_error_t *err) {
    chancery_request request;
    chancery_data data = {0};
    chancery_error error = {0};
    chancery_read_request(given, &request);
    bool done = chancery_fetch(&request, &data, &error) && give(&data, ret, &error);
    if (!done) {
        drop(&data);
        chancery_give_error("chancery_fetch", &error, err);
    }
    chancery_release();
    return done;
}
