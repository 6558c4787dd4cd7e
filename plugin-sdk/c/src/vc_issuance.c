// Exports of kind vc-issuance.
#include "internal.h"

bool chancery_issued(chancery_issuance *issuance, const char *format, chancery_bytes body) {
    issuance->state = CHANCERY_ISSUED;
    issuance->format = chancery_keep(format);
    issuance->bytes = body;
    return true;
}

bool chancery_pending(chancery_issuance *issuance, chancery_bytes token, uint32_t retry_after_ms) {
    issuance->state = CHANCERY_PENDING;
    issuance->bytes = token;
    issuance->retry_after_ms = retry_after_ms;
    return true;
}

static bool give(const char *function, const chancery_issuance *issuance,
                 exports_chancery_plugin_vc_issuance_issuance_t *ret, chancery_error *error) {
    if (issuance->state == CHANCERY_UNSETTLED) {
        chancery_internal(error, "The plugin failed.");
        const char *what = " returned true, and neither chancery_issued nor chancery_pending was called";
        return chancery_detail(error, chancery_join(function, what, NULL));
    }
    if (issuance->state == CHANCERY_PENDING) {
        ret->tag = EXPORTS_CHANCERY_PLUGIN_VC_ISSUANCE_ISSUANCE_PENDING;
        ret->val.pending.token = chancery_give_bytes(issuance->bytes);
        ret->val.pending.retry_after_ms = issuance->retry_after_ms;
        return true;
    }
    const char *metadata = issuance->metadata == NULL ? "{}" : chancery_json_write(issuance->metadata);
    if (metadata == NULL) {
        chancery_internal(error, "The plugin failed.");
        return chancery_detail(error, "issuance->metadata holds a text that is not UTF-8");
    }
    ret->tag = EXPORTS_CHANCERY_PLUGIN_VC_ISSUANCE_ISSUANCE_ISSUED;
    ret->val.issued.format = chancery_give(issuance->format);
    ret->val.issued.body = chancery_give_bytes(issuance->bytes);
    ret->val.issued.external_id = chancery_give_option(issuance->external_id);
    ret->val.issued.metadata = chancery_give(metadata);
    return true;
}

bool exports_chancery_plugin_vc_issuance_issue(exports_chancery_plugin_vc_issuance_request_t *given,
                                               exports_chancery_plugin_vc_issuance_holder_t *whom,
                                               exports_chancery_plugin_vc_issuance_issuance_t *ret,
                                               exports_chancery_plugin_vc_issuance_error_t *err) {
    chancery_request request;
    chancery_issuance issuance = {0};
    chancery_error error = {0};
    chancery_read_request(given, &request);
    chancery_holder holder = {
        .id = chancery_take_option(&whom->id),
        .proof_type = chancery_take_option(&whom->proof_type),
        .public_key_jwk = chancery_take_option(&whom->public_key_jwk),
    };
    bool done =
        chancery_issue(&request, &holder, &issuance, &error) && give("chancery_issue", &issuance, ret, &error);
    if (!done) chancery_give_error("chancery_issue", &error, err);
    chancery_release();
    return done;
}

bool exports_chancery_plugin_vc_issuance_poll(exports_chancery_plugin_vc_issuance_poll_request_t *given,
                                              exports_chancery_plugin_vc_issuance_issuance_t *ret,
                                              exports_chancery_plugin_vc_issuance_error_t *err) {
    chancery_issuance issuance = {0};
    chancery_error error = {0};
    chancery_poll_request request = {
        .request_id = chancery_take(&given->request_id),
        .issuer_id = chancery_take(&given->issuer_id),
        .configuration_id = chancery_take(&given->configuration_id),
        .settings = chancery_take(&given->settings),
        .token = chancery_take_bytes(&given->token),
        .context = chancery_take(&given->context),
        .budget_ms = given->budget_ms,
    };
    bool done = chancery_poll(&request, &issuance, &error) && give("chancery_poll", &issuance, ret, &error);
    if (!done) chancery_give_error("chancery_poll", &error, err);
    chancery_release();
    return done;
}
