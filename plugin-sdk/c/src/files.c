// Capability files.
#include "internal.h"

static chancery_host_files_borrow_file_t borrow(chancery_file file) {
    return chancery_host_files_borrow_file((chancery_host_files_own_file_t){file.handle});
}

bool chancery_file_open(const char *path, chancery_file *file, chancery_error *error) {
    plugin_string_t lent = chancery_lend(path);
    chancery_host_files_own_file_t opened;
    chancery_host_files_file_error_t refused;
    if (!chancery_host_files_open(&lent, &opened, &refused)) {
        const char *granted = chancery_listed(&refused.val.not_granted);
        const char *detail = chancery_join("no file is granted as \"", path, "\" (granted: ", granted,
                                           "); add [[grants.files]] with guest = \"", path, "\" to the grant file",
                                           NULL);
        return chancery_fail(error, CHANCERY_ERROR_MISCONFIGURED, "The data file is not available.", detail);
    }
    file->handle = opened.__handle;
    file->size = chancery_host_files_method_file_size(borrow(*file));
    return true;
}

chancery_bytes chancery_file_read(chancery_file file, uint64_t offset, size_t size) {
    uint64_t left = offset < file.size ? file.size - offset : 0;
    if (left < size) size = (size_t)left;
    uint8_t *content = chancery_alloc(chancery_sum(size, 1));
    size_t read = 0;
    while (read < size) {
        uint32_t wanted = size - read < CHANCERY_CHUNK ? (uint32_t)(size - read) : CHANCERY_CHUNK;
        plugin_list_u8_t piece;
        chancery_host_files_method_file_read(borrow(file), offset + read, wanted, &piece);
        if (piece.len == 0 || piece.len > wanted) break;
        memcpy(content + read, piece.ptr, piece.len);
        free(piece.ptr);
        read += piece.len;
    }
    content[read] = 0;
    return (chancery_bytes){content, read};
}

void chancery_file_close(chancery_file file) {
    chancery_host_files_file_drop_own((chancery_host_files_own_file_t){file.handle});
}

bool chancery_file_content(const char *path, chancery_bytes *content, chancery_error *error) {
    chancery_file file;
    if (!chancery_file_open(path, &file, error)) return false;
    if (file.size >= SIZE_MAX) chancery_panic("the file is too large to be read whole");
    *content = chancery_file_read(file, 0, (size_t)file.size);
    chancery_file_close(file);
    return true;
}
