//! What backends do after a restart: they finish what was cut off, repeat what was not, try what must not work, and read
//! what there is now.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{
    answers::{entries, path_of},
    backends::{Backend, Failure, ISSUE, JOBS, STATUS, Stop, id},
    check_lives::GONE,
    http::problem,
    lives::{Job, Life, REVOCATION, Request},
};

/// Each thread repeats so many requests that were answered, and reads so many credentials from before.
const REPEATED: usize = 4;
const READ_AGAIN: usize = 10;
/// Jobs are finished within this time.
const FINISHED_WITHIN: Duration = Duration::from_mins(1);

impl Backend {
    /// Finishes what was cut off, repeats what was not, and reads what there is now.
    pub(super) fn settle(&mut self) -> Result<(), Failure> {
        match self.try_to_settle() {
            Ok(()) => Ok(()),
            Err(Stop::Cut(why)) => Err(format!("a host that was not killed did not answer: {why}").into()),
            Err(Stop::Failed(why)) => Err(why.into()),
        }
    }

    fn try_to_settle(&mut self) -> Result<(), Stop> {
        self.sign_in()?;
        for index in std::mem::take(&mut self.touched) {
            self.with_life(index, Self::finish)?;
        }
        for index in 0..self.known.jobs.len() {
            if self.known.jobs[index].issued.is_none() {
                let mut job = self.known.jobs[index].clone();
                let done = self.finish_job(&mut job);
                self.known.jobs[index] = job;
                done?;
            }
        }
        for _ in 0..REPEATED {
            self.on_any_life(Self::repeat)?;
        }
        let mut seen = std::mem::take(&mut self.touched);
        seen.extend((0..READ_AGAIN).filter_map(|_| self.any_life()));
        seen.into_iter().try_for_each(|index| self.with_life(index, Self::read))?;
        self.touched.clear();
        Ok(())
    }

    fn finish(&mut self, life: &mut Life) -> Result<(), Stop> {
        if life.issued().is_none() {
            self.send_issue(life)?;
        }
        if life.changes.last().is_some_and(|change| !change.is_made()) {
            self.send_change(life)?;
        }
        if !life.deletions.is_empty() && !life.is_deleted() {
            self.send_deletion(life)?;
        }
        Ok(())
    }

    fn finish_job(&mut self, job: &mut Job) -> Result<(), Stop> {
        if job.id().is_none() {
            self.send_job(job)?;
        }
        let Some(id) = job.id().cloned() else { return Ok(()) };
        let started = Instant::now();
        loop {
            match self.get(&format!("{JOBS}/{id}"))? {
                (200, state) if state["state"] == "finished" => break,
                (200, state) if started.elapsed() > FINISHED_WITHIN => {
                    return Err(Stop::Failed(format!("job {id} is not finished: {state}")));
                }
                (200, _) => sleep(Duration::from_millis(50)),
                (status, body) => return Err(Stop::Failed(format!("job {id} cannot be read: {status} {body}"))),
            }
        }
        let (_, page) = self.get(&format!("{JOBS}/{id}/items?limit=1000"))?;
        let mut issued = Vec::new();
        for item in page["items"].as_array().into_iter().flatten() {
            let Some(credential_id) = item["credential_id"].as_str() else {
                self.known.violations.push(format!("job {id}: an item has no credential: {item}"));
                continue;
            };
            let (status, credential) = self.get(&path_of(credential_id))?;
            if status != 200 {
                self.known.violations.push(format!("credential {credential_id} of job {id} cannot be read: {status}"));
            }
            issued.push((credential_id.to_owned(), entries(&credential)));
        }
        job.issued = Some(issued);
        Ok(())
    }

    /// What was answered is answered the same again; the key is this request's alone; what is final stays.
    fn repeat(&mut self, life: &mut Life) -> Result<(), Stop> {
        if life.is_deleted() {
            self.must_be_refused(ISSUE, &life.request, GONE)?;
        } else {
            self.send_issue(life)?;
        }
        let mut other = life.request.clone();
        let claims = if other.body["data"].is_object() { "data" } else { "credential" };
        other.body[claims]["name"] = json!("Another");
        self.must_be_refused(ISSUE, &other, "urn:chancery:problem:idempotency-key-reused")?;
        if let Some(first) = life.changes.first() {
            let (status, body, once) = self.post(STATUS, &first.request.clone())?;
            if status != 200 || !once.replayed {
                self.known.violations.push(format!("a repeated change of {} was answered {status} {body}", id(life)));
            }
        }
        let taken = self.request(life.request.body.clone());
        let back = json!({"statusPurpose": REVOCATION});
        let back = self.request(json!({"credentialId": id(life), "credentialStatus": back, "status": false}));
        if life.is_deleted() {
            if life.chosen.is_some() {
                self.must_be_refused(ISSUE, &taken, GONE)?;
            }
            return self.must_be_refused(STATUS, &back, GONE);
        }
        if life.chosen.is_some() {
            self.must_be_refused(ISSUE, &taken, "urn:chancery:problem:conflict")?;
        }
        if life.says().get(REVOCATION) == Some(&true) {
            self.must_be_refused(STATUS, &back, "urn:chancery:problem:status-is-final")?;
        }
        Ok(())
    }

    fn must_be_refused(&mut self, path: &str, request: &Request, expected: &str) -> Result<(), Stop> {
        let (status, body, _) = self.post(path, request)?;
        if status < 400 || problem(status, &body) != expected {
            self.known.violations.push(format!("{path} {}: {status} {body}, and not {expected}", request.body));
        }
        Ok(())
    }
}
