// Looks a person up in the registry: their names, where they live, their land and their photo.

#include "chancery.h"

const chancery_plugin chancery_about = {
    .name = "registry-lookup",
    .version = "0.1.0",
    .summary = "Looks a person up in the registry.",
};

// Columns that become claims of the same name where the registry knows them.
static const char *const PERSON[] = {"given_name", "family_name", "birth_date", "village", NULL};
static const char *const PARCEL[] = {"number", "hectares", "water", NULL};

// Adds the columns that are not NULL. Dates and decimals are texts.
static void add_known(yyjson_mut_doc *document, yyjson_mut_val *object, const chancery_sql_rows *rows, size_t row,
                      const char *const *names) {
    for (; *names != NULL; names++) {
        const chancery_sql_value *value = chancery_sql_column(rows, row, *names);
        if (value != NULL && value->text != NULL) yyjson_mut_obj_add_str(document, object, *names, value->text);
    }
}

bool chancery_fetch(const chancery_request *request, chancery_data *data, chancery_error *error) {
    (void)request;
    // No parameters: the host fills in whom the call is about.
    chancery_sql_rows people;
    if (!chancery_sql_run("person_by_id", NULL, 0, &people, error)) return false;
    if (people.length == 0) return chancery_not_found(error, "The registry does not know this person.");
    const chancery_sql_value *status = chancery_sql_column(&people, 0, "status");
    if (status != NULL && chancery_same(status->text, "closed")) {
        return chancery_denied(error, "This entry of the registry was closed.");
    }
    chancery_sql_rows land;
    if (!chancery_sql_run("parcels_by_owner", NULL, 0, &land, error)) return false;

    yyjson_mut_doc *claims = chancery_json_object();
    add_known(claims, yyjson_mut_doc_get_root(claims), &people, 0, PERSON);
    yyjson_mut_val *parcels = yyjson_mut_obj_add_arr(claims, yyjson_mut_doc_get_root(claims), "parcels");
    for (size_t row = 0; row < land.length; row++) {
        add_known(claims, yyjson_mut_arr_add_obj(claims, parcels), &land, row, PARCEL);
    }
    chancery_log(CHANCERY_LOG_INFO, "looked up", "parcels", chancery_number((int64_t)land.length), NULL);

    data->claims = claims;
    const chancery_sql_value *valid_until = chancery_sql_column(&people, 0, "valid_until");
    if (valid_until != NULL && valid_until->type == CHANCERY_SQL_INT) {
        // Before 1970 is over as well, and 0 would mean that there is no end.
        data->valid_until = valid_until->integer > 0 ? (uint64_t)valid_until->integer : 1;
    }
    const chancery_sql_value *photo = chancery_sql_column(&people, 0, "photo");
    if (photo == NULL || photo->type != CHANCERY_SQL_BYTES) return true;
    return chancery_attach(data, "photo", "image/png", photo->bytes, error);
}
