//! The contract, as tests that every database passes: `contract_suite!` runs all of them on one.

pub(crate) mod administration;
pub(crate) mod atomicity;
pub(crate) mod audit_order;
pub(crate) mod credentials;
pub(crate) mod deferred;
pub(crate) mod deliveries;
pub(crate) mod fixtures;
pub(crate) mod housekeeping;
pub(crate) mod issuances;
pub(crate) mod job_items;
pub(crate) mod jobs;
pub(crate) mod model;
pub(crate) mod offers;
pub(crate) mod plugin_controls;
pub(crate) mod replacements;
pub(crate) mod replies;
pub(crate) mod search;
pub(crate) mod status_changes;
pub(crate) mod status_fixtures;
pub(crate) mod status_lists;
pub(crate) mod status_races;
pub(crate) mod webhooks;

use std::future::Future;
use std::sync::Arc;

use crate::{Store, StoreError};

/// Tasks that race for one thing.
pub(crate) const RACERS: usize = 200;

/// A database of one test, empty at first.
pub(crate) trait TestDatabase: Sized {
    async fn fresh() -> Self;
    /// May be called again: the next store sees what the former ones wrote.
    async fn open(&self) -> Arc<dyn Store>;
    /// Every value of every row of every table.
    async fn dump(&self) -> String;
}

/// Two stores on one database, as two hosts have them: who races does so through both.
pub(crate) async fn open_two(database: &impl TestDatabase) -> [Arc<dyn Store>; 2] {
    [database.open().await, database.open().await]
}

pub(crate) fn is_unavailable<T>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Unavailable(_)))
}

pub(crate) fn incompatible<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> String {
    match answer {
        Err(StoreError::Incompatible(text)) => text,
        other => format!("not refused as incompatible: {other:?}"),
    }
}

/// Runs `call` in that many tasks at once and answers what each answered.
pub(crate) async fn race<T, F>(racers: usize, call: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let start = Arc::new(tokio::sync::Barrier::new(racers));
    let tasks: Vec<_> = (0..racers)
        .map(|number| {
            let (start, call) = (Arc::clone(&start), call(number));
            tokio::spawn(async move {
                start.wait().await;
                call.await
            })
        })
        .collect();
    let mut answers = Vec::with_capacity(racers);
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

/// Every test of the contract, on `$database`. A test that is missing here is reported as dead code.
macro_rules! contract_suite {
    ($database:ty) => {
        crate::contract_tests::run_on! { $database;
            administration: [
                an_issuer_is_inserted_updated_and_left_alone,
                a_new_issuer_comes_with_its_keys_or_not_at_all,
                two_issuers_cannot_share_a_url,
                configurations_are_versioned_and_immutable,
                a_reordered_configuration_is_a_new_version,
                publishing_is_all_or_nothing,
                racing_publishers_make_gapless_versions,
                issuers_do_not_see_each_others_configurations_and_keys,
                a_key_id_is_taken_once_in_an_issuer,
                what_belongs_to_an_unknown_issuer_is_refused,
                the_generation_grows_with_every_change_and_only_then,
                a_client_id_is_taken_once,
                the_bootstrap_token_is_offered_once,
                an_expired_bootstrap_token_is_replaced,
                the_bootstrap_token_is_redeemed_once,
                the_bootstrap_token_is_dead_once_there_is_a_client,
                one_racer_redeems_the_bootstrap_token,
                a_value_is_used_once,
                one_racer_uses_a_value,
            ],
            offers: [
                an_offer_reads_as_it_was_written,
                an_offer_id_and_a_code_are_taken_once_in_an_issuer,
                a_code_is_redeemed_once,
                an_unknown_code_is_refused,
                picking_what_is_not_offered_costs_nothing,
                an_offer_expires_at_its_instant,
                a_wrong_tx_code_costs_one_attempt,
                a_missing_or_unexpected_tx_code_costs_nothing,
                a_redeemed_code_says_so_before_all_else,
                offers_of_two_issuers_are_apart,
                one_racer_redeems_a_code,
                racing_guesses_never_exceed_the_attempts,
            ],
            issuances: [
                a_batch_is_recorded_whole,
                many_rows_are_recorded_in_order,
                no_batch_is_no_work,
                a_reused_nonce_refuses_its_batch_alone,
                a_nonce_twice_in_one_batch_is_refused,
                of_two_batches_with_one_nonce_the_first_wins,
                an_existing_credential_refuses_its_batch_alone,
                the_first_used_nonce_is_named,
                issuances_of_two_issuers_are_apart,
                one_racer_uses_a_nonce,
                one_racer_takes_a_credential_id,
            ],
            replacements: [
                a_new_credential_takes_the_place_of_former_ones,
                a_new_credential_revokes_former_ones,
                only_marked_ones_keep_their_status,
                of_batches_at_once_the_later_one_replaces_the_earlier,
                a_replacement_sets_no_time_back,
                a_refused_batch_replaces_nothing,
                of_racing_reissues_one_is_current,
                replacing_and_deleting_do_not_harm_each_other,
            ],
            credentials: [
                a_deleted_credential_leaves_a_tombstone,
                a_deletion_revokes_only_what_is_not_revoked,
                a_status_list_is_not_deleted,
                the_id_of_a_deleted_credential_is_never_issued_again,
                one_racer_deletes_a_credential,
                a_deletion_ends_racing_changes,
                a_chosen_id_is_not_free_while_it_is_deleted,
                a_credential_is_signed_again_with_entries,
                one_racer_signs_again,
                an_entry_is_given_once,
                credentials_that_outlived_their_retention_are_named,
            ],
            search: [
                credentials_are_found_newest_first_in_pages,
                one_read_has_its_limit,
                credentials_are_found_by_what_they_are,
                credentials_are_found_by_what_their_entries_say,
            ],
            replies: [
                a_reply_is_kept_with_what_it_answers,
                a_reply_comes_before_all_other_refusals,
                a_refused_batch_leaves_no_reply,
                a_reply_expires_at_its_instant,
                a_reply_goes_with_the_credential_that_it_holds,
                a_reply_in_place_of_an_expired_one_goes_with_its_own_credential,
                racing_deletions_leave_no_reply,
                of_equal_racing_requests_one_acts,
            ],
            model: [
                random_sequences_leave_what_the_model_says,
            ],
            job_items: [
                an_item_is_done_with_its_credential,
                an_item_is_done_once,
                racing_hosts_do_each_item_once,
                an_item_fails_once,
            ],
            jobs: [
                a_job_is_loaded_and_started,
                a_job_without_items_is_finished_at_once,
                a_job_is_made_once_under_a_key,
                racing_loaders_leave_no_gap,
                jobs_are_listed_newest_first_in_pages,
                one_host_at_a_time_works_on_a_job,
                one_racer_gets_the_job,
                a_job_ends_when_no_item_is_left,
                nothing_is_issued_for_a_cancelled_job,
                a_cancellation_ends_racing_items,
                a_cancellation_takes_the_inputs_of_items_that_are_being_added,
                ended_jobs_expire_in_steps,
            ],
            deferred: [
                a_deferred_transaction_reads_as_it_was_written,
                deferring_takes_what_an_issuance_takes,
                a_transaction_hash_is_taken_once_in_an_issuer,
                one_caller_at_a_time_has_the_lease,
                one_racer_gets_the_lease,
                a_transaction_expires_at_its_instant,
                an_ended_lease_is_taken_over,
                an_update_keeps_the_state_and_gives_the_lease_up,
                an_update_may_record_what_only_waits,
                without_the_lease_nothing_is_written,
                a_transaction_is_finished_once,
                a_refused_issuance_leaves_the_transaction,
                racing_callers_issue_once,
                one_offer_has_so_many_pending_transactions,
                racers_defer_no_more_than_one_offer_may,
                a_failed_transaction_is_gone,
                deferred_transactions_of_two_issuers_are_apart,
                delete_expired_spares_a_transaction_that_somebody_goes_on_with,
            ],
            audit_order: [
                positions_have_no_gap_over_all_issuers,
                positions_are_given_in_steps,
                events_are_read_from_a_position_in_limits,
                a_position_outlives_its_event,
                racing_hosts_give_each_event_one_position,
                delivered_events_are_deleted_when_all_have_them,
                without_a_delivery_nothing_is_deleted,
                a_young_event_is_kept,
            ],
            deliveries: [
                one_host_at_a_time_delivers,
                one_racer_gets_the_delivery,
                a_delivery_moves_on_for_its_holder_only,
                a_delivery_never_passes_what_was_not_given,
                a_delivery_goes_on_where_another_host_left_it,
                what_a_plugin_rejects_is_an_event_with_the_advance,
                racing_advances_move_on_once,
                a_forgotten_delivery_holds_nothing_back,
            ],
            webhooks: [
                a_new_webhook_begins_after_what_is_past,
                one_racer_opens_a_webhook,
                an_event_is_given_up_with_its_letter,
                dead_letters_are_read_in_pages_and_apart,
                letters_are_queued_once_and_in_order,
                a_letter_that_fails_again_is_dead_again,
                old_letters_are_deleted_unless_they_are_queued,
                a_webhook_is_paused_and_resumed_once,
                a_forgotten_webhook_leaves_nothing,
            ],
            plugin_controls: [
                a_control_is_set_changed_and_taken_back,
                a_control_that_decides_nothing_is_not_written,
                every_part_of_a_control_counts,
                one_racer_changes_a_control,
            ],
            status_lists: [
                a_status_list_reads_as_it_was_written,
                ids_of_a_status_list_are_taken_once,
                no_more_lists_are_open_than_asked_for,
                racing_hosts_open_no_more_lists_than_asked_for,
                slots_are_leased_until_the_list_is_full,
                racing_leases_give_no_slot_twice,
                a_version_reads_as_it_was_published,
                a_version_that_does_not_follow_is_not_published,
                one_racer_publishes_a_version,
                the_last_version_of_each_window_is_kept,
                a_clock_that_steps_back_hides_no_version,
                old_versions_go_and_the_newest_stays,
            ],
            status_changes: [
                a_change_is_entry_history_and_event,
                a_status_that_is_there_already_writes_nothing,
                what_is_final_is_not_taken_back,
                a_refused_update_changes_no_entry,
                updates_of_one_call_are_decided_in_their_order,
                many_updates_keep_lists_and_entries_apart,
                a_clock_that_steps_back_takes_no_status_back_in_time,
                changes_are_read_from_a_revision_in_limits,
                a_reply_is_recorded_with_what_it_says,
                a_used_key_refuses_its_update_alone,
            ],
            status_races: [
                one_racer_acts_under_a_key,
                racing_changes_of_one_entry_are_one_history,
                racing_changes_of_many_entries_lose_none,
                what_was_deleted_is_never_changed_again,
            ],
            housekeeping: [
                events_are_read_in_order_and_in_pages,
                no_event_is_no_row,
                a_row_number_grows_across_issuers,
                delete_expired_takes_only_what_expired,
                delete_expired_keeps_to_its_limit,
                a_redeemed_offer_outlives_its_expiry_until_the_access_token_ends,
                timestamps_keep_their_microseconds_and_their_order,
                a_healthy_store_passes_the_check,
                a_closed_store_is_unavailable,
                reopening_shows_the_same,
            ],
            atomicity: [
                a_call_that_fails_at_any_step_leaves_nothing,
                a_dropped_call_happened_whole_or_not_at_all,
                calls_at_once_do_not_harm_each_other,
            ],
        }
    };
}

macro_rules! run_on {
    ($database:ty; $($module:ident: [$($test:ident),* $(,)?]),* $(,)?) => {
        $(mod $module {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    let database = <$database as crate::contract_tests::TestDatabase>::fresh().await;
                    crate::contract_tests::$module::$test(&database).await;
                }
            )*
        })*
    };
}

pub(crate) use {contract_suite, run_on};
