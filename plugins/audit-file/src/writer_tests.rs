use chancery_plugin_sdk::{Outcome, Value, json};

use super::*;

const DAY_MS: u64 = 86_400_000;

/// Files in memory that obey the grant's limit, and fail on request.
#[derive(Default)]
struct Folder {
    /// The last is the one in use.
    files: Vec<Vec<u8>>,
    writes: usize,
    begun_at: Option<u64>,
    max_file: Option<u64>,
    /// Which write fails, counted from one.
    broken_from: Option<usize>,
}

impl Folder {
    fn current(&mut self) -> &mut Vec<u8> {
        if self.files.is_empty() {
            self.files.push(Vec::new());
        }
        self.files.last_mut().unwrap()
    }

    fn ids(&self) -> Vec<Vec<String>> {
        self.files
            .iter()
            .map(|file| {
                let text = std::str::from_utf8(file).unwrap();
                assert!(text.is_empty() || text.ends_with('\n'));
                let id = |line| serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_owned();
                text.lines().map(id).collect()
            })
            .collect()
    }
}

impl Journal for Folder {
    fn append(&mut self, bytes: &[u8]) -> Result<(), JournalError> {
        assert!(bytes.len() <= MAX_APPEND);
        self.writes += 1;
        if self.broken_from.is_some_and(|first| self.writes >= first) {
            return Err(JournalError::Unavailable("no space left".into()));
        }
        let most = self.max_file.unwrap_or(u64::MAX);
        if (self.current().len() + bytes.len()) as u64 > most {
            return Err(JournalError::Full(most));
        }
        self.current().extend_from_slice(bytes);
        Ok(())
    }

    fn size(&self) -> Result<u64, JournalError> {
        Ok(self.files.last().map_or(0, Vec::len) as u64)
    }

    fn begun_at(&self) -> Result<Option<u64>, JournalError> {
        Ok(self.begun_at)
    }

    fn rotate(&mut self) -> Result<(), JournalError> {
        self.begun_at = None;
        if !self.current().is_empty() {
            self.files.push(Vec::new());
        }
        Ok(())
    }
}

fn event(id: usize, detail: &str) -> Event {
    Event {
        id: format!("e{id}"),
        sequence: id as u64,
        at_unix_ms: 1,
        issuer_id: Some("default".into()),
        action: "credential.issue".into(),
        outcome: Outcome::Succeeded,
        actor: "wallet".into(),
        object: "o".into(),
        request_id: "r".into(),
        detail: json!({ "text": detail }).as_object().unwrap().clone(),
    }
}

fn events(count: usize, detail: &str) -> Vec<Event> {
    (0..count).map(|id| event(id, detail)).collect()
}

const NEVER: Rotation = Rotation { max_bytes: None, daily: false };

#[test]
fn a_batch_is_one_write_of_one_line_an_event() {
    let mut files = Folder::default();
    let batch = events(1000, "a\nb\r\u{2028}\"");
    let receipt = deliver(&batch, &NEVER, &mut files, 0).unwrap();
    assert_eq!((files.writes, receipt.delivered_ids().len()), (1, 1000));
    assert_eq!(files.ids()[0], receipt.delivered_ids());
    assert_eq!(files.files[0].split(|byte| *byte == b'\n').count(), 1001);
}

#[test]
fn nothing_is_written_for_nothing() {
    let mut files = Folder::default();
    assert!(deliver(&[], &NEVER, &mut files, 0).unwrap().is_empty());
    assert_eq!(files.writes, 0);
}

#[test]
fn more_than_one_write_holds_goes_into_several() {
    let mut files = Folder::default();
    let receipt = deliver(&events(5, &"x".repeat(400_000)), &NEVER, &mut files, 0).unwrap();
    assert_eq!((files.writes, receipt.delivered_ids().len()), (3, 5));
}

#[test]
fn an_event_that_fits_nowhere_is_rejected_and_the_rest_goes_on() {
    let mut files = Folder::default();
    let mut batch = events(3, "");
    batch[1] = event(1, &"\u{1}".repeat(MAX_APPEND / 6 + 1));
    let receipt = deliver(&batch, &NEVER, &mut files, 0).unwrap();
    assert_eq!(receipt.delivered_ids(), ["e0", "e2"]);
    assert_eq!(receipt.rejections().len(), 1);
    assert!(receipt.rejections()[0].1.contains("bytes"));
}

#[test]
fn files_stay_within_the_configured_size() {
    let mut files = Folder::default();
    let rotation = Rotation { max_bytes: Some(5000), daily: false };
    for batch in events(40, &"x".repeat(300)).chunks(7) {
        assert_eq!(deliver(batch, &rotation, &mut files, 0).unwrap().delivered_ids().len(), batch.len());
    }
    assert!(files.files.len() > 3 && files.files.iter().all(|file| file.len() <= 5000));
    let written: Vec<String> = files.ids().concat();
    assert_eq!(written, events(40, "").iter().map(|event| event.id.clone()).collect::<Vec<_>>());
}

#[test]
fn a_line_longer_than_the_configured_size_has_a_file_of_its_own() {
    let mut files = Folder::default();
    let rotation = Rotation { max_bytes: Some(4096), daily: false };
    let mut batch = events(3, "");
    batch[1] = event(1, &"x".repeat(9000));
    deliver(&batch, &rotation, &mut files, 0).unwrap();
    assert_eq!(files.ids(), [vec!["e0"], vec!["e1"], vec!["e2"]]);
}

#[test]
fn another_day_begins_another_file() {
    let rotation = Rotation { max_bytes: None, daily: true };
    let mut files = Folder { begun_at: Some(DAY_MS - 1), ..Folder::default() };
    files.current().extend_from_slice(b"{\"id\":\"old\"}\n");
    deliver(&events(1, ""), &rotation, &mut files, DAY_MS - 1).unwrap();
    assert_eq!(files.files.len(), 1);
    deliver(&events(1, ""), &rotation, &mut files, DAY_MS).unwrap();
    assert_eq!(files.ids(), [vec!["old", "e0"], vec!["e0"]]);
}

#[test]
fn the_grants_limit_rotates_and_splits() {
    let mut files = Folder { max_file: Some(1000), ..Folder::default() };
    let batch = events(20, "");
    let receipt = deliver(&batch, &NEVER, &mut files, 0).unwrap();
    assert_eq!(receipt.delivered_ids().len(), 20);
    assert!(files.files.iter().all(|file| file.len() <= 1000));
    assert_eq!(files.ids().concat(), receipt.delivered_ids());
}

#[test]
fn an_event_that_no_file_holds_is_rejected() {
    let mut files = Folder { max_file: Some(1000), ..Folder::default() };
    let mut batch = events(3, "");
    batch[1] = event(1, &"x".repeat(1000));
    let receipt = deliver(&batch, &NEVER, &mut files, 0).unwrap();
    assert_eq!(receipt.delivered_ids(), ["e0", "e2"]);
    assert!(receipt.rejections()[0].1.ends_with("a file may hold 1000"));
}

#[test]
fn a_full_disk_is_told_and_what_was_written_is_kept() {
    let mut files = Folder { broken_from: Some(1), ..Folder::default() };
    let error = deliver(&events(2, ""), &NEVER, &mut files, 0).unwrap_err();
    assert_eq!(error.kind(), chancery_plugin_sdk::ErrorKind::Unavailable);
    assert!(!error.message().contains("space") && error.detail().unwrap().contains("space"));

    let mut files = Folder { broken_from: Some(2), ..Folder::default() };
    let receipt = deliver(&events(5, &"x".repeat(400_000)), &NEVER, &mut files, 0).unwrap();
    assert_eq!(receipt.delivered_ids(), ["e0", "e1"]);
    assert!(receipt.rejections().is_empty());
}
