//! Which claims are disclosable.

use std::collections::BTreeMap;

use super::{SdJwtError, reserved};
use crate::{ClaimPath, Segment};

/// Claims that a verifier must always see (SD-JWT VC §3.2.2.2), with everything inside them.
const ALWAYS_VISIBLE: [&str; 8] = ["iss", "nbf", "exp", "cnf", "vct", "vct#integrity", "aka_vcts", "status"];

/// The disclosable claims of a configuration, checked and arranged as a tree.
#[derive(Clone, Debug, Default)]
pub struct DisclosureFrame {
    pub(super) root: Node,
}

/// What happens at one place of the claims and below it.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    /// The value here becomes a disclosure of its own.
    pub(super) disclose: bool,
    pub(super) names: BTreeMap<String, Node>,
    pub(super) indices: BTreeMap<usize, Node>,
    pub(super) all: Option<Box<Node>>,
}

impl DisclosureFrame {
    /// Refuses paths that SD-JWT VC forbids. A path and a longer one below it together give a
    /// recursive disclosure: the parent is disclosed first, then the child inside it.
    pub fn new(paths: &[ClaimPath]) -> Result<Self, SdJwtError> {
        let mut frame = Self::default();
        for path in paths {
            check_disclosable(path)?;
            let node = path.segments().iter().fold(&mut frame.root, |node, segment| match segment {
                Segment::Name(name) => node.names.entry(name.clone()).or_default(),
                Segment::Index(index) => node.indices.entry(*index).or_default(),
                Segment::All => node.all.get_or_insert_default(),
            });
            node.disclose = true;
        }
        Ok(frame)
    }
}

impl Node {
    pub(super) fn wants_object(&self) -> bool {
        !self.names.is_empty()
    }

    pub(super) fn wants_array(&self) -> bool {
        self.all.is_some() || !self.indices.is_empty()
    }
}

/// Whether a claims path may be made disclosable.
pub(crate) fn check_disclosable(path: &ClaimPath) -> Result<(), SdJwtError> {
    let Some(Segment::Name(claim)) = path.segments().first() else {
        return Err(SdJwtError::NotAnObjectPath(path.to_string()));
    };
    if ALWAYS_VISIBLE.contains(&claim.as_str()) {
        return Err(SdJwtError::NeverDisclosable(path.to_string()));
    }
    for segment in path.segments() {
        if let Segment::Name(name) = segment
            && let Some(name) = reserved(name)
        {
            return Err(SdJwtError::ReservedName(name));
        }
    }
    Ok(())
}
