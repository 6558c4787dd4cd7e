//! The credential in what the other issuer answers.

use chancery_plugin_sdk::{Credential, Error, Map, Value, http::Response};

/// How a format puts a credential down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A JSON object with a proof in it.
    Object,
    /// A compact JWT or SD-JWT; in an enveloped credential it is of this media type.
    Token(&'static str),
}

/// The shape of an OpenID4VCI format.
pub(crate) fn shape(format: &str) -> Result<Shape, Error> {
    match format {
        "ldp_vc" => Ok(Shape::Object),
        "jwt_vc_json" => Ok(Shape::Token("application/jwt")),
        "dc+sd-jwt" => Ok(Shape::Token("application/dc+sd-jwt")),
        other => Err(Error::misconfigured("The credential configuration does not fit its issuer.")
            .with_detail(format!("the format {other:?} does not come through a VC API"))),
    }
}

/// The credential in `{"verifiableCredential": …}`.
pub(crate) fn credential(response: &Response, format: &str) -> Result<Credential, Error> {
    let mut answer = response.json()?;
    let credential = match &mut answer {
        Value::Object(members) => members.remove("verifiableCredential"),
        _ => None,
    };
    match (shape(format)?, credential) {
        (_, None) => Err(unusable("there is no verifiableCredential in it")),
        (Shape::Object, Some(Value::Object(credential))) if credential.contains_key("proof") => {
            Ok(signed(credential, format))
        }
        (Shape::Object, Some(_)) => Err(unusable("the verifiableCredential is no object with a proof")),
        (Shape::Token(media_type), Some(credential)) => {
            let token = token(&credential, media_type)?;
            Ok(Credential::new(format, token))
        }
    }
}

fn signed(credential: Map<String, Value>, format: &str) -> Credential {
    let metadata = metadata(&credential);
    let external_id = credential.get("id").and_then(Value::as_str).map(str::to_owned);
    let credential = Credential::new(format, Value::Object(credential).to_string()).metadata(metadata);
    match external_id {
        Some(id) => credential.external_id(id),
        None => credential,
    }
}

/// What the credential says of itself, for the host's record.
fn metadata(credential: &Map<String, Value>) -> Map<String, Value> {
    let text = |name: &str| credential.get(name).and_then(Value::as_str).map(Value::from);
    let issuer = credential.get("issuer").and_then(|issuer| issuer.as_str().or_else(|| issuer.get("id")?.as_str()));
    let members = [
        ("issuer", issuer.map(Value::from)),
        ("valid_from", text("validFrom").or_else(|| text("issuanceDate"))),
        ("valid_until", text("validUntil").or_else(|| text("expirationDate"))),
    ];
    members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// The token itself, or the one in an EnvelopedVerifiableCredential (VC Data Model 2.0, 4.13.1).
fn token<'a>(credential: &'a Value, media_type: &str) -> Result<&'a str, Error> {
    let token = match credential {
        Value::String(token) => token.as_str(),
        envelope => {
            let url = envelope.get("id").and_then(Value::as_str).and_then(|id| id.strip_prefix("data:"));
            let (found, token) =
                url.and_then(|url| url.split_once(',')).ok_or_else(|| unusable("there is no token in it"))?;
            if found != media_type {
                let shown: String = found.chars().take(100).collect();
                return Err(unusable(&format!("the token in it is of type {shown:?}, not {media_type}")));
            }
            token
        }
    };
    let plain = token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte));
    if !plain || token.split('~').next().unwrap_or_default().split('.').count() != 3 {
        return Err(unusable("the token in it is no compact JWT"));
    }
    Ok(token)
}

fn unusable(detail: &str) -> Error {
    Error::misconfigured("The issuer's answer cannot be used.").with_detail(format!("the issuer's answer: {detail}"))
}

#[cfg(test)]
mod tests {
    use chancery_plugin_sdk::json;

    use super::*;

    fn body(answered: Value, format: &str) -> Result<String, String> {
        let response = Response::new(201).with_json(&json!({ "verifiableCredential": answered }));
        match credential(&response, format) {
            Ok(credential) => Ok(String::from_utf8(credential.body().to_vec()).unwrap()),
            Err(error) => Err(error.detail().unwrap().to_owned()),
        }
    }

    #[test]
    fn an_object_comes_through_in_its_order() {
        let credential = json!({ "z": 1, "proof": { "b": 0.1, "a": [] }, "id": "urn:x" });
        assert_eq!(body(credential, "ldp_vc").unwrap(), r#"{"z":1,"proof":{"b":0.1,"a":[]},"id":"urn:x"}"#);
    }

    #[test]
    fn tokens_come_bare_or_enveloped() {
        assert_eq!(body(json!("a.b.c"), "jwt_vc_json").unwrap(), "a.b.c");
        assert_eq!(body(json!("a.b.c~d~"), "dc+sd-jwt").unwrap(), "a.b.c~d~");
        let envelope = json!({ "type": "EnvelopedVerifiableCredential", "id": "data:application/jwt,a.b.c" });
        assert_eq!(body(envelope.clone(), "jwt_vc_json").unwrap(), "a.b.c");
        assert!(body(envelope, "dc+sd-jwt").unwrap_err().contains("application/jwt"));
    }

    #[test]
    fn what_is_no_credential_of_the_format_is_refused() {
        for odd in [json!({}), json!("a.b.c"), json!([]), json!(null), json!(7)] {
            assert!(body(odd.clone(), "ldp_vc").is_err(), "{odd}");
        }
        for odd in [
            json!({ "proof": {} }),
            json!(""),
            json!("a.b"),
            json!("a.b.c.d"),
            json!("a.b.c\r\n"),
            json!("a b.c.d"),
            json!({ "id": "data:application/jwt" }),
            json!({ "id": "https://h/a.b.c" }),
            json!({ "id": "data:application/jwt,<x>" }),
            json!(null),
            json!(["a.b.c"]),
        ] {
            assert!(body(odd.clone(), "jwt_vc_json").is_err(), "{odd}");
        }
        for answer in [json!({}), json!([]), json!("a.b.c"), json!(null)] {
            assert!(credential(&Response::new(200).with_json(&answer), "ldp_vc").is_err(), "{answer}");
        }
    }

    #[test]
    fn answers_that_readers_could_understand_differently_are_refused() {
        let twice = r#"{"verifiableCredential":{"proof":{}},"verifiableCredential":{"proof":1}}"#;
        let response = Response::new(200).with_header("content-type", "application/json").with_body(twice);
        assert!(credential(&response, "ldp_vc").is_err());
        let html = Response::new(200).with_header("content-type", "text/html").with_body("{}");
        assert!(credential(&html, "ldp_vc").is_err());
    }

    #[test]
    fn what_the_credential_says_of_itself_is_recorded() {
        let recorded = |credential: Value| Value::Object(metadata(credential.as_object().unwrap()));
        assert_eq!(
            recorded(json!({ "issuer": { "id": "did:web:x" }, "validFrom": "a", "validUntil": "b" })),
            json!({ "issuer": "did:web:x", "valid_from": "a", "valid_until": "b" })
        );
        assert_eq!(
            recorded(json!({ "issuer": "did:x", "issuanceDate": "a" })),
            json!({ "issuer": "did:x", "valid_from": "a" })
        );
        assert_eq!(recorded(json!({ "issuer": 7, "validFrom": {} })), json!({}));
    }

    #[test]
    fn formats_that_are_not_passed_on_are_refused() {
        for format in ["mso_mdoc", "", "LDP_VC", "jwt_vc_json-ld", "vc+jwt", "vc+sd-jwt"] {
            assert!(shape(format).is_err(), "{format}");
        }
    }
}
