//! From answers to claims.

use chancery_plugin_sdk::{Error, Map, Value};

use crate::config::{Claim, Settings};

/// The claims in the pages of an answer.
pub(crate) fn claims(settings: &Settings, pages: Vec<Value>) -> Result<Map<String, Value>, Error> {
    let wanted = settings.claims.as_deref();
    let Some(pointer) = &settings.items else {
        let answer = pages.into_iter().next().unwrap_or(Value::Null);
        return object(answer, wanted);
    };
    let mut items = Vec::new();
    for mut page in pages {
        match page.pointer_mut(pointer).map(Value::take) {
            Some(Value::Array(list)) => items.extend(list),
            None | Some(Value::Null) => {}
            Some(_) => return Err(unusable(&format!("the answer has no list at {pointer:?}"))),
        }
    }
    let Some(into) = &settings.into else {
        return only(items, wanted);
    };
    let items = items.into_iter().map(|item| match wanted {
        // A list may be of plain values where nothing is to be picked out of them.
        None => Ok(item),
        Some(_) => object(item, wanted).map(Value::Object),
    });
    let items = items.collect::<Result<Vec<_>, _>>()?;
    Ok(Map::from_iter([(into.clone(), Value::Array(items))]))
}

/// A search that finds two people has found nobody.
fn only(items: Vec<Value>, wanted: Option<&[Claim]>) -> Result<Map<String, Value>, Error> {
    let found = items.len();
    let mut items = items.into_iter();
    match (items.next(), items.next()) {
        (Some(item), None) => object(item, wanted),
        (None, _) => Err(Error::not_found("The data source does not know this subject.")),
        (Some(_), Some(_)) => Err(unusable(&format!("the answer has {found} items where one is expected"))),
    }
}

/// The claims in one object. What is null or missing is left out.
fn object(answer: Value, wanted: Option<&[Claim]>) -> Result<Map<String, Value>, Error> {
    let Some(wanted) = wanted else {
        return match answer {
            Value::Object(claims) => Ok(claims),
            _ => Err(unusable("the answer is no JSON object; map it with `claims`")),
        };
    };
    let mut claims = Map::new();
    for claim in wanted {
        match answer.pointer(&claim.pointer) {
            None | Some(Value::Null) if claim.required => {
                return Err(unusable(&format!("the answer has nothing at {:?}", claim.pointer)));
            }
            None | Some(Value::Null) => {}
            Some(value) => drop(claims.insert(claim.name.clone(), value.clone())),
        }
    }
    Ok(claims)
}

fn unusable(detail: &str) -> Error {
    Error::misconfigured("The data source's answer cannot be used.").with_detail(detail)
}

#[cfg(test)]
mod tests {
    use chancery_plugin_sdk::{ErrorKind, json};

    use super::*;
    use crate::fake::settings;

    fn mapped(config: Value, pages: &[Value]) -> Result<Value, Error> {
        claims(&settings(config), pages.to_vec()).map(Value::Object)
    }

    fn kind(config: Value, pages: &[Value]) -> ErrorKind {
        mapped(config, pages).unwrap_err().kind()
    }

    #[test]
    fn an_answer_is_passed_on_or_mapped() {
        let answer = [json!({ "name": { "full": "Amina" }, "a/b": [1, { "c~d": true }], "gone": null })];
        assert_eq!(mapped(json!({}), &answer).unwrap(), answer[0]);
        let claims = json!({ "claims": {
            "fullName": "/name/full", "flag": "/a~1b/1/c~0d", "all": "/a~1b", "gone": "/gone", "none": "/x/y", "end": "/a~1b/-",
        }});
        assert_eq!(
            mapped(claims, &answer).unwrap(),
            json!({ "fullName": "Amina", "flag": true, "all": [1, { "c~d": true }] })
        );
    }

    #[test]
    fn what_is_required_is_missed() {
        for pointer in ["/gone", "/none"] {
            let config = json!({ "claims": { "x": { "pointer": pointer, "required": true } } });
            assert_eq!(kind(config, &[json!({ "gone": null })]), ErrorKind::Misconfigured);
        }
    }

    #[test]
    fn a_search_must_find_one() {
        let config = || json!({ "items": "/results", "claims": { "n": "/name" } });
        let page =
            |names: &[&str]| json!({ "results": names.iter().map(|n| json!({ "name": n })).collect::<Vec<_>>() });
        assert_eq!(mapped(config(), &[page(&["a"])]).unwrap(), json!({ "n": "a" }));
        assert_eq!(mapped(config(), &[page(&[]), page(&["a"])]).unwrap(), json!({ "n": "a" }));
        assert_eq!(kind(config(), &[page(&[])]), ErrorKind::NotFound);
        assert_eq!(kind(config(), &[json!({})]), ErrorKind::NotFound);
        assert_eq!(kind(config(), &[page(&["a", "b"])]), ErrorKind::Misconfigured);
        assert_eq!(kind(config(), &[page(&["a"]), page(&["b"])]), ErrorKind::Misconfigured);
    }

    #[test]
    fn a_list_becomes_one_claim() {
        let config = json!({ "items": "", "into": "plots", "claims": { "id": "/n" } });
        let pages = [json!([{ "n": 1, "x": 0 }]), json!([{ "n": 2 }, {}])];
        assert_eq!(mapped(config, &pages).unwrap(), json!({ "plots": [{ "id": 1 }, { "id": 2 }, {}] }));
        assert_eq!(
            mapped(json!({ "items": "", "into": "crops" }), &[json!(["maize"])]).unwrap(),
            json!({ "crops": ["maize"] })
        );
        assert_eq!(mapped(json!({ "items": "/x", "into": "crops" }), &[json!({})]).unwrap(), json!({ "crops": [] }));
    }

    #[test]
    fn an_answer_of_another_shape_is_told() {
        for answer in [json!([]), json!("x"), json!(null), json!(7)] {
            assert_eq!(kind(json!({}), &[answer]), ErrorKind::Misconfigured);
        }
        assert_eq!(kind(json!({ "items": "/a" }), &[json!({ "a": {} })]), ErrorKind::Misconfigured);
        assert_eq!(kind(json!({ "items": "/a" }), &[json!({ "a": ["x"] })]), ErrorKind::Misconfigured);
    }
}
