//! What can go wrong in a call, by the subject's id.

use std::{hint::black_box, time::Duration};

use chancery_plugin_sdk::{Data, Error, Map, ReadAt, Request, Value, clock, json, log, prepared::Prepared};

use crate::kept;

/// More than any test lets a sandbox hold or answer.
const HUGE_BYTES: usize = 100_000_000;
/// Fits a sandbox's memory and exceeds what it may answer by default.
const LARGE_BYTES: usize = 4 * 1024 * 1024;
const CHUNK_BYTES: usize = 1024 * 1024;
const FLOOD_LINES: u32 = 100_000;
const HOARD_BLOBS: u32 = 2_000;
const DEEP_LEVELS: usize = 10_000;
/// Longer than any test's wall-clock limit.
const SLEEP: Duration = Duration::from_mins(1);
const RETRY_AFTER: Duration = Duration::from_millis(1500);

/// Answers as the subject's id asks; any other id is an ordinary person.
#[expect(clippy::panic, reason = "one of the behaviours")]
pub(crate) fn fetch(request: &Request) -> Result<Data, Error> {
    let id = request.subject.id.as_str();
    Ok(match id {
        // Limits.
        "spin" => spin(),
        "allocate" => allocate(),
        "recurse" => person(&format!("depth {}", recurse(0))),
        "slow-host-call" => {
            std::thread::sleep(SLEEP);
            person("Late")
        }
        "huge-output" => text_of(HUGE_BYTES),
        "large-output" => text_of(LARGE_BYTES),
        "flood-log" => flood_log(),
        "flood-stderr" => flood_stderr(),
        "flood-blobs" => flood_blobs()?,
        "hoard-blobs" => hoard_blobs()?,
        // Ends that are none.
        "trap" => panic!("trap on request"),
        "exit" => std::process::exit(3),
        // Answers that are no claims.
        "invalid-json" => Data::from_json_text(r#"{"name": "Mal"#),
        "not-object" => Data::from_json_text(r#"["name", "Mal"]"#),
        "deep-json" => deep_json(),
        "duplicate-keys" => Data::from_json_text(r#"{"name": "Mal", "name": "Bea"}"#),
        "big-number" => Data::from_json_text(r#"{"huge": 1e400, "long": 12345678901234567890}"#),
        "longer-number" => Data::from_json_text(r#"{"long": 123456789012345678901234567890}"#),
        "nasty-text" => nasty_text(),
        // Typed errors.
        "not-found" => return Err(Error::not_found("Nobody of that name is here.").with_detail("hidden")),
        "denied" => return Err(Error::denied("This person may not be told.").with_detail("hidden")),
        "invalid-request" => return Err(Error::invalid_request("A claim is missing.").with_detail("hidden")),
        "unavailable" => {
            return Err(Error::unavailable("The source is resting.").with_detail("hidden").retry_after(RETRY_AFTER));
        }
        "misconfigured" => return Err(Error::misconfigured("Not set up.").with_detail("hidden")),
        "internal" => return Err(Error::internal("A defect.").with_detail("hidden")),
        "nasty-error" => {
            return Err(
                Error::denied("\u{1b}[31m{{ x }}\r\n\0 ".repeat(1000)).with_detail("\u{1b}]0;x\u{7}".repeat(1000))
            );
        }
        // What a call can see.
        "leak" => kept::leak(id, request),
        "ambient" => ambient(),
        "time" => time(),
        "prepared" => prepared(),
        // What a call leaves behind.
        "say" => {
            eprintln!("said in passing");
            person("Ada")
        }
        "hoard-memory" => kept::hoard_memory(),
        "keep-blob" => kept::keep_blob(),
        "read-kept-blob" => kept::read_kept_blob(),
        "drop-kept-blob" => kept::drop_kept_blob(),
        "keep-answer" => kept::keep_answer()?,
        "give-kept-answer" => kept::give_kept_answer()?,
        "forget-handles" => kept::forget_handles(),
        "forget-content" => kept::forget_content()?,
        // Valid until noon of 2 June 2026, and until 1970.
        "short-lived" => person("Ada").valid_until(1_780_401_600),
        "outdated" => person("Ada").valid_until(1),
        "attachment" => person("Ada").attach("photo", "image/png", b"\x89PNG\r\n")?,
        "echo" => echo(request),
        _ => person("Ada"),
    })
}

pub(crate) fn spin() -> ! {
    let mut turns: u64 = 0;
    loop {
        turns = black_box(turns).wrapping_add(1);
    }
}

pub(crate) fn person(name: &str) -> Data {
    Data::from(Map::from_iter([("name".to_owned(), Value::from(name)), ("born".to_owned(), Value::from("1815-12-10"))]))
}

fn allocate() -> ! {
    let mut chunks = Vec::new();
    loop {
        // Written to, so that a lazily zeroed page counts too.
        chunks.push(vec![1_u8; CHUNK_BYTES]);
        black_box(&chunks);
    }
}

fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    // No tail call: the frame is needed afterwards.
    if frame[0] == u64::MAX {
        return depth;
    }
    recurse(black_box(depth + 1)) + black_box(frame[1])
}

fn text_of(bytes: usize) -> Data {
    // Made in one piece: growing by doubling would meet the memory limit before the output limit.
    let (before, after) = (r#"{"text": ""#, r#""}"#);
    let mut claims = String::with_capacity(bytes);
    claims.push_str(before);
    claims.extend(std::iter::repeat_n('x', bytes - before.len() - after.len()));
    claims.push_str(after);
    Data::from_json_text(claims)
}

fn flood_log() -> Data {
    for line in 0..FLOOD_LINES {
        log::info("a line of a flood", &[("line", &line)]);
    }
    person("Ada")
}

fn flood_stderr() -> Data {
    for line in 0..FLOOD_LINES {
        eprintln!("line {line} of a flood");
    }
    person("Ada")
}

fn flood_blobs() -> Result<Data, Error> {
    let chunk = vec![7; CHUNK_BYTES];
    let mut data = person("Ada");
    for number in 0..HUGE_BYTES / CHUNK_BYTES {
        data = data.attach(format!("blob{number}"), "application/octet-stream", &chunk)?;
    }
    Ok(data)
}

/// Each is empty: what runs out is the number of handles.
fn hoard_blobs() -> Result<Data, Error> {
    (0..HOARD_BLOBS)
        .try_fold(person("Ada"), |data, number| data.attach(format!("blob{number}"), "application/octet-stream", &[]))
}

fn deep_json() -> Data {
    Data::from_json_text(format!(r#"{{"deep": {}{}}}"#, "[".repeat(DEEP_LEVELS), "]".repeat(DEEP_LEVELS)))
}

/// Texts that break out of careless templates, logs, pages and queries.
fn nasty_text() -> Data {
    Data::from(Map::from_iter(
        [
            ("quotes", r#"O'Brien "Bob" \" `x` \\"#),
            ("template", "{{ 7 * 7 }} {% for x in y %} {# c #} ${x} #{x}"),
            ("structure", r#"", "admin": true, "x": ""#),
            ("html", "<script>alert(1)</script>&amp;<!--"),
            ("control", "\0\u{1}\u{7f}\u{1b}[31m\r\n\t\u{85}\u{2028}\u{feff}"),
            ("surrogates", r"\ud83d\ude00 \ud800"),
            ("bidi", "\u{202e}drowssap\u{202c}"),
            ("scripts", "Ἀδα አዳ 愛田 ಆದಾ 🧑🏽\u{200d}🌾 e\u{301}"),
            ("sql", "x'; drop table issued_credentials; --"),
            ("__proto__", "polluted"),
            ("a.b[0] c", "an awkward name"),
            ("", "no name"),
        ]
        .map(|(name, text)| (name.to_owned(), Value::from(text))),
    ))
}

/// What the standard library shows of the world outside. Everything is empty or an error.
fn ambient() -> Data {
    let listed = std::fs::read_dir("/").map_or_else(
        |error| json!(error.to_string()),
        |entries| entries.filter_map(|entry| Some(entry.ok()?.path().display().to_string())).collect(),
    );
    let opened = ["/etc/passwd", "/data", "/tmp/x", "../x", "x"].map(|path| {
        let content = std::fs::read(path);
        (path.to_owned(), content.map_or(Value::Null, |bytes| bytes.len().into()))
    });
    let written =
        ["/tmp/hostile", "hostile"].map(|path| (path.to_owned(), Value::Bool(std::fs::write(path, "x").is_ok())));
    let mut line = String::new();
    let typed = std::io::stdin().read_line(&mut line).unwrap_or_default();
    Data::from(Map::from_iter([
        ("env".to_owned(), std::env::vars().map(|(name, value)| format!("{name}={value}")).collect()),
        ("args".to_owned(), std::env::args().collect()),
        ("listed".to_owned(), listed),
        ("opened".to_owned(), Value::Object(Map::from_iter(opened))),
        ("written".to_owned(), Value::Object(Map::from_iter(written))),
        ("stdin_bytes".to_owned(), typed.into()),
    ]))
}

/// The time of day.
fn time() -> Data {
    Data::from(Map::from_iter([("unix_ms".to_owned(), clock::unix_ms(clock::now()).into())]))
}

fn prepared() -> Data {
    let size = Prepared.size();
    let bytes = Prepared.read_at(0, u32::MAX);
    Data::from(Map::from_iter([
        ("size".to_owned(), size.into()),
        ("text".to_owned(), String::from_utf8_lossy(&bytes).into()),
        ("beyond".to_owned(), Prepared.read_at(u64::MAX, 1).len().into()),
    ]))
}

fn echo(request: &Request) -> Data {
    Data::from(Map::from_iter([
        ("request_id".to_owned(), request.request_id.clone().into()),
        ("issuer_id".to_owned(), request.issuer_id.clone().into()),
        ("configuration_id".to_owned(), request.configuration_id.clone().into()),
        ("format".to_owned(), request.format.clone().into()),
        ("subject_id".to_owned(), request.subject.id.clone().into()),
        ("subject_claims".to_owned(), Value::Object(request.subject.claims.clone())),
        ("requested_claims".to_owned(), json!(request.requested_claims)),
        ("locales".to_owned(), json!(request.locales)),
        ("settings".to_owned(), Value::Object(request.settings.clone())),
        ("context".to_owned(), Value::Object(request.context.clone())),
        ("budget_ms".to_owned(), u64::try_from(request.budget.as_millis()).unwrap_or(u64::MAX).into()),
    ]))
}
