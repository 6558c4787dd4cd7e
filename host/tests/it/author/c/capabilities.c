// A data provider that uses one capability as the subject's id says: `http https://… `, `sql statement`, `kv`, …
#include <string.h>

#include "chancery.h"

const chancery_plugin chancery_about = {.name = "people", .version = "0.1.0", .summary = "Uses every capability."};

static yyjson_mut_val *root(chancery_data *data) {
    return yyjson_mut_doc_get_root(data->claims);
}

static bool ask(const char *url, chancery_data *data, chancery_error *error) {
    chancery_http_request request = {
        .url = url,
        .headers = (const char *[]){"Accept", "application/json", NULL},
        .timeout_ms = 2000,
        .traced = true,
    };
    chancery_http_response answer;
    if (!chancery_http_send(&request, &answer, error)) return false;
    yyjson_mut_obj_add_uint(data->claims, root(data), "status", answer.status);
    yyjson_mut_obj_add_uint(data->claims, root(data), "size", answer.body.size);
    const char *kind = chancery_http_header(&answer, "Content-TYPE"), *none = chancery_http_header(&answer, "content");
    chancery_json_add(data->claims, "kind", kind == NULL ? "none" : kind);
    yyjson_mut_obj_add_bool(data->claims, root(data), "prefix", none != NULL);
    return true;
}

static bool ask_json(const char *url, chancery_data *data, chancery_error *error) {
    chancery_http_request request = {.url = url};
    chancery_http_response answer;
    yyjson_val *value;
    if (!chancery_http_send(&request, &answer, error) || !chancery_http_json(&answer, &value, error)) return false;
    return yyjson_mut_obj_add_val(data->claims, root(data), "json", yyjson_val_mut_copy(data->claims, value));
}

static bool post(size_t size, chancery_data *data, chancery_error *error) {
    chancery_http_request request = {
        .method = "POST",
        .url = "https://registry.example.org/people?all",
        .body = {memset(chancery_alloc(size), 'x', size), size},
    };
    chancery_http_response answer;
    if (!chancery_http_send(&request, &answer, error)) return false;
    yyjson_mut_obj_add_uint(data->claims, root(data), "status", answer.status);
    return true;
}

static bool set_header(const char *name, const char *value, chancery_error *error) {
    const char *headers[] = {name, value, NULL};
    chancery_http_request request = {.url = "https://registry.example.org/", .headers = headers};
    chancery_http_response answer;
    return chancery_http_send(&request, &answer, error);
}

static bool run(const char *statement, chancery_data *data, chancery_error *error) {
    chancery_sql_rows rows;
    if (!chancery_sql_run(statement, NULL, 0, &rows, error)) return false;
    if (rows.length == 0) return chancery_not_found(error, "no row");
    data->claims = chancery_sql_row_json(&rows, rows.length - 1);
    const chancery_sql_value *id = chancery_sql_column(&rows, 0, "id");
    yyjson_mut_obj_add_sint(data->claims, root(data), "first", id == NULL ? -1 : id->integer);
    return true;
}

static bool remember(chancery_data *data) {
    chancery_bytes value;
    bool before = chancery_kv_get("a", &value), none = chancery_kv_get("b", &value);
    chancery_kv_put("c", chancery_bytes_of("new"), 1000);
    chancery_kv_put("d", chancery_bytes_of(""), 0);
    chancery_kv_delete("a");
    chancery_kv_put("", chancery_bytes_of("x"), 0);
    yyjson_mut_obj_add_bool(data->claims, root(data), "before", before);
    yyjson_mut_obj_add_bool(data->claims, root(data), "none", none);
    chancery_json_add(data->claims, "again", chancery_kv_get("c", &value) ? (const char *)value.data : "lost");
    return true;
}

static bool read(const char *path, chancery_data *data, chancery_error *error) {
    chancery_bytes content;
    chancery_file file;
    if (!chancery_file_content(path, &content, error) || !chancery_file_open(path, &file, error)) return false;
    chancery_bytes end = chancery_file_read(file, file.size - 2, 100), beyond = chancery_file_read(file, file.size, 1);
    chancery_file_close(file);
    yyjson_mut_obj_add_bool(data->claims, root(data), "whole", content.size == file.size);
    yyjson_mut_obj_add_uint(data->claims, root(data), "end", end.size);
    yyjson_mut_obj_add_uint(data->claims, root(data), "beyond", beyond.size);
    yyjson_mut_obj_add_bool(data->claims, root(data), "json", chancery_json_read_bytes(content) != NULL);
    return true;
}

static bool sign(const char *key, chancery_data *data, chancery_error *error) {
    const char *jwt;
    if (!chancery_sign_jwt(key, "{\"sub\":\"a\"}", &jwt, error)) return false;
    chancery_json_add(data->claims, "jwt", jwt);
    return true;
}

static bool sign_otherwise(chancery_error *error) {
    chancery_bytes mac;
    return chancery_sign_mac("registry", chancery_bytes_of("x"), &mac, error);
}

bool chancery_fetch(const chancery_request *request, chancery_data *data, chancery_error *error) {
    const char *id = request->subject.id;
    const char *rest = strchr(id, ' ') == NULL ? "" : strchr(id, ' ') + 1;
    data->claims = chancery_json_object();
    switch (id[0] + 256 * id[1]) {
    case 'h' + 256 * 't': return ask(rest, data, error);
    case 'n' + 256 * 'o': return ask(NULL, data, error);
    case 'j' + 256 * 's': return ask_json(rest, data, error);
    case 'p' + 256 * 'o': return post(300000, data, error);
    case 'h' + 256 * 'e': return set_header(rest, "x", error);
    case 'v' + 256 * 'a': return set_header("x-value", "a\r\nb", error);
    case 's' + 256 * 'q': return run(rest, data, error);
    case 'k' + 256 * 'v': return remember(data);
    case 'f' + 256 * 'i': return read(rest, data, error);
    case 's' + 256 * 'e': return chancery_secret(rest, error) && chancery_not_found(error, "granted");
    case 's' + 256 * 'i': return sign(rest, data, error);
    case 'm' + 256 * 'a': return sign_otherwise(error);
    default: return false;
    }
}
