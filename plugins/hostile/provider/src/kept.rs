//! What a call leaves behind, and what the next one finds of it. Nothing, where every call has a fresh sandbox.

use std::{
    mem,
    sync::{Mutex, PoisonError},
};

use chancery_plugin_sdk::{Data, Error, Map, Request, bindings::chancery::host::blobs::Blob};

use crate::behaviour::person;

const HOARD_BYTES: usize = 8 << 20;
const FORGOTTEN_HANDLES: u32 = 60;
const FORGOTTEN_BYTES: usize = 1 << 20;

static MEMORY: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());
static BLOB: Mutex<Option<Blob>> = Mutex::new(None);
static ANSWER: Mutex<Option<Data>> = Mutex::new(None);

/// Shows which call was here before.
pub(crate) fn leak(id: &str, request: &Request) -> Data {
    static LEFT_BEHIND: Mutex<String> = Mutex::new(String::new());

    let found = swap(&LEFT_BEHIND, format!("{id} {}", request.request_id));
    Data::from(Map::from_iter([("found".to_owned(), found.into())]))
}

/// Takes some memory, keeps it, and shows how many calls have done so.
pub(crate) fn hoard_memory() -> Data {
    let mut memory = MEMORY.lock().unwrap_or_else(PoisonError::into_inner);
    memory.push(vec![1; HOARD_BYTES]);
    Data::from(Map::from_iter([("calls".to_owned(), memory.len().into())]))
}

pub(crate) fn keep_blob() -> Data {
    swap(&BLOB, Some(Blob::new("text/plain")));
    person("Ada")
}

pub(crate) fn read_kept_blob() -> Data {
    let blob = swap(&BLOB, None);
    let size = blob.map(|blob| blob.size());
    Data::from(Map::from_iter([("size".to_owned(), size.into())]))
}

pub(crate) fn drop_kept_blob() -> Data {
    let found = swap(&BLOB, None).is_some();
    Data::from(Map::from_iter([("found".to_owned(), found.into())]))
}

pub(crate) fn keep_answer() -> Result<Data, Error> {
    swap(&ANSWER, Some(person("Ada").attach("photo", "image/png", b"Ada's")?));
    Ok(person("Ada"))
}

pub(crate) fn give_kept_answer() -> Result<Data, Error> {
    swap(&ANSWER, None).ok_or_else(|| Error::not_found("There is no answer of an earlier call."))
}

pub(crate) fn forget_handles() -> Data {
    (0..FORGOTTEN_HANDLES).for_each(|_| mem::forget(Blob::new("text/plain")));
    person("Ada")
}

pub(crate) fn forget_content() -> Result<Data, Error> {
    mem::forget(person("Ada").attach("photo", "image/png", &vec![7; FORGOTTEN_BYTES])?);
    Ok(person("Ada"))
}

fn swap<T>(place: &Mutex<T>, value: T) -> T {
    mem::replace(&mut place.lock().unwrap_or_else(PoisonError::into_inner), value)
}
