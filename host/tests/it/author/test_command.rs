//! `chancery plugin test`, with plugins that are there already.

use serde_json::{Value, json};

use super::bare::{Bare, timeless};

const REST: &str = "[grants.http]\nallow = [\"https://registry.example\"]\n\
                    inject = [{ host = \"registry.example\", header = \"x-api-key\", value = \"{{secret:token}}\" }]\n\
                    [grants.kv]\n[config]\nurl = \"https://registry.example/{subject.id}\"\ncache.ttl = \"1m\"\n";

/// One case, of `ada`, with the secret that `REST` injects.
fn rest(rest: &str) -> Bare {
    let head = "[secrets]\ntoken = \"t0\"\n[[case]]\nname = \"ada\"\nrequest = { subject = { id = \"ada\" } }\n";
    Bare::new("rest-provider", REST, &format!("{head}{rest}"))
}

#[test]
fn what_passes_is_one_line_a_case() {
    let tried = rest(
        "expect = { claims = { name = \"Ada\" } }\n[[case.http]]\n\
         request = { method = \"GET\", url = \"https://registry.example/ada\", headers = { x-api-key = \"t0\" } }\n\
         response = { json = { name = \"Ada\" } }",
    );
    assert_eq!(timeless(&tried.passes()), "ok      ada\n1 case passed: rest-provider of cases.toml\n");
}

#[test]
fn what_differs_is_told_place_by_place() {
    let tried = rest(
        "expect = { claims = { name = \"Bea\", village = { zip = 1 } } }\n[[case.http]]\nrequest = {}\n\
         response = { json = { name = \"Ada\", village = { zip = 2 }, n = 3 } }",
    );
    let expected = "\
FAILED  ada
        claims/name
          expected  \"Bea\"
          got       \"Ada\"
        claims/village/zip
          expected  1
          got       2
        claims/n
          expected  nothing
          got       3
1 case failed, 0 passed: rest-provider of cases.toml
";
    assert_eq!(timeless(&tried.fails()), expected);
}

#[test]
fn a_question_without_an_answer_is_told_with_the_lines_to_add() {
    let tried =
        rest("expect = { error = \"unavailable\" }\n[[case.http]]\nrequest = { method = \"PUT\" }\nfault = \"dns\"");
    let report = tried.fails();
    for part in [
        "        the plugin asked for GET https://registry.example/ada: the closest one differs: method: expected PUT, got GET\n",
        "          [[case.http]]\n          request = { method = \"GET\", url = \"https://registry.example/ada\" }\n",
        "        PUT * did not happen, and the case lists it\n",
    ] {
        assert!(report.contains(part), "{part}: {report}");
    }
    // With these lines the plugin gets an answer.
    let lines = "expect = { claims = {} }\n[[case.http]]\nrequest = { method = \"GET\", url = \"https://registry.example/ada\" }\n\
                 response = { status = 200, json = {} }";
    rest(lines).passes();
}

#[test]
fn the_grants_rules_hold_for_what_the_case_file_answers() {
    let outside = "[config]\nurl = \"https://elsewhere.example/{subject.id}\"\n";
    let grant = format!("{}{outside}", REST.split("[config]").next().unwrap());
    let cases = "[secrets]\ntoken = \"t0\"\n[[case]]\nname = \"ada\"\nexpect = { claims = {} }\n[[case.http]]\nrequest = {}\n\
                 response = { json = {} }";
    let report = Bare::new("rest-provider", &grant, cases).fails();
    let refused = "        \
the grant file does not let out GET https://elsewhere.example/subject-1: https://elsewhere.example is not on the allow-list
        to let it out, write into the grant file:
          [grants.http]
          allow = [\"https://registry.example\", \"https://elsewhere.example\"]
        if it must be refused, add:
          [[case.http]]
          request = { method = \"GET\", url = \"https://elsewhere.example/subject-1\" }
          fault = \"denied\"
";
    assert!(report.contains(refused), "{report}");
    // What the plugin makes of a refusal may be right: the request fails the case all the same.
    let cases = |exchange: &str| {
        format!(
            "[secrets]\ntoken = \"t0\"\n[[case]]\nname = \"ada\"\nexpect = {{ error = \"misconfigured\" }}\n{exchange}"
        )
    };
    let report = Bare::new("rest-provider", &grant, &cases("")).fails();
    assert!(report.contains(refused) && !report.contains("expected"), "{report}");
    let listed = "[[case.http]]\nrequest = { url = \"https://elsewhere.example/*\" }\nfault = \"denied\"\n";
    Bare::new("rest-provider", &grant, &cases(listed)).passes();

    let large = format!("response_max = \"1KiB\"\n{}", &REST["[grants.http]\n".len()..]);
    let body = "x".repeat(1025);
    let cases = format!(
        "[secrets]\ntoken = \"t0\"\n[[case]]\nname = \"ada\"\nexpect = {{ error = \"unavailable\" }}\n[[case.http]]\n\
         request = {{}}\nresponse = {{ json = {{ a = \"{body}\" }} }}\ntimes = 3"
    );
    let report = Bare::new("rest-provider", &format!("[grants.http]\n{large}"), &cases).run("test", &["--json"]).1;
    let report: Value = serde_json::from_str(&report).unwrap();
    let notes = report["files"][0]["cases"][0]["notes"].to_string();
    assert!(notes.contains("larger than grants.http.response_max"), "{report:#}");
}

#[test]
fn the_cache_is_what_the_case_says_before_and_after() {
    let twice = "expect = { claims = { name = \"Ada\" }, kv = { } }\n[[case.http]]\nrequest = {}\n\
                 response = { json = { name = \"Ada\" } }";
    let report = rest(twice).fails();
    let key = report.lines().find_map(|line| line.trim().strip_prefix("kv/")).unwrap().to_owned();
    let value = report.lines().skip_while(|line| !line.contains("kv/")).nth(2).unwrap();
    let value = value.trim().strip_prefix("got       ").unwrap();
    // What one call left there answers the next one: nothing is asked.
    let kept = format!(
        "kv = {{ {key:?} = '{value}' }}\nexpect = {{ claims = {{ name = \"Ada\" }}, kv = {{ {key:?} = \"*\" }} }}"
    );
    rest(&kept).passes();
}

#[test]
fn a_slip_in_a_case_file_is_answered_with_what_was_meant() {
    let tried = rest("expct = {}");
    let expected = "\
chancery: cases.toml:6:1: case 1 \"ada\": unknown key `expct`; did you mean `expect`?
  6 | expct = {}
    | ^^^^^
";
    assert_eq!(tried.is_wrong("test", &[]), expected);
    tried.write("grant.toml", "[grants.htp]\n");
    tried.write("cases.toml", "[[case]]\nname = \"x\"\nexpect = { ok = true }");
    let message = tried.is_wrong("test", &[]);
    assert!(message.contains("grant.toml: TOML parse error at line 1") && message.contains("htp"), "{message}");
    let message = tried.is_wrong("test", &["--cases", "none.toml"]);
    assert!(message.starts_with("chancery: none.toml: "), "{message}");
}

#[test]
fn a_call_that_the_plugin_does_not_have_is_a_wrong_case() {
    let tried = Bare::new("csv-provider", "", "");
    tried.write("people.csv", "id,name\n1,Ada\n");
    let file = "[[grants.files]]\nhost = \"people.csv\"\nguest = \"/p\"\n[config]\nfile = \"/p\"\ncolumn = \"id\"\n";
    tried.write("grant.toml", file);
    tried.write("cases.toml", "[[case]]\nname = \"x\"\ncall = \"issue\"\nexpect = { issued = {} }");
    let (status, _, message) = tried.run("test", &[]);
    assert_eq!(status, Some(2));
    assert_eq!(
        message,
        "chancery: cases.toml: case \"x\": call = \"issue\", and csv-provider is a data-provider plugin: its calls are \
         fetch, validate-config, prepare and health\n"
    );
}

#[test]
fn no_case_is_no_success() {
    let tried = rest("expect = { claims = {} }");
    tried.write("cases.toml", "clock = \"2026-01-01T00:00:00Z\"\n");
    let (status, out, err) = tried.run("test", &[]);
    assert_eq!((status, out.as_str()), (Some(1), ""));
    assert!(err.contains("cases.toml has no case. Begin with:") && err.contains("[[case]]"), "{err}");
    let tried = rest("expect = { claims = {} }");
    let message = tried.is_wrong("test", &["--case", "bea"]);
    assert_eq!(message, "chancery: cases.toml: no case is named like \"bea\"; there are\n  ada\n");
}

#[test]
fn limits_are_the_real_ones_and_failures_do_not_keep_later_cases_from_their_calls() {
    let case = |id: &str, expect: &str| {
        format!("[[case]]\nname = \"{id}\"\nrequest = {{ subject = {{ id = \"{id}\" }} }}\nexpect = {{ {expect} }}\n")
    };
    let cases: String = [
        ("spin", "error = \"limit\", detail = \"CPU time limit reached: *\""),
        ("allocate", "error = \"limit\", detail = \"memory limit reached: *\""),
        ("trap", "error = \"trapped\", detail = \"*trap on request*\""),
        ("huge-output", "error = \"limit\""),
        ("deep-json", "error = \"invalid-output\", detail = \"*32 levels*\""),
        // The breaker opens after five failures in a row.
        ("unavailable", "error = \"unavailable\", message = \"The source is resting.\", retry_after = \"1500ms\""),
        ("internal", "error = \"internal\", detail = \"hidden\""),
        ("nobody", "claims = '{\"name\": \"*\", \"born\": \"*\"}'"),
        ("time", "claims = { unix_ms = 1767225600000 }"),
    ]
    .map(|(id, expect)| case(id, expect))
    .concat();
    let tried = Bare::new("hostile", "[limits]\nmemory = \"32MiB\"\ncpu = \"50ms\"\n", &cases);
    let report = tried.passes();
    assert!(report.ends_with("9 cases passed: hostile of cases.toml\n"), "{report}");
}

#[test]
fn a_configuration_of_a_case_is_judged_by_the_plugin() {
    let tried = Bare::new(
        "csv-provider",
        "[[grants.files]]\nhost = \"people.csv\"\nguest = \"/p\"\n[config]\nfile = \"/p\"\ncolumn = \"id\"\n",
        "[[case]]\nname = \"bad\"\nconfig = { file = 7 }\nexpect = { problems = [{ path = \"/file\", message = \"*string*\" }] }\n\
         [[case]]\nname = \"good\"\ncall = \"health\"\nexpect = { ok = true }\n\
         [[case]]\nname = \"own\"\nconfig = { file = \"/p\", column = \"name\" }\nrequest = { subject = { id = \"Ada\" } }\n\
         expect = { claims = { id = \"1\", name = \"Ada\" } }\n\
         [[case]]\nname = \"elsewhere\"\ncall = \"prepare\"\nconfig = { file = \"/q\", column = \"id\" }\n\
         expect = { error = \"misconfigured\" }\n",
    );
    tried.write("people.csv", "id,name\n1,Ada\n");
    tried.passes();
    // A case about something else says why it could not be run.
    tried.write(
        "cases.toml",
        "[[case]]\nname = \"x\"\nconfig = {}\nexpect = { claims = {} }\n[[case]]\nname = \"y\"\nexpect = { problems = [] }",
    );
    let report = tried.fails();
    for part in [
        "the plugin does not load; it did not become configured:\n          [config] ",
        "FAILED  y",
        "expected  problems\n          got       ok",
    ] {
        assert!(report.contains(part), "{part}: {report}");
    }
}

#[test]
fn a_case_about_one_function_does_not_pass_on_the_failure_of_another() {
    let case = |call: &str, step: &str, expect: &str| {
        format!(
            "[[case]]\nname = \"{call}, {step}\"\ncall = \"{call}\"\nconfig = {{ fail_in = \"{step}\" }}\n\
             expect = {{ {expect} }}\n"
        )
    };
    let error = "error = \"misconfigured\", message = \"Failed*\", detail";
    let passing = [
        case("prepare", "prepare", &format!("{error} = \"Prepare\"")),
        case("health", "health", &format!("{error} = \"Health\"")),
        case("validate-config", "health", "ok = true"),
        case("prepare", "health", "ok = true"),
    ];
    Bare::new("hostile", "", &passing.concat()).passes();
    let failing = [
        case("health", "prepare", "error = \"misconfigured\""),
        case("validate-config", "prepare", "ok = true"),
        case("prepare", "validate-config", "error = \"misconfigured\""),
    ];
    let report = Bare::new("hostile", "", &failing.concat()).fails();
    let unprepared =
        "        the plugin does not load; it did not become probed:\n          prepare: misconfigured: Failed";
    assert_eq!(report.matches(unprepared).count(), 2, "{report}");
    assert!(report.contains("it did not become configured:\n          [config] /fail_in: failed"), "{report}");
    assert!(report.ends_with("3 cases failed, 0 passed: hostile of cases.toml\n"), "{report}");
}

#[test]
fn a_case_about_loading_sees_nothing_of_the_one_before() {
    let grant = "[grants.kv]\n[grants.secrets]\nnames = [\"token\"]\nreveal = true\n\
                 [grants.sign.keys.jwt]\npurpose = \"mac\"\nsecret = \"token\"\n\
                 [grants.journal]\ndir = \"j\"\nname = \"j\"\n[grants.sql.statements.by_id]\ndatabase = \"d\"\ntext = \"select 1\"\n";
    let cases = "[secrets]\ntoken = \"0123456789abcdef\"\n[[case]]\nname = \"writes\"\n\
                 request = { settings = { steps = [{ do = \"append\", bytes = 2 }] } }\n\
                 expect = { claims = { said = \"*\" }, journal = [\"*\"] }\n\
                 [[case]]\nname = \"loads\"\ncall = \"health\"\nexpect = { ok = true, journal = [] }\n\
                 [[case]]\nname = \"asks\"\ncall = \"health\"\n\
                 config = { health = [{ do = \"sql\", statement = \"by_id\" }] }\n\
                 expect = { error = \"misconfigured\" }\n\
                 [[case.sql]]\nstatement = \"by_id\"\nparams = []\nrows = []\n";
    let tried = Bare::new("hostile-data", grant, cases);
    tried.passes();
    // Where it is not listed, what is asked while loading fails the case.
    tried.write("cases.toml", &cases[..cases.find("[[case.sql]]").unwrap()]);
    let report = tried.fails();
    assert!(
        report.contains("the plugin asked for the statement by_id with []: no [[case.sql]] answers it"),
        "{report}"
    );
}

const WARM: &str = "[plugin]\ninstance = \"warm\"\n[warm]\nmax_idle = 1\n";

#[test]
fn no_case_finds_what_the_one_before_left() {
    let case = |name: &str| {
        format!(
            "[[case]]\nname = \"{name}\"\nrequest = {{ subject = {{ id = \"leak\" }} }}\n\
             expect = {{ claims = {{ found = \"\" }} }}\n"
        )
    };
    Bare::new("hostile", WARM, &["one", "two", "three"].map(case).concat()).passes();
}

#[test]
fn missing_grants_are_told_with_their_lines() {
    let cases = "[[case]]\nname = \"x\"\nexpect = { claims = {} }";
    let report = Bare::new("rest-provider", "", cases).fails();
    for part in [
        "it did not become linked:\n          grants are missing\n",
        "          [grants.http]\n",
        "          [grants.kv]\n",
    ] {
        assert!(report.contains(part), "{part}: {report}");
    }
    let report = Bare::new("rest-provider", REST, cases).fails();
    assert!(report.contains("add to its [secrets]: token = \"an example value\""), "{report}");
}

#[test]
fn events_are_delivered_into_a_journal_that_is_nowhere_real() {
    let dir = tempfile::tempdir().unwrap();
    let grant = format!("[grants.journal]\ndir = {:?}\nname = \"a.jsonl\"\n", dir.path().join("real"));
    let cases = "[[case]]\nname = \"one\"\nevents = [{ id = \"e\" }]\n[case.expect]\ndelivered = [\"e\"]\n\
                 journal = ['{\"id\": \"e\", \"sequence\": 1, \"time\": \"2026-01-01T00:00:00.000Z\", \"issuer_id\": \"default\", \
                 \"action\": \"*\", \"outcome\": \"succeeded\", \"actor\": \"*\", \"object\": \"*\", \"request_id\": \"*\", \
                 \"detail\": {}}']\n[[case]]\nname = \"begins anew\"\nevents = []\nexpect = { delivered = [], journal = [] }\n";
    Bare::new("audit-file", &grant, cases).passes();
    assert!(!dir.path().join("real").exists());
}

#[test]
fn an_issuance_is_polled_with_its_ticket() {
    let grant = "[grants.journal]\ndir = \"j\"\nname = \"j\"\n[config]\nformat = \"ldp_vc\"\nretry_after_ms = 2000\n\
                 [config.credentials.NAME]\n\"*\" = '{\"id\": \"urn:1\"}'\n";
    let cases = "[[case]]\nname = \"later\"\nrequest = { format = \"ldp_vc\", subject = { id = \"pending:1:NAME\" } }\n\
                 expect = { pending = { ticket = \"*pending:0:NAME*\", retry_after = \"2s\" } }\n\
                 [[case]]\nname = \"at once\"\nrequest = { format = \"ldp_vc\", subject = { id = \"issue:NAME\" } }\n\
                 expect = { issued = { format = \"ldp_vc\", body = \"*urn:1*\" } }\n\
                 [[case]]\nname = \"then\"\ncall = \"poll\"\nticket = \"key pending:0:NAME\"\n\
                 expect = { issued = { body = \"*urn:1*\" } }\n\
                 [[case]]\nname = \"refused\"\nrequest = { subject = { id = \"denied\" } }\nexpect = { error = \"denied\" }\n";
    let tried = Bare::new("test-issuer", grant, cases);
    let (_, report, _) = tried.run("test", &["--json"]);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!((&report["passed"], &report["failed"]), (&json!(4), &json!(0)), "{report:#}");
}

/// Everything that a grant file can give besides files and HTTP.
const ALL: &str = "[grants.kv]\n[grants.secrets]\nnames = [\"token\"]\nreveal = true\n\
                   [grants.sign.keys.jwt]\npurpose = \"jwt\"\nsecret = \"private\"\nalgorithm = \"EdDSA\"\naudience = \"them\"\n\
                   [grants.sign.keys.mac]\npurpose = \"mac\"\nsecret = \"shared\"\n\
                   [grants.journal]\ndir = \"j\"\nname = \"j\"\n[grants.sql.statements.by_id]\ndatabase = \"registry\"\n\
                   text = \"select $1, $2\"\nparams = [\"@subject.id\", \"plugin\"]\nmax_rows = 1\n";

#[test]
fn every_capability_is_virtual_and_the_same_in_each_run() {
    let cases = "[secrets]\ntoken = \"t0\"\nshared = \"0123456789abcdef\"\n[[case]]\nname = \"x\"\n\
                 request = { subject = { id = \"ada\" }, settings = { steps = [\
                 { do = \"reveal\", name = \"token\" }, { do = \"mac\", key = \"mac\", bytes = 3 }, \
                 { do = \"jwt\", key = \"jwt\", bytes = 9 }, { do = \"sql\", statement = \"by_id\", params = [7] }, \
                 { do = \"append\", bytes = 2 }, { do = \"rotate\" }, { do = \"append\", bytes = 1 } ] } }\n\
                 expect = { claims = { said = [[\"ok \\\"t0\\\"\"]] }, journal = [\"*\", '\"\"'] }\n[[case.sql]]\n\
                 statement = \"by_id\"\nparams = [\"ada\", 7]\nrows = [{ a = 1 }, { a = 2 }]\n";
    let tried = Bare::new("hostile-data", ALL, cases);
    let said = || {
        let (_, report, _) = tried.run("test", &["--json"]);
        let report: Value = serde_json::from_str(&report).unwrap();
        let case = &report["files"][0]["cases"][0];
        assert_eq!((&case["unanswered"], &case["unused"]), (&json!([]), &json!([])), "{case:#}");
        let found = case["differences"].as_array().unwrap().iter();
        found.map(|difference| difference["got"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let first = said();
    assert_eq!(first.len(), 6, "the value of the secret and the journal are as expected: {first:?}");
    assert_eq!(first, said());
    let jwt = first.iter().find_map(|said| said.split(['"', '\\']).find(|part| part.starts_with("eyJ"))).unwrap();
    let jwt = chancery_keys::CompactJws::parse(jwt, 10_000).unwrap();
    let expected = json!({"a": "x", "aud": "them", "iat": 1_767_225_600, "exp": 1_767_225_660, "jti": "trial-1"});
    assert_eq!(Value::Object(jwt.claims().clone()), expected);
    assert!(first.iter().any(|said| said.contains("truncated: true")), "{first:?}");
}

#[test]
fn what_a_call_leaves_makes_room_as_the_grant_says() {
    let grant = REST.replace("[grants.kv]", "[grants.kv]\nentries = 1");
    let listed = "kv = { \"old\" = \"1\" }\nexpect = { claims = { name = \"Ada\" }, kv = { \"old\" = \"1\" } }\n\
                  [[case.http]]\nrequest = {}\nresponse = { json = { name = \"Ada\" } }";
    let tried = rest(listed);
    tried.write("grant.toml", &grant);
    let report = tried.fails();
    assert!(report.contains("kv/old\n          expected  \"1\"\n          got       nothing"), "{report}");
    assert!(report.contains("note: the cache is full: old made room for "), "{report}");
}
