// The request of data providers and of issuers.
#include "internal.h"

static const chancery_path *paths(plugin_list_list_string_t *given) {
    chancery_path *paths = chancery_alloc(chancery_product(given->len, sizeof *paths));
    for (size_t at = 0; at < given->len; at++) {
        paths[at].length = given->ptr[at].len;
        paths[at].names = chancery_take_list(&given->ptr[at]);
    }
    if (given->len > 0) free(given->ptr);
    return paths;
}

void chancery_read_request(chancery_plugin_types_request_t *given, chancery_request *request) {
    *request = (chancery_request){
        .request_id = chancery_take(&given->request_id),
        .issuer_id = chancery_take(&given->issuer_id),
        .configuration_id = chancery_take(&given->configuration_id),
        .format = chancery_take(&given->format),
        .subject = {chancery_take(&given->subject.id), chancery_take(&given->subject.claims)},
        .requested_claims_length = given->requested_claims.len,
        .requested_claims = paths(&given->requested_claims),
        .locales_length = given->locales.len,
        .locales = chancery_take_list(&given->locales),
        .settings = chancery_take(&given->settings),
        .context = chancery_take(&given->context),
        .budget_ms = given->budget_ms,
    };
}
