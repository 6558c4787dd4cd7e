//! The same promises on every database, and what only one of them can do.

mod fixtures;
mod limits;
mod mysql;
mod outages;
mod postgres;
mod promises;
mod sqlite;
