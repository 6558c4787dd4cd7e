// Capabilities secrets and reveal.
#include "internal.h"

static bool get(const char *name, chancery_host_secrets_own_secret_t *secret, chancery_error *error) {
    static const char MESSAGE[] = "A secret is not available.";
    plugin_string_t lent = chancery_lend(name);
    chancery_host_secrets_secret_error_t refused;
    if (chancery_host_secrets_get(&lent, secret, &refused)) return true;
    if (refused.tag == CHANCERY_HOST_SECRETS_SECRET_ERROR_NOT_GRANTED) {
        const char *detail =
            chancery_join("no secret \"", name, "\" is granted; add it to names of [grants.secrets]", NULL);
        return chancery_fail(error, CHANCERY_ERROR_MISCONFIGURED, MESSAGE, detail);
    }
    const char *detail = chancery_join(name, ": ", chancery_take(&refused.val.unavailable), NULL);
    return chancery_fail(error, CHANCERY_ERROR_UNAVAILABLE, MESSAGE, detail);
}

bool chancery_secret(const char *name, chancery_error *error) {
    chancery_host_secrets_own_secret_t secret;
    if (!get(name, &secret, error)) return false;
    chancery_host_secrets_secret_drop_own(secret);
    return true;
}

#ifdef CHANCERY_WITH_REVEAL
bool chancery_reveal(const char *name, chancery_bytes *value, chancery_error *error) {
    chancery_host_secrets_own_secret_t secret;
    if (!get(name, &secret, error)) return false;
    plugin_list_u8_t bytes;
    chancery_host_reveal_reveal(chancery_host_secrets_borrow_secret(secret), &bytes);
    *value = chancery_take_bytes(&bytes);
    chancery_host_secrets_secret_drop_own(secret);
    return true;
}
#endif
