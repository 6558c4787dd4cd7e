//! RDF Dataset Canonicalization, RDFC-1.0: equal statements give equal bytes, whatever names their blank nodes had.
//!
//! Datasets can be built that take longer than the universe to canonicalise. The work is bounded as the common
//! verifiers bound it, so what is signed here can be verified there: one deep comparison for each blank node whose
//! own statements do not tell it apart.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256, Sha384};

/// Most blank nodes of one dataset.
pub const MAX_BLANK_NODES: usize = 64;
/// Largest set of neighbours that look the same and are tried in every order: 6! = 720.
const MAX_LIKE_NEIGHBOURS: usize = 6;

/// The hash inside the canonicalisation; P-384 suites take SHA-384 for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CanonicalHash {
    Sha256,
    Sha384,
}

impl CanonicalHash {
    pub fn digest(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
            Self::Sha384 => Sha384::digest(bytes).to_vec(),
        }
    }

    fn hex(self, text: &str) -> String {
        let digest = self.digest(text.as_bytes());
        digest.iter().fold(String::with_capacity(2 * digest.len()), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}

/// One position of a statement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Term {
    /// A blank node, by its number.
    Blank(usize),
    /// Anything else in its canonical N-Quads spelling; the default graph is the empty text.
    Text(String),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Statement {
    pub(super) subject: Term,
    /// With its angle brackets.
    pub(super) predicate: String,
    pub(super) object: Term,
    pub(super) graph: Term,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TooHard {
    /// More than [`MAX_BLANK_NODES`].
    ManyBlankNodes,
    /// Too many of them look alike.
    Symmetric,
    /// As UTF-16 the statements sort another way.
    Order,
}

/// The canonical N-Quads document. Blank nodes are numbered from 0 to `blanks`, without gaps.
pub(super) fn canonicalize(
    statements: &BTreeSet<Statement>,
    blanks: usize,
    hash: CanonicalHash,
) -> Result<String, TooHard> {
    if blanks > MAX_BLANK_NODES {
        return Err(TooHard::ManyBlankNodes);
    }
    let statements: Vec<&Statement> = statements.iter().collect();
    let issued = Canonicalizer::new(&statements, blanks, hash)?.run()?;
    in_order(statements.iter().map(|s| line(s, |blank| issued.get(&blank).cloned().unwrap_or_default())).collect())
}

/// The lines in the order of their code points. Verifiers in languages that compare UTF-16 units would put some
/// characters the other way round, and refuse the signature.
fn in_order(mut lines: Vec<String>) -> Result<String, TooHard> {
    lines.sort_unstable();
    let differs = |pair: &[String]| pair[0].encode_utf16().gt(pair[1].encode_utf16());
    if lines.windows(2).any(|pair| !pair[0].is_ascii() && differs(pair)) {
        return Err(TooHard::Order);
    }
    Ok(lines.concat())
}

fn line(statement: &Statement, label: impl Fn(usize) -> String) -> String {
    let mut line = String::new();
    let push = |line: &mut String, term: &Term| match term {
        Term::Blank(blank) => line.extend(["_:", &label(*blank), " "]),
        Term::Text(text) if text.is_empty() => {}
        Term::Text(text) => line.extend([text, " "]),
    };
    push(&mut line, &statement.subject);
    line.extend([&statement.predicate, " "]);
    push(&mut line, &statement.object);
    push(&mut line, &statement.graph);
    line.push_str(".\n");
    line
}

/// Gives out labels in the order of asking ("identifier issuer").
#[derive(Clone, Debug)]
struct Labels {
    prefix: &'static str,
    issued: BTreeMap<usize, String>,
    order: Vec<usize>,
}

impl Labels {
    fn new(prefix: &'static str) -> Self {
        Self { prefix, issued: BTreeMap::new(), order: Vec::new() }
    }

    fn issue(&mut self, blank: usize) -> &str {
        let next = self.order.len();
        self.issued.entry(blank).or_insert_with(|| {
            self.order.push(blank);
            format!("{}{next}", self.prefix)
        })
    }
}

struct Canonicalizer<'a> {
    hash: CanonicalHash,
    /// The statements that each blank node stands in.
    about: Vec<Vec<&'a Statement>>,
    first_degree: Vec<String>,
    canonical: Labels,
    /// Deep comparisons that may still be made.
    budget: usize,
}

impl<'a> Canonicalizer<'a> {
    fn new(statements: &[&'a Statement], blanks: usize, hash: CanonicalHash) -> Result<Self, TooHard> {
        let mut about: Vec<Vec<&Statement>> = vec![Vec::new(); blanks];
        for statement in statements {
            let mut named: Vec<usize> = components(statement).map(|(_, blank)| blank).collect();
            named.sort_unstable();
            named.dedup();
            for blank in named {
                if let Some(list) = about.get_mut(blank) {
                    list.push(*statement);
                }
            }
        }
        let first_degree = about
            .iter()
            .enumerate()
            .map(|(own, statements)| {
                let label = |blank| if blank == own { "a".to_owned() } else { "z".to_owned() };
                in_order(statements.iter().map(|s| line(s, label)).collect()).map(|lines| hash.hex(&lines))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { hash, about, first_degree, canonical: Labels::new("c14n"), budget: 0 })
    }

    /// RDFC-1.0, 4.4.3.
    fn run(mut self) -> Result<BTreeMap<usize, String>, TooHard> {
        let mut alike: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (blank, hash) in self.first_degree.iter().enumerate() {
            alike.entry(hash.clone()).or_default().push(blank);
        }
        for blanks in alike.values().filter(|blanks| blanks.len() == 1) {
            self.canonical.issue(blanks[0]);
        }
        alike.retain(|_, blanks| blanks.len() > 1);
        self.budget = alike.values().map(Vec::len).sum();
        for blanks in alike.into_values() {
            let mut results = Vec::new();
            for blank in blanks {
                if !self.canonical.issued.contains_key(&blank) {
                    let mut labels = Labels::new("b");
                    labels.issue(blank);
                    results.push(self.hash_n_degree(blank, labels)?);
                }
            }
            results.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
            for blank in results.into_iter().flat_map(|(_, labels)| labels.order) {
                self.canonical.issue(blank);
            }
        }
        Ok(self.canonical.issued)
    }

    /// RDFC-1.0, 4.8: what tells a blank node apart, seen from it.
    fn hash_n_degree(&mut self, blank: usize, mut labels: Labels) -> Result<(String, Labels), TooHard> {
        self.budget = self.budget.checked_sub(1).ok_or(TooHard::Symmetric)?;
        let mut neighbours: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        for statement in &self.about[blank] {
            for (position, related) in components(statement).filter(|(_, related)| *related != blank) {
                let hash = self.hash_related(related, statement, &labels, position);
                neighbours.entry(hash).or_default().insert(related);
            }
        }
        let mut data = String::new();
        for (hash, related) in neighbours {
            if related.len() > MAX_LIKE_NEIGHBOURS {
                return Err(TooHard::Symmetric);
            }
            data.push_str(&hash);
            let mut best: Option<(String, Labels)> = None;
            for order in permutations(related.into_iter().collect()) {
                let bound = best.as_ref().map(|(path, _)| path.as_str());
                if let Some(better) = self.walk(&order, labels.clone(), bound)? {
                    best = Some(better);
                }
            }
            if let Some((path, chosen)) = best {
                data.push_str(&path);
                labels = chosen;
            }
        }
        Ok((self.hash.hex(&data), labels))
    }

    /// One order of like neighbours: its path, unless that is no smaller than the best so far.
    fn walk(
        &mut self,
        order: &[usize],
        mut labels: Labels,
        bound: Option<&str>,
    ) -> Result<Option<(String, Labels)>, TooHard> {
        let lost = |path: &str| bound.is_some_and(|best| path.len() >= best.len() && path > best);
        let (mut path, mut deeper) = (String::new(), Vec::new());
        for related in order {
            path.push_str("_:");
            if let Some(label) = self.canonical.issued.get(related) {
                path.push_str(label);
            } else {
                if !labels.issued.contains_key(related) {
                    deeper.push(*related);
                }
                path.push_str(labels.issue(*related));
            }
            if lost(&path) {
                return Ok(None);
            }
        }
        for related in deeper {
            let (hash, next) = self.hash_n_degree(related, labels.clone())?;
            path.extend(["_:", labels.issue(related), "<", &hash, ">"]);
            labels = next;
            if lost(&path) {
                return Ok(None);
            }
        }
        Ok(if bound.is_some_and(|best| path.as_str() >= best) { None } else { Some((path, labels)) })
    }

    /// RDFC-1.0, 4.7.
    fn hash_related(&self, related: usize, statement: &Statement, labels: &Labels, position: &str) -> String {
        let predicate = if position == "g" { "" } else { &statement.predicate };
        let issued = self.canonical.issued.get(&related).or_else(|| labels.issued.get(&related));
        self.hash.hex(&match issued {
            Some(label) => format!("{position}{predicate}_:{label}"),
            None => format!("{position}{predicate}{}", self.first_degree[related]),
        })
    }
}

/// The blank nodes of a statement, and where they stand.
fn components(statement: &Statement) -> impl Iterator<Item = (&'static str, usize)> {
    [("s", &statement.subject), ("o", &statement.object), ("g", &statement.graph)].into_iter().filter_map(
        |(position, term)| match term {
            Term::Blank(blank) => Some((position, *blank)),
            Term::Text(_) => None,
        },
    )
}

/// All orders of a short list.
fn permutations(items: Vec<usize>) -> Vec<Vec<usize>> {
    if items.len() <= 1 {
        return vec![items];
    }
    let mut orders = Vec::new();
    for (index, first) in items.iter().enumerate() {
        let mut rest = items.clone();
        rest.remove(index);
        for mut order in permutations(rest) {
            order.insert(0, *first);
            orders.push(order);
        }
    }
    orders
}
