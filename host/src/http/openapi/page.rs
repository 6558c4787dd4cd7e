//! The document as a page for people: flat enough that a template without logic can show it.

use serde_json::{Map, Value, json};

/// Deeper members are left to the document itself.
const MAX_DEPTH: usize = 4;
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

pub(super) fn view(document: &Value) -> Value {
    let page = Page { document, url: document["servers"][0]["url"].as_str().unwrap_or_default() };
    let tags = document["tags"].as_array().map(Vec::as_slice).unwrap_or_default();
    let sections = tags.iter().map(
        |tag| json!({"name": tag["name"], "about": prose(text(&tag["description"])), "operations": page.operations(&tag["name"])}),
    );
    json!({
        "stylesheet": "/assets/style.css",
        "title": document["info"]["title"],
        "version": document["info"]["version"],
        "about": prose(text(&document["info"]["description"])),
        "sections": sections.collect::<Vec<_>>(),
        "schemes": members(&document["components"]["securitySchemes"]).map(|(name, scheme)| json!({
            "name": name,
            "about": prose(text(&scheme["description"])),
            "scopes": members(&scheme["flows"]["clientCredentials"]["scopes"])
                .map(|(scope, about)| json!({"name": scope, "about": about})).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    })
}

struct Page<'a> {
    document: &'a Value,
    url: &'a str,
}

impl Page<'_> {
    fn operations(&self, tag: &Value) -> Vec<Value> {
        let mut found = Vec::new();
        for (path, item) in members(&self.document["paths"]) {
            let methods = METHODS.iter().filter_map(|method| Some((*method, item.get(*method)?)));
            for (method, operation) in methods.filter(|(_, operation)| operation["tags"][0] == *tag) {
                found.push(self.operation(method, path, operation));
            }
        }
        found
    }

    fn operation(&self, method: &str, path: &str, operation: &Value) -> Value {
        let body = members(&operation["requestBody"]["content"]).next().map(|(media_type, content)| {
            let example = members(&content["examples"]).next().map(|(_, example)| &example["value"]);
            json!({
                "media_type": media_type,
                "fields": self.fields(&content["schema"]),
                "example": example.map(|value| format!("{value:#}")),
            })
        });
        let parameters = list(&operation["parameters"]).iter().map(|parameter| {
            json!({
                "name": parameter["name"],
                "place": parameter["in"],
                "kind": self.kind(&parameter["schema"]),
                "required": parameter["required"],
                "about": prose(text(&parameter["description"])),
            })
        });
        json!({
            "id": operation["operationId"],
            "method": method.to_ascii_uppercase(),
            "path": path,
            "summary": operation["summary"],
            "about": prose(text(&operation["description"])),
            "access": access(operation),
            "of_each_issuer": operation.get("servers").is_none(),
            "parameters": parameters.collect::<Vec<_>>(),
            "body": body,
            "curl": self.curl(method, path, operation),
            "answers": members(&operation["responses"]).map(|(status, answer)| self.answer(status, answer)).collect::<Vec<_>>(),
        })
    }

    fn answer(&self, status: &str, answer: &Value) -> Value {
        let content = members(&answer["content"]).map(|(media_type, content)| {
            // What errors look like is said once, in the introduction.
            let shown = status.starts_with('2') || status == "503" && media_type == "application/json";
            let fields = if shown { self.fields(&content["schema"]) } else { Vec::new() };
            json!({"media_type": media_type, "fields": fields})
        });
        let headers = members(&answer["headers"]).map(|(name, _)| name).filter(|name| *name != "x-request-id");
        json!({
            "status": status,
            "class": format!("s{}", status.chars().next().unwrap_or('0')),
            "about": prose(text(&answer["description"])),
            "content": content.collect::<Vec<_>>(),
            "headers": headers.collect::<Vec<_>>().join(", "),
        })
    }

    /// A request that can be copied into a shell.
    fn curl(&self, method: &str, path: &str, operation: &Value) -> String {
        let mut lines = vec![match method {
            "get" => format!("curl '{}{path}'", self.url),
            _ => format!("curl -X {} '{}{path}'", method.to_ascii_uppercase(), self.url),
        }];
        if !list(&operation["security"]).is_empty() {
            lines.push("-H \"Authorization: Bearer $TOKEN\"".to_owned());
        }
        if let Some((media_type, content)) = members(&operation["requestBody"]["content"]).next() {
            let example = members(&content["examples"]).next().map_or(&Value::Null, |(_, example)| &example["value"]);
            if media_type == "application/x-www-form-urlencoded" {
                let pairs = members(example);
                lines.extend(pairs.map(|(name, value)| format!("--data-urlencode '{name}={}'", text(value))));
            } else {
                lines.push(format!("-H 'Content-Type: {media_type}'"));
                lines.push(format!("-d '{}'", example.to_string().replace('\'', "'\\''")));
            }
        }
        lines.join(" \\\n  ")
    }

    /// The members of an object, and of what is in it: a row each.
    fn fields(&self, schema: &Value) -> Vec<Value> {
        let mut rows = Vec::new();
        self.add_fields(&mut rows, schema, 0);
        rows
    }

    fn add_fields(&self, rows: &mut Vec<Value>, schema: &Value, depth: usize) {
        let schema = self.object_in(schema);
        if depth == MAX_DEPTH {
            return;
        }
        let shapes = list(&schema["oneOf"]).iter().chain(list(&schema["anyOf"]));
        let shapes: Vec<&Value> = shapes.filter(|shape| self.resolved(shape).get("properties").is_some()).collect();
        for shape in &shapes {
            if shapes.len() > 1 {
                let about = text(&self.resolved(shape)["description"]);
                rows.push(json!({"is_shape": true, "about": prose(if about.is_empty() { "Or:" } else { about })}));
            }
            self.add_fields(rows, shape, depth);
        }
        let required = list(&schema["required"]);
        for (name, member) in members(&schema["properties"]) {
            rows.push(json!({
                "is_shape": false,
                "name": name,
                "depth": depth,
                "kind": self.kind(member),
                "required": required.iter().any(|one| one == name),
                "about": prose(text(member.get("description").unwrap_or(&self.resolved(member)["description"]))),
            }));
            self.add_fields(rows, member, depth + 1);
        }
    }

    /// The object that a schema is about: its own, that of a list's items, or the one that `null` may stand in for.
    fn object_in<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let schema = self.resolved(schema);
        if schema.get("items").is_some() {
            return self.object_in(&schema["items"]);
        }
        match list(&schema["anyOf"]) {
            [one, null] if null["type"] == "null" => self.object_in(one),
            _ => schema,
        }
    }

    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let name = schema["$ref"].as_str().and_then(|r| r.strip_prefix("#/components/schemas/"));
        name.map_or(schema, |name| &self.document["components"]["schemas"][name])
    }

    /// A type in one or two words.
    fn kind(&self, schema: &Value) -> String {
        let schema = self.resolved(schema);
        if let Some(value) = schema.get("const") {
            return value.to_string();
        }
        let quoted = |values: &[Value]| values.iter().map(Value::to_string).collect::<Vec<_>>().join(" | ");
        if let Some(values) = schema["enum"].as_array() {
            return quoted(values);
        }
        let choices = list(&schema["oneOf"]).iter().chain(list(&schema["anyOf"]));
        let mut kinds: Vec<String> = choices.map(|one| self.kind(one)).collect();
        match &schema["type"] {
            Value::String(one) if one == "array" => kinds.push(format!("{}[]", self.kind(&schema["items"]))),
            Value::String(one) => {
                kinds.push(schema["format"].as_str().filter(|f| f.contains('-')).unwrap_or(one).to_owned());
            }
            Value::Array(several) => kinds.extend(several.iter().map(|one| text(one).to_owned())),
            _ if kinds.is_empty() => kinds.push("any".to_owned()),
            _ => {}
        }
        kinds.dedup();
        kinds.join(" | ")
    }
}

fn access(operation: &Value) -> Value {
    let scheme =
        list(&operation["security"]).first().and_then(Value::as_object).and_then(|scheme| scheme.iter().next());
    match scheme {
        None => Value::Null,
        Some((name, scopes)) => match list(scopes) {
            [] => json!(name),
            scopes => json!(scopes.iter().map(text).collect::<Vec<_>>().join(" ")),
        },
    }
}

/// HTML of our own texts: escaped, lines with a dash as a list, backticks as code.
fn prose(text: &str) -> String {
    let (mut html, mut in_list) = (String::new(), false);
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (item, line) = line.strip_prefix("- ").map_or((false, line), |item| (true, item));
        if item != in_list {
            html.push_str(if item { "<ul>" } else { "</ul>" });
            in_list = item;
        }
        let tag = if item { "li" } else { "p" };
        html.push_str(&format!("<{tag}>{}</{tag}>", inline(line)));
    }
    if in_list {
        html.push_str("</ul>");
    }
    html
}

fn inline(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let parts = escaped.split('`').enumerate();
    parts.map(|(i, part)| if i % 2 == 1 { format!("<code>{part}</code>") } else { part.to_owned() }).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    value.as_object().unwrap_or(&NONE).iter().map(|(name, value)| (name.as_str(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_escaped() {
        assert_eq!(prose("Is `a<b` & \"c\""), "<p>Is <code>a&lt;b</code> &amp; &quot;c&quot;</p>");
        assert_eq!(prose("One:\n\n- `a`: x\n- b"), "<p>One:</p><ul><li><code>a</code>: x</li><li>b</li></ul>");
        assert_eq!(prose(""), "");
    }
}
