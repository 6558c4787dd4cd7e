// Capability sql.
#include "internal.h"

static chancery_host_sql_value_t lend_value(const chancery_sql_value *value) {
    chancery_host_sql_value_t lent = {.tag = (uint8_t)value->type};
    switch (value->type) {
    case CHANCERY_SQL_NULL: break;
    case CHANCERY_SQL_BOOLEAN: lent.val.boolean = value->boolean; break;
    case CHANCERY_SQL_INT: lent.val.int_ = value->integer; break;
    case CHANCERY_SQL_FLOAT: lent.val.float_ = value->real; break;
    case CHANCERY_SQL_BYTES: lent.val.bytes = chancery_lend_bytes(value->bytes); break;
    // All others are texts at the same place of the union.
    default: lent.val.text = chancery_lend(value->text);
    }
    return lent;
}

static chancery_sql_value take_value(chancery_host_sql_value_t *given) {
    chancery_sql_value value = {.type = (chancery_sql_type)given->tag};
    switch (value.type) {
    case CHANCERY_SQL_NULL: break;
    case CHANCERY_SQL_BOOLEAN: value.boolean = given->val.boolean; break;
    case CHANCERY_SQL_INT: value.integer = given->val.int_; break;
    case CHANCERY_SQL_FLOAT: value.real = given->val.float_; break;
    case CHANCERY_SQL_BYTES: value.bytes = chancery_take_bytes(&given->val.bytes); break;
    default: value.text = chancery_take(&given->val.text);
    }
    return value;
}

static void take_rows(chancery_host_sql_rows_t *given, chancery_sql_rows *rows) {
    size_t width = given->columns.len, length = given->rows.len;
    chancery_sql_value *values = chancery_alloc(chancery_product(chancery_product(width, length), sizeof *values));
    for (size_t row = 0; row < length; row++) {
        chancery_host_sql_list_value_t *cells = &given->rows.ptr[row];
        for (size_t at = 0; at < width; at++) {
            // A short row has NULL rather than a value of the next one.
            values[row * width + at] = at < cells->len ? take_value(&cells->ptr[at]) : (chancery_sql_value){0};
        }
        if (cells->len > 0) free(cells->ptr);
    }
    if (length > 0) free(given->rows.ptr);
    *rows = (chancery_sql_rows){chancery_take_list(&given->columns), width, values, length, given->truncated};
}

// Classes of SQLSTATE.
static bool in_class(const char *code, const char *class) {
    return strlen(code) == 5 && strncmp(code, class, 2) == 0;
}

static bool passes(const char *code) {
    static const char *const CLASSES[] = {"08", "40", "53", "57", "58"};
    for (size_t at = 0; at < sizeof CLASSES / sizeof *CLASSES; at++) {
        if (in_class(code, CLASSES[at])) return true;
    }
    return false;
}

static bool unavailable(chancery_error *error, const char *detail) {
    return chancery_fail(error, CHANCERY_ERROR_UNAVAILABLE, "The data source does not answer at the moment.", detail);
}

static bool misconfigured(chancery_error *error, const char *detail) {
    return chancery_fail(error, CHANCERY_ERROR_MISCONFIGURED, "The data source is not set up correctly.", detail);
}

static bool refused(chancery_error *error, chancery_host_sql_database_error_t *given) {
    const char *code = chancery_take(&given->code), *message = chancery_take(&given->message);
    // What is about the statement helps the operator. Everything else may quote data.
    if (!in_class(code, "42")) message = "(its message may quote data and is not shown)";
    const char *detail = chancery_join("the database refused the statement: ", code, " ", message, NULL);
    if (passes(code)) return unavailable(error, detail);
    // Class 22 is about the values at hand: a text that is no number, a date out of range.
    if (strncmp(code, "22", 2) == 0) {
        const char *text = "The data source cannot look this subject up.";
        return chancery_fail(error, CHANCERY_ERROR_INVALID_REQUEST, text, detail);
    }
    return misconfigured(error, detail);
}

static bool failed(const char *statement, chancery_host_sql_sql_error_t *given, chancery_error *error) {
    switch (given->tag) {
    case CHANCERY_HOST_SQL_SQL_ERROR_UNKNOWN_STATEMENT:
        return misconfigured(error, chancery_join("no statement \"", statement, "\" is granted (granted: ",
                                                  chancery_listed(&given->val.unknown_statement),
                                                  "); add [grants.sql.statements.", statement, "]", NULL));
    case CHANCERY_HOST_SQL_SQL_ERROR_BAD_PARAMETER:
        return misconfigured(error, chancery_join("the parameters do not fit: ",
                                                  chancery_take(&given->val.bad_parameter), NULL));
    case CHANCERY_HOST_SQL_SQL_ERROR_TIMEOUT:
        return unavailable(error, "the statement ran longer than its timeout");
    case CHANCERY_HOST_SQL_SQL_ERROR_UNAVAILABLE:
        return unavailable(error, chancery_join("the database does not answer: ",
                                                chancery_take(&given->val.unavailable), NULL));
    case CHANCERY_HOST_SQL_SQL_ERROR_DATABASE:
        return refused(error, &given->val.database);
    default:
        return misconfigured(error, chancery_join("the rows hold more than max_bytes, ",
                                                  chancery_number((int64_t)given->val.too_large), " bytes", NULL));
    }
}

bool chancery_sql_run(const char *statement, const chancery_sql_value *params, size_t params_length,
                      chancery_sql_rows *rows, chancery_error *error) {
    plugin_string_t name = chancery_lend(statement);
    chancery_host_sql_list_value_t list = {NULL, params_length};
    list.ptr = chancery_alloc(chancery_product(params_length, sizeof *list.ptr));
    for (size_t at = 0; at < params_length; at++) list.ptr[at] = lend_value(&params[at]);
    chancery_host_sql_rows_t given;
    chancery_host_sql_sql_error_t reason;
    if (!chancery_host_sql_run(&name, &list, &given, &reason)) return failed(statement, &reason, error);
    take_rows(&given, rows);
    return true;
}

const chancery_sql_value *chancery_sql_column(const chancery_sql_rows *rows, size_t row, const char *name) {
    if (row >= rows->length) chancery_panic("chancery_sql_column: there is no such row");
    for (size_t at = 0; at < rows->columns_length; at++) {
        if (strcmp(rows->columns[at], name) == 0) return &rows->values[row * rows->columns_length + at];
    }
    return NULL;
}

static char *base64(chancery_bytes bytes) {
    static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *text = chancery_alloc(chancery_sum(chancery_product(chancery_sum(bytes.size, 2) / 3, 4), 1)), *end = text;
    for (size_t at = 0; at < bytes.size; at += 3) {
        size_t left = bytes.size - at;
        uint32_t group = (uint32_t)bytes.data[at] << 16;
        if (left > 1) group |= (uint32_t)bytes.data[at + 1] << 8;
        if (left > 2) group |= bytes.data[at + 2];
        for (size_t digit = 0; digit < 4; digit++) {
            *end++ = digit <= left ? DIGITS[group >> (18 - 6 * digit) & 63] : '=';
        }
    }
    *end = 0;
    return text;
}

static yyjson_mut_val *json(yyjson_mut_doc *document, const chancery_sql_value *value) {
    switch (value->type) {
    case CHANCERY_SQL_NULL: return yyjson_mut_null(document);
    case CHANCERY_SQL_BOOLEAN: return yyjson_mut_bool(document, value->boolean);
    case CHANCERY_SQL_INT: return yyjson_mut_sint(document, value->integer);
    case CHANCERY_SQL_FLOAT: return yyjson_mut_real(document, value->real);
    case CHANCERY_SQL_BYTES: return yyjson_mut_str(document, base64(value->bytes));
    case CHANCERY_SQL_JSON: return yyjson_mut_raw(document, value->text);
    default: return yyjson_mut_str(document, value->text);
    }
}

yyjson_mut_doc *chancery_sql_row_json(const chancery_sql_rows *rows, size_t row) {
    yyjson_mut_doc *document = chancery_json_object();
    if (row >= rows->length) chancery_panic("chancery_sql_row_json: there is no such row");
    for (size_t at = 0; at < rows->columns_length; at++) {
        // The first of equal names, as in chancery_sql_column: an object has each name once.
        if (yyjson_mut_obj_get(document->root, rows->columns[at]) != NULL) continue;
        yyjson_mut_val *value = json(document, &rows->values[row * rows->columns_length + at]);
        yyjson_mut_obj_add_val(document, document->root, rows->columns[at], value);
    }
    return document;
}
