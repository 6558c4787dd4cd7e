//! The life of credentials against a model: random sequences of calls, through two stores on one database, must be
//! answered as plain maps answer them, and leave what is in those maps.
//!
//! | file | what is in it |
//! | --- | --- |
//! | `steps` | the random sequences |
//! | `resolve` | makes calls of them: ids, indexes and times that mean something at that point |
//! | `calls` | what a call is, and how a store answers it |
//! | `state` | the model |
//! | `issuance` | the model's part for issuance |
//! | `seen` | everything that can be read, of the store and of the model |

mod calls;
mod issuance;
mod resolve;
mod seen;
mod state;
mod steps;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use tokio::runtime::Handle;

use self::calls::{Answered, Call};
use self::resolve::{Names, Stock};
use self::seen::Seen;
use self::state::Model;
use self::steps::{Turn, turns};
use super::fixtures::put_issuer;
use super::{TestDatabase, open_two};
use crate::Store;

/// Sequences on each database, unless [`CASES_VARIABLE`] says otherwise.
const CASES: u32 = 64;
const CASES_VARIABLE: &str = "CHANCERY_MODEL_CASES";
/// Each is a whole sequence: enough to be left with a few steps, and an end to it.
const MAX_SHRINKS: u32 = 2_000;

/// The same sequences in every run; more cases go on from there.
pub(crate) async fn random_sequences_leave_what_the_model_says(database: &impl TestDatabase) {
    let stores = open_two(database).await;
    #[expect(clippy::disallowed_methods, reason = "a longer run is asked for where tests are started")]
    let cases = std::env::var(CASES_VARIABLE).map_or(CASES, |text| text.parse().unwrap());
    let config = Config { cases, failure_persistence: None, max_shrink_iters: MAX_SHRINKS, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    // Each sequence has issuers of its own, so that none needs a database of its own.
    let (next, runtime) = (AtomicU32::new(0), Handle::current());
    let run = |turns: Vec<Turn>| {
        let case = next.fetch_add(1, Ordering::Relaxed);
        runtime.block_on(play(&stores, case, &turns)).map_err(TestCaseError::fail)
    };
    if let Err(error) = tokio::task::block_in_place(|| runner.run(&turns(), run)) {
        panic!("{error}");
    }
}

async fn play(stores: &[Arc<dyn Store>; 2], case: u32, turns: &[Turn]) -> Result<(), String> {
    let mut game = Game::start(stores, case).await?;
    for (number, turn) in turns.iter().enumerate() {
        game.take(turn).await.map_err(|error| format!("turn {number}: {error}"))?;
    }
    game.compare().await
}

/// A database and the model of it, in step.
struct Game<'a> {
    stores: &'a [Arc<dyn Store>; 2],
    model: Model,
    names: Names,
    stock: Stock,
}

impl<'a> Game<'a> {
    async fn start(stores: &'a [Arc<dyn Store>; 2], case: u32) -> Result<Self, String> {
        let names = Names::new(case);
        for issuer_id in names.issuers() {
            put_issuer(&*stores[0], issuer_id).await;
        }
        let model = Model::new(names.issuers());
        let mut game = Self { stores, model, names, stock: Stock::default() };
        for call in game.names.first_lists() {
            game.call(0, &call).await?;
        }
        Ok(game)
    }

    async fn take(&mut self, turn: &Turn) -> Result<(), String> {
        for lease in self.stock.wanted(&self.model) {
            self.call(1, &lease).await?;
        }
        match turn {
            Turn::One(host, step) => {
                let call = self.resolve(step);
                self.call(*host, &call).await
            }
            Turn::Race(one, other) => {
                let calls = [self.resolve(one), self.resolve(other)];
                self.race(&calls).await
            }
        }
    }

    fn resolve(&mut self, step: &steps::Step) -> Call {
        resolve::resolve(step, &self.model, &mut self.names, &mut self.stock)
    }

    async fn call(&mut self, host: usize, call: &Call) -> Result<(), String> {
        let answer = calls::answer(&*self.stores[host], call).await;
        let expected = self.model.apply(call);
        if answer != expected {
            return Err(format!("{call:#?}\nwas answered {answer:#?}\nand not {expected:#?}"));
        }
        self.stock.add(call, &answer)
    }

    /// Both at once, each on a host of its own: as if they came one after the other, whichever that is. Of issuances each
    /// batch is one step of its own, since one that is refused leaves the others alone.
    async fn race(&mut self, calls: &[Call; 2]) -> Result<(), String> {
        let (one, other) =
            tokio::join!(calls::answer(&*self.stores[0], &calls[0]), calls::answer(&*self.stores[1], &calls[1]));
        let answers = [one, other];
        let parts = [calls[0].parts(&answers[0]), calls[1].parts(&answers[1])];
        let mut possible = possible_models(&self.model, &parts);
        let Some(first) = possible.first() else {
            return Err(format!("{calls:#?}\nat once were answered {answers:#?}"));
        };
        if possible.iter().any(|model| model != first) {
            let (expected, seen) = (self.expected(first), self.seen().await);
            possible.retain(|model| self.expected(model) == seen);
            if possible.is_empty() {
                return Err(format!("{calls:#?}\nat once left {}", Seen::differences(&expected, &seen).join("\n")));
            }
        }
        self.model = possible.swap_remove(0);
        calls.iter().zip(&answers).try_for_each(|(call, answer)| self.stock.add(call, answer))
    }

    async fn compare(&self) -> Result<(), String> {
        let differences = Seen::differences(&self.expected(&self.model), &self.seen().await);
        if differences.is_empty() { Ok(()) } else { Err(differences.join("\n")) }
    }

    /// What both hosts read; each is asked for one of the issuers.
    async fn seen(&self) -> Vec<Seen> {
        let mut seen = Vec::new();
        for (issuer_id, store) in self.names.issuers().iter().zip(self.stores) {
            seen.push(Seen::of_store(&**store, issuer_id, self.names.mentioned(issuer_id)).await);
        }
        seen
    }

    fn expected(&self, model: &Model) -> Vec<Seen> {
        let expected = |id: &String| Seen::of_model(model.issuer(id), id, self.names.mentioned(id));
        self.names.issuers().iter().map(expected).collect()
    }
}

/// The models after the parts of both calls in every order that would have been answered so.
fn possible_models(model: &Model, parts: &[Vec<(Call, Answered)>; 2]) -> Vec<Model> {
    let [one, other] = parts.each_ref().map(Vec::len);
    let orders = (0..1_u32 << (one + other)).filter(|order| order.count_ones() as usize == one);
    let after = |order: u32| {
        let (mut model, mut parts) = (model.clone(), parts.each_ref().map(|parts| parts.iter()));
        let mut order = (0..one + other).map(|at| usize::from(order >> at & 1 == 0));
        let is_so = order.all(|whose| parts[whose].next().is_some_and(|(call, answer)| model.apply(call) == *answer));
        is_so.then_some(model)
    };
    orders.filter_map(after).collect()
}
