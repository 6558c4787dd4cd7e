//! What each kind of plugin is asked, and what its answer must be like.

mod audit;
mod data_provider;
mod vc_issuance;
