//! Credentials on the command line: issued from files, listed, shown, revoked, deleted; beside a running host and alone.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::backend::Backend;
use crate::jobs::{members, office};
use crate::server::Site;

const ISSUE: [&str; 5] = ["issue", "--from", "members.csv", "--configuration", "Member"];

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// `chancery issue` while it runs. It is killed when dropped.
struct Issuing {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStderr>>,
    job: String,
}

impl Issuing {
    fn begin(site: &Site, arguments: &[&str]) -> Self {
        let mut child = site.command(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let job =
            first.strip_prefix("job ").and_then(|rest| rest.split_once(':')).unwrap_or_else(|| panic!("{first}")).0;
        Self { child, job: job.to_owned(), lines }
    }

    /// Waits until it has written that it is some way.
    fn until_under_way(&mut self) {
        let line = self.lines.next().unwrap().unwrap();
        assert!(line.contains(" of ") && line.contains("a second"), "{line}");
    }

    fn signal(&self, name: &str) {
        let kill = std::process::Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(kill.success());
    }

    /// The exit code, and what else it wrote.
    fn ended(mut self) -> (Option<i32>, String) {
        let rest: Vec<String> = self.lines.by_ref().map(Result::unwrap).collect();
        (self.child.wait().unwrap().code(), rest.join("\n"))
    }
}

impl Drop for Issuing {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Each row of `results.csv` has a credential of its own, and there are no others.
fn is_issued_once(site: &Site, count: usize) {
    let results = std::fs::read_to_string(site.path("results.csv")).unwrap();
    let mut ids = BTreeSet::new();
    for (row, line) in (1..).zip(results.lines().skip(1)) {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!((cells[0], cells[1], cells[3]), (row.to_string().as_str(), "done", "\"\""), "{line}");
        assert!(ids.insert(cells[2].trim_matches('"').to_owned()), "one credential for two rows: {line}");
    }
    assert_eq!(ids.len(), count);
    let records = site.done(&["credential", "list", "--configuration", "Member", "--json"]);
    let recorded: BTreeSet<String> =
        records.lines().map(|line| json_of(line)["credential_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(records.lines().count(), count);
    assert_eq!(recorded, ids);
}

#[test]
fn five_thousand_rows_are_issued_once_each_though_the_process_is_killed() {
    let site = office();
    members(&site, 5_000);
    let mut issuing = Issuing::begin(&site, &[&ISSUE[..], &["--subject-column", "id"]].concat());
    issuing.until_under_way();
    issuing.signal("-KILL");
    let job = issuing.job.clone();
    assert_eq!(issuing.ended().0, None, "it was killed");
    let before = site.done(&["credential", "list", "--json"]).lines().count();
    assert!((1..5_000).contains(&before), "{before}");

    let output = site.run(&["issue", "--resume", &job, "--output", "results.csv", "--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = json_of(&String::from_utf8(output.stdout).unwrap());
    assert_eq!((&told["state"], &told["done"], &told["failed"]), (&json!("finished"), &json!(5_000), &json!(0)));
    is_issued_once(&site, 5_000);
    let of_one = site.done(&["credential", "list", "--subject", "4711", "--json"]);
    let of_one = json_of(&of_one);
    let document = site.done(&["credential", "show", "--document", of_one["credential_id"].as_str().unwrap()]);
    assert_eq!(crate::wallet::claims_of(document.trim())["name"], "Member, 4711");
    assert!(site.fails(&["issue", "--resume", "none"], 1).contains("no such job"));
    // Nothing of it can be read in the database any more.
    let database = std::fs::read(site.path("data/chancery.db")).unwrap();
    assert!(!database.windows(12).any(|part| part == b"Member, 4711"));
}

#[test]
fn what_ctrl_c_leaves_is_finished_by_a_running_host() {
    let site = office();
    members(&site, 3_000);
    let mut issuing = Issuing::begin(&site, &ISSUE);
    issuing.until_under_way();
    issuing.signal("-INT");
    let job = issuing.job.clone();
    let (code, text) = issuing.ended();
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("chancery serve goes on") && text.contains(&format!("--resume {job}")), "{text}");
    let left = site.done(&["credential", "list", "--json"]).lines().count();
    assert!(left < 3_000);

    let server = site.serve();
    // Its job or the host's: whoever has the lease works, and both see the end.
    site.done(&["issue", "--resume", &job, "--output", "results.csv"]);
    is_issued_once(&site, 3_000);
    drop(server);
}

#[test]
fn a_file_is_issued_beside_a_running_host() {
    let site = office();
    members(&site, 300);
    let _server = site.serve();
    let told = site.done(&[&ISSUE[..], &["--output", "results.csv"]].concat());
    assert!(told.contains("finished, 300 of 300 issued"), "{told}");
    is_issued_once(&site, 300);
}

#[test]
fn rows_that_cannot_be_issued_fail_alone_and_are_told() {
    let site = office();
    let rows = "{\"data\": {\"id\": \"1\", \"name\": \"Ada\"}}\n{\"data\": {\"id\": \"2\"}}\n\
                {\"data\": {\"id\": \"3\", \"name\": \"Cy\"}, \"subject\": \"c\"}\n";
    std::fs::write(site.path("rows.jsonl"), rows).unwrap();
    let issue = ["issue", "--from", "rows.jsonl", "--configuration", "Member", "--output", "results.csv"];
    let text = site.fails(&issue, 1);
    assert!(text.contains("row 2: the credential could not be made from the data"), "{text}");
    assert!(text.contains("1 of 3 failed"), "{text}");
    assert_eq!(site.done(&["credential", "list"]).lines().count(), 2);
    let results = std::fs::read_to_string(site.path("results.csv")).unwrap();
    assert!(results.lines().nth(2).unwrap().starts_with("2,failed,\"\",\"the credential could not"), "{results}");
    let output = site.run(&[&issue[..], &["--json"]].concat());
    assert_eq!(output.status.code(), Some(1));
    let told = json_of(&String::from_utf8(output.stdout).unwrap());
    assert_eq!((&told["failed"], &told["failures"][0]["row"]), (&json!(1), &json!(2)));
}

#[test]
fn a_file_that_is_wrong_issues_nothing() {
    let site = office();
    let refused = |file: &str, text: &str, more: &[&str], hint: &str| {
        std::fs::write(site.path(file), text).unwrap();
        let error = site.fails(&[&["issue", "--from", file, "--configuration", "Member"], more].concat(), 2);
        assert!(error.contains(hint) && error.contains(file), "{error}");
        assert!(!error.contains("Ada"), "{error}");
    };
    refused("a.csv", "id,name\n1,\"Ada\n2,Bea\n", &[], "line 2: column 2: the quote that opens this value");
    refused("a.csv", "id,name\n1,Ada\n2\n", &[], "line 3: 2 columns are named, but here are 1");
    refused("a.csv", "id,name\n", &[], "there are no rows");
    refused("a.csv", "id,name\n1,Ada\n", &["--subject-column", "nr"], "there is no column \"nr\"");
    let ask = ["--subject-column", "id", "--ask-plugin"];
    refused("a.csv", "id,name\n1,Ada\n", &ask, "line 2: Member has no data provider plugin");
    refused("a.jsonl", "{\"data\": {\"name\": \"Ada\"}}\n{}\n", &[], "line 2: give data");
    refused("a.jsonl", "{\"data\": {}}\n{\"name\": \"Ada\"}\n", &[], "line 2: it must have `data`");
    refused("a.txt", "", &[], ".csv or .jsonl");
    for wrong in [&["issue"][..], &["issue", "--from", "a.csv"], &["issue", "--resume", "j", "--ask-plugin"]] {
        site.fails(wrong, 2);
    }
    let text = site.fails(&["issue", "--from", "none.csv", "--configuration", "Member"], 2);
    assert!(text.contains("none.csv"), "{text}");
    members(&site, 1);
    let text = site.fails(&["issue", "--from", "members.csv", "--configuration", "None"], 2);
    assert!(text.contains("None"), "{text}");
    assert!(site.done(&["issue", "--help"]).contains("Examples:"));
    assert_eq!(site.done(&["credential", "list"]), "");
    let jobs = site.done(&["audit", "events", "--action", "job.create"]);
    assert_eq!(jobs, "", "and there is no job");
}

#[test]
fn a_status_is_set_shown_and_published_without_a_host() {
    let site = office();
    members(&site, 3);
    site.done(&[&ISSUE[..], &["--subject-column", "id"]].concat());
    let record = json_of(&site.done(&["credential", "list", "--subject", "2", "--json"]));
    let id = record["credential_id"].as_str().unwrap();
    let uuid = id.rsplit('/').next().unwrap();
    let entries = json_of(&site.done(&["status", "show", uuid, "--json"]));
    assert_eq!(entries.as_array().unwrap().len(), 2);
    assert!(entries.as_array().unwrap().iter().all(|entry| entry["status"] == false));
    let index = entries[0]["index"].as_u64().unwrap();

    let set = |more: &[&str]| site.done(&[&["status", "set", id], more].concat());
    assert!(set(&["--purpose", "suspension", "--reason", "under review"]).contains("suspension  set"));
    assert!(set(&["--purpose", "suspension", "--off"]).contains("suspension  not set"));
    let other = (index + 1).to_string();
    let text = site.fails(&["status", "set", id, "--purpose", "revocation", "--index", &other], 1);
    assert!(text.contains("not the one that is named"), "{text}");
    assert!(site.fails(&["status", "set", id], 2).contains("name the statusPurpose"));
    assert!(site.fails(&["status", "set", id, "--purpose", "expired"], 2).contains("validUntil"));
    assert!(site.fails(&["status", "set", "none", "--purpose", "revocation"], 1).contains("no credential"));
    let told = json_of(&set(&["--purpose", "revocation", "--index", &index.to_string(), "--json"]));
    assert_eq!((&told["status"], &told["index"]), (&json!(true), &json!(index)));
    assert!(site.fails(&["status", "set", id, "--purpose", "revocation", "--off"], 1).contains("final"));

    let history = json_of(&site.done(&["status", "history", id, "--json"]));
    let changes: Vec<_> =
        history.as_array().unwrap().iter().map(|c| (c["purpose"].clone(), c["status"].clone())).collect();
    let expected = [("suspension", true), ("suspension", false), ("revocation", true)];
    assert_eq!(changes, expected.map(|(purpose, value)| (json!(purpose), json!(value))));
    assert_eq!((&history[0]["actor"], &history[0]["reason"]), (&json!("cli"), &json!("under review")));
    let revoked = site.done(&["credential", "list", "--status", "revocation", "--json"]);
    assert_eq!(json_of(&revoked)["credential_id"], id);

    // The commands have published it: what a host that starts now serves first.
    let list = entries.as_array().unwrap().iter().find(|entry| entry["purpose"] == "revocation").unwrap();
    let server = site.serve();
    let backend = Backend::register(&site, &server);
    let index = usize::try_from(index).unwrap();
    assert_eq!(backend.set_indexes(list["status_list"].as_str().unwrap()), [index]);
}

#[test]
fn credentials_are_found_deleted_and_erased() {
    let site = office();
    members(&site, 4);
    site.done(&[&ISSUE[..], &["--subject-column", "id"]].concat());
    let ids = |more: &[&str]| -> Vec<String> {
        let listed = site.done(&[&["credential", "list", "--json"], more].concat());
        listed.lines().map(|line| json_of(line)["credential_id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((ids(&[]).len(), ids(&["--limit", "3"]).len(), ids(&["--limit", "0"]).len()), (4, 3, 0));
    assert_eq!(ids(&["--type", "urn:example:member"]).len(), 4);
    assert_eq!(ids(&["--configuration", "Other"]).len(), 0);
    let second = ids(&["--attribute", "id=2"]);
    assert_eq!((second.len(), &second), (1, &ids(&["--subject", "2"])));
    assert_eq!(ids(&["--from", "2020-01-01T00:00:00Z", "--until", "2021-01-01T00:00:00Z"]).len(), 0);
    assert_eq!(ids(&["--from", "2020-01-01T00:00:00+01:00"]).len(), 4);
    site.fails(&["credential", "list", "--from", "yesterday"], 2);
    site.fails(&["credential", "list", "--attribute", "id"], 2);

    let id = &second[0];
    assert!(site.done(&["credential", "delete", id]).contains(id.as_str()));
    assert!(site.fails(&["credential", "delete", id], 1).contains("was deleted"));
    assert!(site.fails(&["credential", "show", id], 1).contains("was deleted"));
    assert!(site.fails(&["status", "show", id], 1).contains("was deleted"));
    assert!(site.done(&["status", "history", id]).contains("revocation  set"), "it is known of a deleted one");
    let first = ids(&["--subject", "1"]).remove(0);
    site.done(&["credential", "delete", "--no-revoke", &first]);
    assert!(site.done(&["status", "history", &first]).contains("never changed"));
    assert!(site.fails(&["credential", "delete", "none"], 1).contains("no credential"));

    assert!(site.fails(&["credential", "erase", "--subject", "3"], 2).contains("--yes"));
    assert_eq!(ids(&[]).len(), 2);
    assert!(site.done(&["credential", "erase", "--subject", "3", "--yes"]).contains("1 records"));
    assert!(site.done(&["credential", "erase", "--subject", "3", "--yes"]).contains("0 records"));
    assert_eq!(ids(&[]), ids(&["--subject", "4"]));
}
