//! `chancery plugin bench`, with plugins that are there already.

use serde_json::{Value, json};

use super::bare::Bare;

#[test]
fn a_call_is_measured() {
    let tried = Bare::new(
        "csv-provider",
        "[[grants.files]]\nhost = \"people.csv\"\nguest = \"/p\"\n[config]\nfile = \"/p\"\ncolumn = \"id\"\n",
        "[[case]]\nname = \"fails\"\nexpect = { claims = { a = 1 } }\n\
         [[case]]\nname = \"ada\"\nrequest = { subject = { id = \"1\" } }\nexpect = { claims = { id = \"1\" } }\n",
    );
    tried.write("people.csv", "id\n1\n");
    let (status, out, err) = tried.run("bench", &["--calls", "50", "--json"]);
    assert_eq!((status, err.as_str()), (Some(0), ""), "{out}");
    let measured: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&measured["case"], &measured["fresh"]["calls"]), (&json!("ada"), &json!(50)));
    assert!(measured["fresh"]["p50"].as_u64() <= measured["fresh"]["worst"].as_u64());
    let (_, out, _) = tried.run("bench", &["--calls", "1"]);
    for part in ["csv-provider ", "data-provider, ", "loading ", "case         ada\n", "fresh call   p50 ", "(1 calls)"]
    {
        assert!(out.contains(part), "{part}: {out}");
    }
    let (status, _, err) = tried.run("bench", &["--case", "fails"]);
    assert_eq!(status, Some(1));
    assert!(err.contains("no case gives a result that it expects"), "{err}");
}

#[test]
fn calls_that_share_sandboxes_are_measured_where_the_grant_file_wants_that() {
    let warm = "[plugin]\ninstance = \"warm\"\n[warm]\nmax_idle = 1\n";
    let case = "[[case]]\nname = \"ada\"\nrequest = { subject = { id = \"nobody\" } }\n\
                expect = { claims = '{\"name\": \"*\", \"born\": \"*\"}' }\n";
    let (status, out, err) = Bare::new("hostile", warm, case).run("bench", &["--calls", "3"]);
    assert_eq!(status, Some(0), "{err}");
    assert!(out.contains("fresh call   p50 ") && out.contains("warm call    p50 "), "{out}");
    let (_, out, _) = Bare::new("hostile", "", case).run("bench", &["--calls", "3", "--json"]);
    let measured: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&measured["fresh"]["calls"], &measured["warm"]), (&json!(3), &Value::Null));
}
