//! From claims to a credential: pure code, without clock, randomness, files, network or keys.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`json`] | reading JSON strictly: no duplicate members, bounded size and depth |
//! | [`claim_path`] | the claims path pointer of OpenID4VCI |
//! | [`template`] | JSON templates with expressions: data in, claims out |
//! | [`jsonld`] | JSON-LD documents as canonical statements, with nothing dropped |
//! | [`vcdm`] | the rules of the VC Data Model 2.0 and 1.1 |
//! | [`data_integrity`] | Data Integrity proofs: credential in, bytes to sign out; and reading one back |
//! | [`sd_jwt`] | SD-JWT VC: claims in, bytes to sign out; and reading one back |
//! | [`status`] | status lists: their bits, and the credentials and tokens that publish them |
//! | [`verify`] | judging a credential that another issuer signed |

pub mod claim_path;
pub mod data_integrity;
pub mod json;
pub mod jsonld;
pub mod sd_jwt;
pub mod status;
pub mod template;
pub mod vcdm;
pub mod verify;

pub use claim_path::{ClaimPath, ClaimPathError, Segment};
pub use json::{JsonError, JsonLimits, parse_strict};
pub use sd_jwt::{Disclosed, DisclosureFrame, Prepared, SdJwtError, SdJwtHeader, SdJwtVc};
pub use template::{Limits, Template, TemplateError, Variables};
