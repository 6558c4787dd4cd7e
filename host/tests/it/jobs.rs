//! Jobs: many credentials asked for at once. Each is issued once, whoever dies, stops, races or cancels meanwhile.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use chancery::app::{App, Migrate, Plugins, Surroundings};
use chancery::issuance::issuers::DEFAULT_ISSUER;
use chancery::jobs::{End, JobItem, JobRecord, Step};
use chancery_store::test_util::PostgresServer;
use chancery_store::{EventOutcome, JobItemState, JobLease, JobState, Timestamp};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::app::{Answer, TestApp, URL, person_document, program};
use crate::backend::{Backend, person_ld};
use crate::server::{Server, Site};

const JOBS: &str = "/admin/v1/jobs";
/// Patience for a loaded machine; nothing waits this long when all is well.
const PATIENCE: Duration = Duration::from_mins(1);

fn request(names: &[&str]) -> Value {
    let items: Vec<Value> = names.iter().map(|name| json!({"data": {"name": name}})).collect();
    json!({"credential_configuration_id": "PersonLd", "items": items})
}

fn many(count: usize) -> Value {
    let names: Vec<String> = (0..count).map(|n| format!("Person {n}")).collect();
    request(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

impl TestApp {
    async fn jobs_call(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.jobs_call_with(method, path, &[], body).await
    }

    async fn jobs_call_with(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Answer {
        let token = self.admin_token(DEFAULT_ISSUER, &["credentials:issue", "jobs:read"]).await;
        let mut request = Request::builder().method(method).uri(path);
        request = request.header("authorization", format!("Bearer {token}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        self.send(request.body(body).unwrap()).await
    }

    /// A job that nobody works on yet.
    #[track_caller]
    fn new_job(&self, body: &Value) -> impl Future<Output = JobRecord> {
        let caller = std::panic::Location::caller();
        async move {
            let answer = self.jobs_call("POST", JOBS, Some(body)).await;
            assert_eq!(answer.status, 202, "{caller}: {answer:?}");
            self.job(answer.body["job_id"].as_str().unwrap()).await
        }
    }

    async fn job(&self, job_id: &str) -> JobRecord {
        self.app.jobs.find(&self.issuer(DEFAULT_ISSUER), job_id).await.unwrap()
    }

    async fn items(&self, job_id: &str) -> Vec<JobItem> {
        self.app.store.job_items(DEFAULT_ISSUER, job_id, None, 0, 10_000).await.unwrap()
    }

    /// Works on the job as one host would.
    async fn work(&self, job: &JobRecord) -> End {
        let stop = CancellationToken::new();
        self.app.jobs.work(job, "this host", &stop, |_| {}).await.unwrap()
    }

    /// Another host on the same database, with the same clock.
    async fn another_host(&self) -> App {
        let config = (*self.app.config).clone();
        let surroundings = Surroundings { clock: self.clock.clone(), program: program() };
        App::open_in(surroundings, config, Migrate::Check, Plugins::Leave).await.unwrap()
    }
}

/// Every item is done, each with a credential of its own that is there.
async fn is_issued_once(test: &TestApp, job_id: &str, count: usize) {
    let items = test.items(job_id).await;
    assert_eq!(items.len(), count);
    let mut ids = BTreeSet::new();
    for item in &items {
        assert_eq!((item.state, item.error.as_deref()), (JobItemState::Done, None), "{item:?}");
        assert!(item.sealed_input.is_empty(), "what it was made of is gone");
        let id = item.credential_id.clone().unwrap();
        assert!(test.app.store.find_credential(DEFAULT_ISSUER, &id).await.unwrap().is_some(), "{id}");
        assert!(ids.insert(id), "one credential for two items");
    }
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !holds().await {
            tokio::task::yield_now().await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("waited in vain until {what}"));
}

#[tokio::test]
async fn items_are_issued_and_say_what_became_of_them() {
    let test = TestApp::start_registry().await;
    let answer = test.jobs_call("POST", JOBS, Some(&request(&["Ada", "Bea", "Cy"]))).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let body = answer.body;
    let id = body["job_id"].as_str().unwrap();
    assert_eq!(answer.headers["location"], format!("{URL}{JOBS}/{id}"));
    assert_eq!((&body["state"], &body["total"], &body["done"]), (&json!("running"), &json!(3), &json!(0)));
    let path = format!("{JOBS}/{id}");
    assert_eq!(test.jobs_call("GET", &path, None).await.body, body, "as it was answered");
    for item in test.items(id).await {
        assert!(!item.sealed_input.is_empty());
        assert!(!item.sealed_input.windows(3).any(|part| [b"Ada", b"Bea"].contains(&part.try_into().unwrap())));
    }

    assert_eq!(test.work(&test.job(id).await).await, End::Finished);
    let job = test.jobs_call("GET", &path, None).await.body;
    assert_eq!((&job["state"], &job["done"], &job["failed"]), (&json!("finished"), &json!(3), &json!(0)));
    is_issued_once(&test, id, 3).await;
    let items = test.jobs_call("GET", &format!("{path}/items"), None).await.body;
    assert_eq!(items["next"], Value::Null);
    for (number, name) in [(1, "Ada"), (2, "Bea"), (3, "Cy")] {
        let item = &items["items"][number - 1];
        assert_eq!((&item["number"], &item["state"], &item["error"]), (&json!(number), &json!("done"), &Value::Null));
        let stored = test.read_credential(item["credential_id"].as_str().unwrap()).await;
        assert_eq!(stored.body["credential"]["credentialSubject"]["fullName"], name, "{stored:?}");
        assert_eq!(stored.body["status"].as_array().unwrap().len(), 2, "it has its entries");
    }
    let events = test.events().await;
    let of = |action: &str| events.iter().filter(|event| event.action == action).collect::<Vec<_>>();
    assert_eq!((of("job.create").len(), of("credential.issue").len(), of("job.finish").len()), (1, 3, 1));
    assert_eq!(of("job.finish")[0].detail["done"], 3);
    assert_eq!(of("job.finish")[0].actor, "client:test-client");
    assert!(of("credential.issue").iter().all(|event| event.actor == "client:test-client"));
    assert_eq!(test.work(&test.job(id).await).await, End::NotOurs, "there is nothing left to do");
}

#[tokio::test]
async fn a_bad_item_fails_alone_and_says_why() {
    let test = TestApp::start_registry().await;
    let mut body = request(&["Ada", "Bea", "Cy"]);
    body["items"][1] = json!({"data": {"nom": "secret value"}});
    let job = test.new_job(&body).await;
    assert_eq!(test.work(&job).await, End::Finished);
    let job = test.job(&job.job_id).await;
    assert_eq!((job.state, job.done, job.failed), (JobState::Finished, 2, 1));
    let path = format!("{JOBS}/{}/items?state=failed", job.job_id);
    let failed = test.jobs_call("GET", &path, None).await.body;
    let item = &failed["items"][0];
    assert_eq!((&item["number"], &item["credential_id"]), (&json!(2), &Value::Null));
    assert!(item["error"].as_str().unwrap().contains("could not be made from the data"), "{item}");
    assert!(test.items(&job.job_id).await.iter().all(|item| item.sealed_input.is_empty()));
    let events = test.events().await;
    let event = events.iter().find(|event| event.detail["job"].is_string()).unwrap();
    assert_ne!(event.outcome, EventOutcome::Succeeded);
    assert_eq!((event.action.as_str(), event.object.as_str()), ("credential.issue", "PersonLd"));
    assert_eq!(event.detail, json!({"job": job.job_id, "item": 2}));
    assert!(!events.iter().any(|event| event.detail.to_string().contains("secret")));
}

#[tokio::test]
async fn wrong_requests_make_no_job() {
    let test = TestApp::start_registry().await;
    test.publish(DEFAULT_ISSUER, "Person", person_document()).await;
    let with = |member: &str, value: Value| {
        let mut body = request(&["Ada", "Bea"]);
        body[member] = value;
        body
    };
    for (body, hint) in [
        (with("items", json!([])), "1 to 100000 items"),
        (with("items", json!([{"data": {"name": "Ada"}}, {}])), "items[1]: give data"),
        (with("items", json!([{"subject": "1"}])), "items[0]: PersonLd has no data provider plugin"),
        (with("items", json!([{"data": {}, "subject": ""}])), "items[0]: subject must be"),
        (with("items", json!([{"data": "Ada"}])), "the body is not"),
        (with("items", json!([{"date": {}}])), "the body is not"),
        (with("items", json!([[{"name": "Ada"}]])), "the body is not"),
        (with("colour", json!("red")), "colour"),
        (with("credential_configuration_id", json!("Person")), "bound to a key"),
        (json!({"credential_configuration_id": "PersonLd"}), "items"),
    ] {
        test.jobs_call("POST", JOBS, Some(&body)).await.is_problem(400, "invalid-request", hint);
    }
    let many = json!(vec![json!({"data": {}}); 100_001]);
    let answer = test.jobs_call("POST", JOBS, Some(&with("items", many))).await;
    answer.is_problem(400, "invalid-request", "1 to 100000 items");
    let answer = test.jobs_call("POST", JOBS, Some(&with("credential_configuration_id", json!("None")))).await;
    answer.is_problem(404, "unknown-configuration", "None");
    for key in [String::new(), "k".repeat(256)] {
        let answer = test.jobs_call_with("POST", JOBS, &[("idempotency-key", &key)], Some(&request(&["Ada"]))).await;
        answer.is_problem(400, "invalid-request", "Idempotency-Key");
    }
    assert_eq!(test.jobs_call("GET", JOBS, None).await.body, json!({"jobs": [], "next": null}));
    for (method, path) in [("GET", ""), ("DELETE", ""), ("GET", "/items")] {
        for id in ["none", "6f1c0c5e-1f0b-4a57-9d0c-2f1f7f1f3c55", "%00"] {
            test.jobs_call(method, &format!("{JOBS}/{id}{path}"), None).await.is_problem(
                404,
                "unknown-job",
                "no such job",
            );
        }
    }
    for query in ["?limit=0", "?limit=101", "?limit=x", "?after=x", "?after=1_%00", "?colour=red", "?limit=1&limit=2"] {
        test.jobs_call("GET", &format!("{JOBS}{query}"), None).await.is_problem(400, "invalid-request", "");
    }
    let id = test.new_job(&request(&["Ada"])).await.job_id;
    for query in ["?limit=1001", "?after=-1", "?state=gone", "?colour=red"] {
        let path = format!("{JOBS}/{id}/items{query}");
        test.jobs_call("GET", &path, None).await.is_problem(400, "invalid-request", "");
    }
}

#[tokio::test]
async fn jobs_and_items_come_in_pages_and_another_issuers_are_not_seen() {
    let test = TestApp::start_registry().await;
    test.publish("ministry", "PersonLd", person_ld(&[])).await;
    let mut made = Vec::new();
    for _ in 0..3 {
        test.clock.advance(1);
        made.push(test.new_job(&many(5)).await.job_id);
    }
    made.reverse();
    let mut listed = Vec::new();
    let mut after = String::new();
    loop {
        let page = test.jobs_call("GET", &format!("{JOBS}?limit=2{after}"), None).await.body;
        listed.extend(page["jobs"].as_array().unwrap().iter().map(|job| job["job_id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(listed, made);
    let path = format!("{JOBS}/{}/items", made[0]);
    let first = test.jobs_call("GET", &format!("{path}?limit=3&state=pending"), None).await.body;
    assert_eq!((first["items"].as_array().unwrap().len(), &first["next"]), (3, &json!(3)));
    let rest = test.jobs_call("GET", &format!("{path}?limit=3&after=3"), None).await.body;
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next"]), (2, &Value::Null));

    let token = test.admin_token("ministry", &["jobs:read"]).await;
    let request = Request::get(format!("/issuers/ministry{JOBS}/{}", made[0]));
    let request = request.header("authorization", format!("Bearer {token}"));
    let answer = test.send(request.body(Body::empty()).unwrap()).await;
    answer.is_problem(404, "unknown-job", "no such job");
}

#[tokio::test]
async fn a_repeated_request_makes_one_job() {
    let test = TestApp::start_registry().await;
    let key = [("idempotency-key", "enrolment-2026-06")];
    let body = many(3);
    let post = || test.jobs_call_with("POST", JOBS, &key, Some(&body));
    let answers = tokio::join!(post(), post(), post());
    let answers = [answers.0, answers.1, answers.2];
    for answer in &answers {
        assert_eq!((answer.status.as_u16(), &answer.text), (202, &answers[0].text), "the very same answer");
    }
    let replayed = answers.iter().filter(|answer| answer.headers.contains_key("idempotent-replayed")).count();
    assert_eq!(replayed, 2);
    let job = test.job(answers[0].body["job_id"].as_str().unwrap()).await;
    assert_eq!((job.state, job.total), (JobState::Running, 3));
    assert_eq!(test.jobs_call("GET", JOBS, None).await.body["jobs"].as_array().unwrap().len(), 1);
    test.work(&job).await;
    let again = post().await;
    assert_eq!((again.status.as_u16(), &again.text), (202, &answers[0].text), "however far it is by then");
    let other = test.jobs_call_with("POST", JOBS, &key, Some(&many(4))).await;
    other.is_problem(422, "idempotency-key-reused", "another request");
    is_issued_once(&test, &job.job_id, 3).await;
}

/// Whoever made the job died before all of it was written: the same request goes on with it.
#[tokio::test]
async fn a_repeated_request_completes_what_a_first_one_left_half_done() {
    let test = TestApp::start_registry().await;
    let (body, key) = (many(20_000), [("idempotency-key", "large")]);
    let half_done = async {
        let mut found = None;
        until("some of the items are there", async || {
            let jobs = test.app.store.jobs(DEFAULT_ISSUER, None, 1).await.unwrap();
            found = jobs.into_iter().find(|job| job.total > 0);
            found.is_some()
        })
        .await;
        found.unwrap()
    };
    let dropped = tokio::select! {
        answer = test.jobs_call_with("POST", JOBS, &key, Some(&body)) => panic!("it was quicker: {answer:?}"),
        job = half_done => job,
    };
    let job = test.job(&dropped.job_id).await;
    assert_eq!(job.state, JobState::Loading);
    assert!(job.total < 20_000, "{job:?}");
    assert_eq!(test.work(&job).await, End::NotOurs, "nobody works on a part of it");
    let again = test.jobs_call_with("POST", JOBS, &key, Some(&body)).await;
    assert_eq!((again.status.as_u16(), again.body["job_id"].as_str()), (202, Some(job.job_id.as_str())));
    let job = test.job(&job.job_id).await;
    assert_eq!((job.state, job.total), (JobState::Running, 20_000));
    let items = test.app.store.job_items(DEFAULT_ISSUER, &job.job_id, None, 0, 30_000).await.unwrap();
    assert!(items.iter().map(|item| item.number).eq(1..=20_000), "none is missing, none is there twice");
}

#[tokio::test]
async fn a_cancelled_job_stops_and_what_was_issued_stays() {
    let test = TestApp::start_registry_with(|config| config.jobs.at_once = 2).await;
    let job = test.new_job(&many(3_000)).await;
    let (jobs, of, (say, mut heard)) = (Arc::clone(&test.app.jobs), job.clone(), mpsc::unbounded_channel::<Step>());
    let worker = tokio::spawn(async move {
        let stop = CancellationToken::new();
        jobs.work(&of, "this host", &stop, move |step| say.send(step).unwrap_or_default()).await
    });
    for _ in 0..5 {
        assert_eq!(heard.recv().await, Some(Step::Issued));
    }
    let path = format!("{JOBS}/{}", job.job_id);
    let answer = test.jobs_call("DELETE", &path, None).await;
    assert_eq!((answer.status.as_u16(), &answer.body["state"]), (200, &json!("cancelled")), "{answer:?}");
    let done = answer.body["done"].as_i64().unwrap();
    assert_eq!(worker.await.unwrap().unwrap(), End::NotOurs);
    let after = test.job(&job.job_id).await;
    assert_eq!((after.state, after.done), (JobState::Cancelled, done), "nothing was issued after the answer");
    assert!((5..3_000).contains(&done), "{done}");
    assert_eq!(i64::try_from(test.issued_count().await).unwrap(), done);
    test.jobs_call("DELETE", &path, None).await.is_problem(409, "job-has-ended", "ended already");
    assert_eq!(test.work(&after).await, End::NotOurs);
    let cancelled = test.events_of("job.cancel").await;
    assert_eq!(cancelled.len(), 1);
}

impl TestApp {
    async fn events_of(&self, action: &str) -> Vec<chancery_store::AuditEvent> {
        let mut of = Vec::new();
        let mut after = 0;
        loop {
            let events = self.app.store.events(DEFAULT_ISSUER, after, 1_000).await.unwrap();
            let Some((last, _)) = events.last() else { return of };
            after = *last;
            of.extend(events.into_iter().map(|(_, event)| event).filter(|event| event.action == action));
        }
    }

    async fn issued_count(&self) -> usize {
        let events = self.events_of("credential.issue").await;
        events.iter().filter(|event| event.outcome == EventOutcome::Succeeded).count()
    }
}

#[tokio::test]
async fn two_hosts_share_the_work_and_issue_nothing_twice() {
    let test = TestApp::start_registry().await;
    let other = test.another_host().await;
    let mut jobs = Vec::new();
    for _ in 0..6 {
        jobs.push(test.new_job(&many(100)).await.job_id);
    }
    let stop = CancellationToken::new();
    let runners = [test.app.jobs.start(stop.clone()), other.jobs.start(stop.clone())];
    until("all jobs are finished", async || {
        let mut states = Vec::new();
        for id in &jobs {
            states.push(test.job(id).await.state);
        }
        states.iter().all(|state| *state == JobState::Finished)
    })
    .await;
    stop.cancel();
    for runner in runners {
        runner.await.unwrap();
    }
    for id in &jobs {
        is_issued_once(&test, id, 100).await;
    }
    assert_eq!((test.issued_count().await, test.events_of("job.finish").await.len()), (600, 6));
}

/// Leases say who works on a job; that nothing is issued twice does not depend on them.
#[tokio::test]
async fn hosts_that_both_believe_a_job_theirs_issue_each_item_once() {
    let test = TestApp::start_registry().await;
    let other = test.another_host().await;
    let job = test.new_job(&many(300)).await;
    let stop = CancellationToken::new();
    // The same holder's name: to the store they are one.
    let work = |jobs: &Arc<chancery::jobs::Jobs>| {
        let (jobs, issuer) = (Arc::clone(jobs), test.issuer(DEFAULT_ISSUER));
        let (job, stop) = (job.clone(), stop.clone());
        tokio::spawn(async move {
            while jobs.find(&issuer, &job.job_id).await.unwrap().state == JobState::Running {
                jobs.work(&job, "same", &stop, |_| {}).await.unwrap();
            }
        })
    };
    let (one, two) = (work(&test.app.jobs), work(&other.jobs));
    one.await.unwrap();
    two.await.unwrap();
    is_issued_once(&test, &job.job_id, 300).await;
    assert_eq!((test.issued_count().await, test.events_of("job.finish").await.len()), (300, 1));
}

#[tokio::test]
async fn another_host_goes_on_when_the_lease_of_a_dead_one_ends() {
    let test = TestApp::start_registry().await;
    let job = test.new_job(&many(10)).await;
    let now = test.app.clock.timestamp();
    let until = Timestamp::new(now.get() + test.app.config.jobs.lease);
    let (issuer_id, job_id) = (job.issuer_id.clone(), job.job_id.clone());
    let dead = JobLease { issuer_id, job_id, holder: "dead host".to_owned(), until };
    assert!(test.app.store.lease_job(&dead, now).await.unwrap());
    assert_eq!(test.work(&job).await, End::NotOurs);
    assert_eq!(test.issued_count().await, 0);
    test.clock.advance(30);
    assert_eq!(test.work(&job).await, End::Finished);
    is_issued_once(&test, &job.job_id, 10).await;
}

#[tokio::test]
async fn a_host_that_stops_leaves_the_rest_to_others_at_once() {
    let test = TestApp::start_registry_with(|config| config.jobs.at_once = 2).await;
    let job = test.new_job(&many(2_000)).await;
    let stop = CancellationToken::new();
    let asked = stop.clone();
    let end = test.app.jobs.work(&job, "stopping host", &stop, move |_| asked.cancel()).await.unwrap();
    assert_eq!(end, End::Stopped);
    let left = test.job(&job.job_id).await;
    assert!(left.state == JobState::Running && (1..10).contains(&left.done), "{left:?}");
    assert_eq!(test.work(&job).await, End::Finished, "without waiting for a lease to end");
    is_issued_once(&test, &job.job_id, 2_000).await;
    assert_eq!(test.issued_count().await, 2_000);
}

#[tokio::test]
async fn what_cannot_be_issued_now_waits_and_the_rest_goes_on() {
    let test = TestApp::start_with(Plugins::Run, |_| {}).await;
    let mut document = person_document();
    document["holder_binding"] = json!({"required": false});
    document["plugin"] = json!({"name": "registry"});
    test.publish(DEFAULT_ISSUER, "Member", document).await;
    // The plugin is not there yet.
    let items = json!([{"subject": "1"}, {"data": {"name": "Ada"}}, {"subject": "2"}, {"data": {"name": "Bea"}}]);
    let job = test.new_job(&json!({"credential_configuration_id": "Member", "items": items})).await;
    assert_eq!(test.work(&job).await, End::Waits { after: None, progressed: true });
    assert_eq!(test.work(&job).await, End::Waits { after: None, progressed: false }, "and nobody else need wait");
    let job = test.job(&job.job_id).await;
    assert_eq!((job.state, job.done, job.failed), (JobState::Running, 2, 0));
    let states: Vec<_> = test.items(&job.job_id).await.iter().map(|item| item.state).collect();
    assert_eq!(states, [JobItemState::Pending, JobItemState::Done, JobItemState::Pending, JobItemState::Done]);
}

/// A site with a configuration for credentials that are issued without a wallet.
pub fn office() -> Site {
    let site = Site::farmer();
    for dir in ["config", "plugins"] {
        std::fs::remove_dir_all(site.path(dir)).unwrap();
        std::fs::create_dir(site.path(dir)).unwrap();
    }
    let dir = site.path("config/Member");
    std::fs::create_dir(&dir).unwrap();
    let write = |file: &str, text: &str| std::fs::write(dir.join(file), text).unwrap();
    write(
        "configuration.toml",
        "format = \"dc+sd-jwt\"\nvct = \"urn:example:member\"\nstatus = [\"revocation\", \"suspension\"]\n\
         indexed = [\"id\"]\n[holder_binding]\nrequired = false\n",
    );
    write("template.json", r#"{"id": "{{ data.id }}", "name": "{{ data.name }}"}"#);
    write("sample.json", r#"{"id": "1", "name": "Ada"}"#);
    let file = site.path("chancery.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}\n[jobs]\nlease = \"1s\"\n")).unwrap();
    site.apply();
    site
}

/// Writes a table of members to `members.csv`.
pub fn members(site: &Site, count: usize) {
    let rows: Vec<String> = (1..=count).map(|n| format!("{n},\"Member, {n}\"\n")).collect();
    std::fs::write(site.path("members.csv"), format!("id,name\n{}", rows.concat())).unwrap();
}

/// Registers a client that may issue and see jobs.
fn backend(site: &Site, server: &Server) -> Backend {
    let create = ["client", "create", "backend", "--new-key", "backend.pem"];
    let scopes = ["--scope", "credentials:issue", "--scope", "credentials:read", "--scope", "jobs:read"];
    site.done(&[&create[..], &scopes].concat());
    Backend::sign_in(site, server)
}

fn member_job(count: usize) -> Value {
    let items: Vec<Value> =
        (1..=count).map(|n| json!({"data": {"id": n.to_string(), "name": "M"}, "subject": n.to_string()})).collect();
    json!({"credential_configuration_id": "Member", "items": items})
}

#[test]
fn the_other_host_goes_on_when_one_is_killed() {
    let site = office();
    let url = PostgresServer::shared().expect("install the package postgresql").create_database().unwrap();
    let file = site.path("chancery.toml");
    let text = std::fs::read_to_string(&file).unwrap() + &format!("\n[store]\nurl = {url:?}\n");
    std::fs::write(&file, text).unwrap();
    std::fs::remove_file(site.path("data/kek")).unwrap();
    site.apply();
    let (first, second) = (site.serve(), site.serve_beside());
    let client = backend(&site, &first);
    let made = client.call("POST", JOBS, &[], Some(&member_job(2_000)));
    assert_eq!(made.status, 202, "{}", made.text);
    let path = format!("{JOBS}/{}", made.body["job_id"].as_str().unwrap());
    let other = client.at(&second);
    let job = || other.call("GET", &path, &[], None).body;
    second.until("the first host is at work", || job()["done"].as_i64().unwrap_or_default() > 0);
    drop(first);
    assert!(job()["done"].as_i64().unwrap() < 2_000);
    second.until("the second one has finished it", || job()["state"] == "finished");
    assert_eq!((&job()["done"], &job()["failed"]), (&json!(2_000), &json!(0)));
    let records = site.done(&["credential", "list", "--json", "--configuration", "Member"]);
    assert_eq!(records.lines().count(), 2_000, "each once");
}

#[test]
fn a_host_that_is_killed_goes_on_where_it_was() {
    let site = office();
    let server = site.serve();
    let client = backend(&site, &server);
    let made = client.call("POST", JOBS, &[], Some(&member_job(3_000)));
    assert_eq!(made.status, 202, "{}", made.text);
    let path = format!("{JOBS}/{}", made.body["job_id"].as_str().unwrap());
    let done = |client: &Backend| client.call("GET", &path, &[], None).body["done"].as_i64().unwrap_or_default();
    server.until("it is under way", || done(&client) > 0);
    // Killed, not asked to stop.
    drop(server);
    let before = site.done(&["credential", "list", "--json"]).lines().count();
    assert!((1..3_000).contains(&before), "{before}");

    let server = site.serve();
    let client = Backend::sign_in(&site, &server);
    server.until("it is finished", || client.call("GET", &path, &[], None).body["state"] == "finished");
    let job = client.call("GET", &path, &[], None).body;
    assert_eq!((&job["done"], &job["failed"]), (&json!(3_000), &json!(0)));
    let records = site.done(&["credential", "list", "--json", "--configuration", "Member"]);
    assert_eq!(records.lines().count(), 3_000, "each once");
    for subject in ["1", "1500", "3000"] {
        assert_eq!(site.done(&["credential", "list", "--subject", subject]).lines().count(), 1);
    }
}
