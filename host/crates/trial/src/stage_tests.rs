//! What answers, what does not, and what is said about it.

use std::path::Path;

use super::*;
use crate::cases::CaseFile;

/// The stage of the first case of a file.
fn stage(text: &str) -> Stage {
    let head = "[[case]]\nname = \"x\"\nexpect = { claims = {} }\n";
    let file = CaseFile::parse(Path::new("cases.toml"), &format!("{head}{text}")).unwrap();
    let stage = Stage::default();
    stage.set(Scene::of(&file.cases[0], &file.common));
    stage
}

fn post(url: &str, body: &str) -> Request<Bytes> {
    Request::post(url).header("x-id", "7").body(Bytes::from(body.to_owned())).unwrap()
}

fn answered(stage: &Stage, request: &Request<Bytes>) -> Option<u16> {
    stage.answer(request).ok().map(|answer| answer.status)
}

#[test]
fn only_what_is_stated_is_compared() {
    let stage = stage(
        "[[case.http]]\nrequest = { url = \"https://a/*\", headers = { X-Id = \"*\" }, json = { n = 1, t = \"*\" } }\n\
         response = { status = 201 }",
    );
    assert_eq!(answered(&stage, &post("https://a/b", "{\"t\": [2], \"n\": 1}")), Some(201));
    assert_eq!(stage.end().unused, Vec::<String>::new());
}

#[test]
fn what_nothing_answers_is_told_with_the_reason_and_the_lines_to_add() {
    let list = "[[case.http]]\nrequest = { method = \"POST\", url = \"https://a/b\", headers = { x-id = \"8\" } }\n\
                response = {}\n[[case.http]]\nrequest = { url = \"https://a/c\", json = { n = 1 } }\nfault = \"dns\"";
    let reason = |request: &Request<Bytes>| {
        let stage = stage(list);
        assert!(matches!(stage.answer(request), Err(HttpFault::Connect(_))));
        stage.end().unanswered.remove(0).reason
    };
    assert_eq!(reason(&post("https://other/", "")), "no [[case.http]] answers it");
    let header = "the closest one differs: header x-id: expected \"8\", got \"7\"";
    assert_eq!(reason(&post("https://a/b", "")), header);
    let mut bare = post("https://a/b", "");
    bare.headers_mut().clear();
    assert!(reason(&bare).ends_with("expected \"8\", and it is not there"));
    *bare.method_mut() = http::Method::GET;
    assert!(reason(&bare).ends_with("method: expected POST, got GET"));
    assert!(reason(&post("https://a/c", "{\"n\": 2}")).ends_with("body/n: expected 1, got 2"));
    assert!(reason(&post("https://a/c", "no")).contains("expected JSON, got \"no\""));

    let stage = stage(list);
    let _ = stage.answer(&post("https://a/d", "{\"q\": \"'\"}"));
    let _ = stage.answer(&post("https://a/d", "{\"q\": \"'\"}"));
    let played = stage.end();
    assert_eq!(played.unanswered.len(), 1, "said once");
    let lines = &played.unanswered[0].lines;
    assert!(
        lines.starts_with("[[case.http]]\nrequest = { method = \"POST\", url = \"https://a/d\", json = "),
        "{lines}"
    );
    // They are a case file.
    let own = self::stage(lines);
    assert_eq!(answered(&own, &post("https://a/d", "{\"q\": \"'\"}")), Some(200));
}

#[test]
fn each_exchange_happens_as_often_as_it_says() {
    let stage = stage(
        "[[case.http]]\nrequest = { url = \"https://a/\" }\nresponse = { status = 201 }\n\
         [[case.http]]\nrequest = { url = \"https://a/\" }\nresponse = { status = 202 }\ntimes = 2\n\
         [[case.http]]\nrequest = { method = \"GET\", url = \"https://b/\", headers = { a = \"b\" } }\nfault = \"dns\"",
    );
    let request = post("https://a/", "");
    let answers: Vec<Option<u16>> = (0..3).map(|_| answered(&stage, &request)).collect();
    assert_eq!(answers, [Some(201), Some(202), Some(202)]);
    assert_eq!(answered(&stage, &request), None);
    let played = stage.end();
    assert!(played.unanswered[0].reason.contains("used 2 times already"), "{:?}", played.unanswered);
    assert_eq!(played.unused, ["GET https://b/, a: b did not happen"]);
}

#[test]
fn what_is_meant_exactly_comes_before_what_a_star_stands_for() {
    let stage = stage(
        "[[case.http]]\nrequest = { url = \"https://a/*\" }\nresponse = { status = 201 }\n\
         [[case.http]]\nrequest = { url = \"https://a/b\", headers = { x-id = \"*\" } }\nresponse = { status = 202 }\n\
         [[case.http]]\nrequest = { url = \"https://a/b\", json = { t = \"*\" } }\nresponse = { status = 203 }\n\
         [[case.http]]\nrequest = { headers = { x-id = \"7\" } }\nresponse = { status = 204 }\n\
         [[case.http]]\nrequest = { url = \"https://a/b\" }\nresponse = { status = 205 }\n\
         [[case.http]]\nrequest = { url = 'https://a/\\*', json = '{\"n\": [1, null, true]}' }\nresponse = { status = 206 }\n\
         [[http]]\nrequest = { url = \"https://a/b\" }\nresponse = { status = 207 }",
    );
    let request = post("https://a/b", "{\"t\": 1}");
    let answers: Vec<Option<u16>> = (0..3).map(|_| answered(&stage, &request)).collect();
    assert_eq!(answers, [Some(205), Some(207), Some(207)], "the case's own, and then that of all cases");
    assert_eq!(answered(&stage, &post("https://a/*", "{\"n\": [1, null, true]}")), Some(206));
    assert_eq!(answered(&stage, &post("https://a/*", "")), Some(201));

    let list = "[[case.sql]]\nstatement = \"s\"\nrows = [{ a = 1 }]\n\
                [[case.sql]]\nstatement = \"s\"\nparams = [\"p*\"]\nrows = [{ b = 1 }]\n\
                [[case.sql]]\nstatement = \"s\"\nparams = [\"p-1\"]\nrows = [{ c = 1 }]";
    let stage = self::stage(list);
    let columns = |param: &str| {
        let params = [SqlValue::Text(param.to_owned())];
        stage.run(&["s".to_owned()], &params).unwrap().columns.remove(0)
    };
    assert_eq!(["p-1", "p-1", "p-1"].map(columns), ["c", "a", "b"]);
}

#[test]
fn the_lines_to_add_mean_this_question_alone() {
    let request = post(r"https://a/*?q=\", r#"{"n": ["*", "\\*"]}"#);
    let params = [SqlValue::Text(r"*\".to_owned()), SqlValue::Int(1)];
    let names = ["s".to_owned()];
    let stage = stage("");
    assert_eq!(answered(&stage, &request), None);
    assert!(stage.run(&names, &params).is_err());
    let lines: Vec<String> = stage.end().unanswered.into_iter().map(|told| told.lines).collect();
    let own = self::stage(&lines.join("\n"));
    assert_eq!(answered(&own, &post(r"https://a/b?q=\", r#"{"n": ["*", "\\*"]}"#)), None);
    assert_eq!(answered(&own, &post(r"https://a/*?q=\", r#"{"n": ["a", "\\*"]}"#)), None);
    assert_eq!(answered(&own, &request), Some(200));
    assert!(own.run(&names, &[SqlValue::Text(r"a\".to_owned()), SqlValue::Int(1)]).is_err());
    assert!(own.run(&names, &params).is_ok());
}

#[test]
fn a_refusal_is_expected_only_by_name() {
    let refuse = |stage: &Stage| {
        let (request, reason) = (post("https://b/c", "x"), "no".to_owned());
        stage.refuse(&request, Fault::Denied, reason, Some("allow".to_owned()));
        stage.end()
    };
    let listed =
        |url: &str, answer: &str| refuse(&stage(&format!("[[case.http]]\nrequest = {{ url = \"{url}\" }}\n{answer}")));
    let expected = listed("https://b/*", "fault = \"denied\"");
    assert!(expected.refused.is_empty() && expected.unused.is_empty(), "{expected:?}");
    for (url, answer) in
        [("https://b/*", "response = {}"), ("https://b/*", "fault = \"dns\""), ("https://a/*", "fault = \"denied\"")]
    {
        let played = listed(url, answer);
        assert_eq!((played.refused.len(), played.unused.len()), (1, 1), "{url} {answer}");
    }
    let refused = refuse(&stage("")).refused.remove(0);
    assert_eq!((&*refused.asked, &*refused.reason), ("POST https://b/c", "no"));
    assert_eq!(refused.grant.as_deref(), Some("allow"));
    assert!(refuse(&stage(&refused.lines)).refused.is_empty(), "{}", refused.lines);
}

#[test]
fn what_is_there_in_every_case_may_happen_never_or_often() {
    let file = "[[http]]\nrequest = { url = \"https://a/\" }\nresponse = { status = 204 }\n[[case]]\nname = \"x\"\n\
                expect = { claims = {} }\n[[case.http]]\nrequest = { url = \"https://a/\" }\nresponse = {}";
    let file = CaseFile::parse(Path::new("cases.toml"), file).unwrap();
    let stage = Stage::default();
    stage.set(Scene::of(&file.cases[0], &file.common));
    let answers: Vec<Option<u16>> = (0..3).map(|_| answered(&stage, &post("https://a/", ""))).collect();
    assert_eq!(answers, [Some(200), Some(204), Some(204)], "the case's own comes first");
    stage.set(Scene::loading(&file.common));
    assert_eq!(answered(&stage, &post("https://a/", "")), Some(204));
    assert_eq!(answered(&stage, &post("https://b/", "")), None);
    let played = stage.end();
    assert!(played.unused.is_empty());
    assert_eq!(played.unanswered[0].reason, "no [[http]] answers it", "what is there while it is loaded is no case's");
    stage.set(Scene::repeated(&file.cases[0], &file.common));
    assert!((0..5).all(|_| answered(&stage, &post("https://a/", "")) == Some(200)));
    assert!(stage.end().unused.is_empty());
}

#[test]
fn statements_go_by_name_and_by_all_parameters() {
    let list = "[[case.sql]]\nstatement = \"by_id\"\nparams = [\"p-*\", 2]\nrows = [{ a = 1 }]\n\
                [[case.sql]]\nstatement = \"other\"\nerror = \"timeout\"";
    let names = ["by_id".to_owned()];
    let params = [SqlValue::Text("p-1".to_owned()), SqlValue::Int(2)];
    let stage = stage(list);
    assert_eq!(stage.run(&names, &params).unwrap().columns, ["a"]);
    let played = stage.end();
    assert_eq!(played.unused, ["the statement other did not happen"]);

    let stage = self::stage(list);
    assert!(matches!(stage.run(&["other".to_owned()], &[]), Err(SqlError::Timeout)));
    assert!(matches!(stage.run(&names, &[SqlValue::Text("p-1".to_owned())]), Err(SqlError::Unavailable(_))));
    let numeric = [SqlValue::Text("p-1".to_owned()), SqlValue::Numeric("2".to_owned())];
    assert!(stage.run(&names, &numeric).is_err());
    let reasons: Vec<String> = stage.end().unanswered.into_iter().map(|told| told.reason).collect();
    assert_eq!(
        reasons,
        [
            "the closest one differs: params: expected 2, got 1",
            "the closest one differs: params/1: expected 2, got { numeric = \"2\" }",
        ]
    );
    let stage = self::stage("");
    assert!(stage.run(&names, &numeric).is_err());
    let told = stage.end().unanswered.remove(0);
    assert_eq!(told.asked, "the statement by_id with [\"p-1\", { numeric = \"2\" }]");
    assert_eq!(told.lines, "[[case.sql]]\nstatement = \"by_id\"\nparams = [\"p-1\", { numeric = \"2\" }]\nrows = []");
}
