//! What the other issuer is asked to sign: the settings' template with the values of the call, bound
//! to the holder.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chancery_plugin_sdk::{
    Error, Holder, Map, Request, Value,
    template::{ISSUANCE, Scope, Template},
};

/// The body of the request.
pub(crate) fn body(request: &Request, holder: &Holder) -> Result<Value, Error> {
    let holder_id = holder_did(holder)?;
    let scope = Scope::of(request).with_holder(&Holder { id: holder_id.clone(), ..holder.clone() });
    let mut credential = rendered(request, "credential", &scope)?
        .ok_or_else(|| misfit("the settings need `credential`, the template of the credential to be issued"))?;
    if let Some(id) = &holder_id {
        bind(&mut credential, id)?;
    }
    let mut body = Map::from_iter([("credential".to_owned(), credential)]);
    if let Some(options) = rendered(request, "options", &scope)? {
        body.insert("options".to_owned(), options);
    }
    Ok(Value::Object(body))
}

/// One template of the settings. Its other members are for placeholders.
fn rendered(request: &Request, member: &str, scope: &Scope) -> Result<Option<Value>, Error> {
    let Some(document) = request.settings.get(member) else {
        return Ok(None);
    };
    if !document.is_object() {
        return Err(misfit(&format!("`{member}` of the settings must be a JSON object")));
    }
    let template = Template::parse(document, ISSUANCE, &format!("/{member}")).map_err(|problems| {
        let problems: Vec<String> =
            problems.iter().map(|problem| format!("settings{}: {}", problem.path, problem.message)).collect();
        misfit(&problems.join("; "))
    })?;
    template.render(scope).map(Some)
}

/// The DID that the credential is bound to; `None` where no key proof was asked for.
fn holder_did(holder: &Holder) -> Result<Option<String>, Error> {
    if let Some(url) = &holder.id {
        // The DID URL names a key; the subject is whose key it is.
        return Ok(url.split(['#', '?', '/']).next().map(str::to_owned));
    }
    holder.public_key_jwk.as_ref().map(did_jwk).transpose()
}

/// did:jwk of the key itself, without `kid`, `use` and the like: the required members in the order
/// of RFC 7638, so that one key always has the same name.
fn did_jwk(key: &Map<String, Value>) -> Result<String, Error> {
    let unknown = || Error::invalid_request("The wallet's key cannot be used.").with_detail("a JWK of an unknown kind");
    let members: &[&str] = match key.get("kty").and_then(Value::as_str) {
        Some("EC") => &["crv", "kty", "x", "y"],
        Some("OKP") => &["crv", "kty", "x"],
        Some("RSA") => &["e", "kty", "n"],
        _ => return Err(unknown()),
    };
    let mut public = Map::new();
    for member in members {
        let value = key.get(*member).filter(|value| value.is_string()).ok_or_else(unknown)?;
        public.insert((*member).to_owned(), value.clone());
    }
    Ok(format!("did:jwk:{}", URL_SAFE_NO_PAD.encode(Value::Object(public).to_string())))
}

/// Makes the holder the one subject. The host checks in what comes back that it is.
fn bind(credential: &mut Value, holder: &str) -> Result<(), Error> {
    let subject = match credential.get_mut("credentialSubject") {
        Some(Value::Object(subject)) => subject,
        Some(Value::Array(subjects)) => match &mut subjects[..] {
            [Value::Object(subject)] => subject,
            _ => return Err(misfit("a credential that is bound to a holder has one credentialSubject")),
        },
        _ => return Err(misfit("`credential` of the settings needs a credentialSubject")),
    };
    match subject.get("id") {
        None => drop(subject.insert("id".to_owned(), holder.into())),
        Some(id) if id == holder => {}
        Some(_) => return Err(misfit("credentialSubject.id must be \"{holder.id}\", or be left out")),
    }
    Ok(())
}

fn misfit(detail: &str) -> Error {
    Error::misconfigured("The credential configuration's plugin settings do not fit.").with_detail(detail)
}

#[cfg(test)]
mod tests {
    use chancery_plugin_sdk::{ErrorKind, json};

    use super::*;

    fn request(settings: Value) -> Request {
        let mut request = Request::about(r#"7","admin":true"#);
        request.subject.claims.insert("name".into(), json!("Amina"));
        request.settings = settings.as_object().unwrap().clone();
        request
    }

    fn holder() -> Holder {
        Holder { id: Some("did:key:z6Mk#z6Mk".into()), ..Holder::default() }
    }

    fn subject(settings: Value, holder: &Holder) -> Result<Value, Error> {
        body(&request(settings), holder).map(|mut body| body["credential"]["credentialSubject"].take())
    }

    fn with_subject(subject: Value) -> Value {
        json!({ "credential": { "credentialSubject": subject } })
    }

    #[test]
    fn the_template_gets_values_and_the_holder() {
        let settings = json!({
            "credential": {
                "type": ["VerifiableCredential"],
                "credentialSubject": { "name": "{subject.claims.name}", "number": "{subject.id}", "grade": "{settings.grade}" },
            },
            "options": { "credentialStatus": { "holder": "{holder.id}" } },
            "grade": 7,
        });
        assert_eq!(
            body(&request(settings), &holder()).unwrap(),
            json!({
                "credential": {
                    "type": ["VerifiableCredential"],
                    "credentialSubject": { "name": "Amina", "number": r#"7","admin":true"#, "grade": 7, "id": "did:key:z6Mk" },
                },
                "options": { "credentialStatus": { "holder": "did:key:z6Mk" } },
            })
        );
    }

    #[test]
    fn nobody_but_the_holder_is_the_subject() {
        let own = |id: &str| subject(with_subject(json!({ "id": id })), &holder());
        assert_eq!(own("{holder.id}").unwrap()["id"], "did:key:z6Mk");
        for id in ["did:key:other", "{subject.id}", ""] {
            assert_eq!(own(id).unwrap_err().kind(), ErrorKind::Misconfigured, "{id}");
        }
        assert_eq!(subject(with_subject(json!([{}])), &holder()).unwrap(), json!([{ "id": "did:key:z6Mk" }]));
        for odd in [json!([]), json!([{}, {}]), json!(["x"]), json!("x"), json!(null)] {
            assert_eq!(
                subject(with_subject(odd.clone()), &holder()).unwrap_err().kind(),
                ErrorKind::Misconfigured,
                "{odd}"
            );
        }
        assert_eq!(subject(json!({ "credential": {} }), &holder()).unwrap_err().kind(), ErrorKind::Misconfigured);
    }

    #[test]
    fn a_key_without_a_did_has_one() {
        let key = json!({ "kty": "EC", "y": "Y", "x": "X", "crv": "P-256", "kid": "k", "use": "sig", "d": "private" });
        let holder = Holder { public_key_jwk: key.as_object().cloned(), ..Holder::default() };
        let id = subject(with_subject(json!({})), &holder).unwrap()["id"].take();
        let encoded = id.as_str().unwrap().strip_prefix("did:jwk:").unwrap();
        let decoded = String::from_utf8(URL_SAFE_NO_PAD.decode(encoded).unwrap()).unwrap();
        assert_eq!(decoded, r#"{"crv":"P-256","kty":"EC","x":"X","y":"Y"}"#);
        for odd in [
            json!({}),
            json!({ "kty": "oct", "k": "x" }),
            json!({ "kty": "OKP", "crv": "Ed25519" }),
            json!({ "kty": "OKP", "crv": "Ed25519", "x": 7 }),
        ] {
            let holder = Holder { public_key_jwk: odd.as_object().cloned(), ..Holder::default() };
            assert_eq!(
                subject(with_subject(json!({})), &holder).unwrap_err().kind(),
                ErrorKind::InvalidRequest,
                "{odd}"
            );
        }
    }

    #[test]
    fn without_a_key_proof_nobody_is_named() {
        let nobody = Holder::default();
        assert_eq!(subject(with_subject(json!({ "a": 1 })), &nobody).unwrap(), json!({ "a": 1 }));
        let error = subject(with_subject(json!({ "id": "{holder.id}" })), &nobody).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    }

    #[test]
    fn settings_that_do_not_fit_are_told_by_place() {
        for (settings, told) in [
            (json!({}), "`credential`"),
            (json!({ "credential": [] }), "`credential`"),
            (json!({ "credential": { "credentialSubject": {} }, "options": "x" }), "`options`"),
            (
                json!({ "credential": { "credentialSubject": { "a": "x {subject.id}" } } }),
                "settings/credential/credentialSubject/a",
            ),
        ] {
            let error = subject(settings, &holder()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Misconfigured);
            assert!(error.detail().unwrap().contains(told), "{error:?}");
        }
    }
}
