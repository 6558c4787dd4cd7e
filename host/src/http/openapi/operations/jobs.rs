//! Jobs of the admin API.

use serde_json::{Value, json};

use super::Described;
use crate::http::jobs::{JobDto, JobItems, JobRequest, Jobs};
use crate::http::openapi::operation::{Operation, Tag, operation};

const JOB: &str = "The job's id";

pub(super) fn operations() -> Vec<Described> {
    vec![
        ("POST", "/admin/v1/jobs", create()),
        ("GET", "/admin/v1/jobs", list()),
        ("GET", "/admin/v1/jobs/{job}", show()),
        ("DELETE", "/admin/v1/jobs/{job}", cancel()),
        ("GET", "/admin/v1/jobs/{job}/items", items()),
    ]
}

fn jobs(id: &'static str, summary: &'static str) -> Operation {
    operation(Tag::Administration, id, summary)
}

fn create() -> Operation {
    let items = json!([{"subject": "1001"}, {"subject": "1002"}]);
    jobs("createJob", "Has many credentials issued")
        .text("They are issued in the background, each once, also where the host is killed meanwhile.")
        .body::<JobRequest>()
        .example("two", json!({"credential_configuration_id": "FarmerCredential", "items": items}))
        .answers::<JobDto>(202, "The job is recorded")
        .link("readJob", "path.job", "$response.body#/job_id")
        .link("listJobItems", "path.job", "$response.body#/job_id")
        .link("cancelJob", "path.job", "$response.body#/job_id")
        .header("location", "Where its progress is read")
        .header("cache-control", "`no-store`")
        .idempotent()
        .refuses(404, "unknown-configuration", "there is no such configuration")
        .refuses(409, "done-before", "another request with this key is being done")
}

fn list() -> Operation {
    jobs("listJobs", "Lists jobs, the newest first")
        .query("after", "`next` of the page before", json!({"type": "string"}))
        .query("limit", "Jobs of a page; 50 where it is absent", limit(100))
        .answers::<Jobs>(200, "The jobs")
        .header("cache-control", "`no-store`")
        .refuses(400, "invalid-request", "a parameter is wrong")
}

fn show() -> Operation {
    of_a_job(jobs("readJob", "Says how far a job is"))
        .answers::<JobDto>(200, "The job")
        .header("cache-control", "`no-store`")
}

fn cancel() -> Operation {
    of_a_job(jobs("cancelJob", "Cancels a job"))
        .text("Nothing more is issued for it; what was issued stays.")
        .answers::<JobDto>(200, "The job")
        .header("cache-control", "`no-store`")
        .refuses(409, "job-has-ended", "the job has ended already")
}

fn items() -> Operation {
    of_a_job(jobs("listJobItems", "Lists a job's items"))
        .query("state", "In this state", json!({"enum": ["pending", "done", "failed"]}))
        .query("after", "`next` of the page before", json!({"type": "integer", "minimum": 0}))
        .query("limit", "Items of a page; 100 where it is absent", limit(1_000))
        .answers::<JobItems>(200, "The items, with what has become of them")
        .header("cache-control", "`no-store`")
}

fn of_a_job(operation: Operation) -> Operation {
    operation
        .path("job", JOB, json!({"type": "string"}))
        .refuses(400, "invalid-request", "a parameter is wrong")
        .refuses(404, "unknown-job", "there is no such job")
}

fn limit(most: u32) -> Value {
    json!({"type": "integer", "minimum": 1, "maximum": most})
}
