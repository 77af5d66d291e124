//! From where the model is explored, and which rule is left out there.

use std::collections::BTreeMap;

use crate::state::{CALM, Faults, Flaw, LEASE, ReaderState, STATEMENT, State, Writer, start};

/// A start, the number of ticks to explore, and a rule that is needed in it.
pub type Scenario = (&'static str, State, u8, &'static [Flaw]);

#[expect(clippy::too_many_lines, reason = "one table of starts, a row each")]
pub fn scenarios() -> Vec<Scenario> {
    // The widest ones take minutes with three requests: `CACHE_MODEL_REQUESTS=3`.
    let few = std::env::var("CACHE_MODEL_REQUESTS").map_or(2, |text| text.parse().unwrap());
    let restart = Faults { restarts: 1, snapshots: 1, ..CALM };
    // A row was inserted a statement's time ago, but committed just now; an outage that has lasted for long; and one in
    // which a row with a small id commits after one with a larger.
    let mut recent = start(1, 2, 3, Faults { away: 1, ..CALM });
    (recent.rows, recent.ids, recent.keys.check) = (BTreeMap::from([(1, 0)]), 1, Some((1, 1 + LEASE)));
    let mut lasting = start(1, 2, few + 1, Faults { away: 1, ..CALM });
    (lasting.rows, lasting.ids, lasting.now) = (BTreeMap::from([(1, 0)]), 1, LEASE + STATEMENT);
    let mut overtaken = start(1, 2, 3, CALM);
    (overtaken.rows, overtaken.ids) = (BTreeMap::from([(2, 1)]), 2);
    overtaken.keys.check = Some((1, 1 + LEASE));
    overtaken.readers = vec![ReaderState::Checked { asked: 1, epoch: 1, floor: 0, seen: vec![2], held: Vec::new() }; 2];
    overtaken.writers = vec![Writer::Running { sent: 1, told: false, began: 1, row: 1, wait: true, holds: 0 }];
    let background =
        |writers, readers, requests, faults| State { background: true, ..start(writers, readers, requests, faults) };
    let repeated = |faults| State { repeats: true, ..start(2, 1, few, faults) };
    vec![
        (
            "a writer that may be killed before its publish",
            start(1, 2, 3, Faults { crashes: 1, ..CALM }),
            5,
            &[Flaw::IntentLeavesNoFence, Flaw::FenceEndsInSilence],
        ),
        ("two writers", start(2, 2, 3, CALM), 3, &[Flaw::StoreTrustsItsTicket, Flaw::PublishKeepsGeneration]),
        (
            "Redis out of a writer's reach",
            start(1, 2, 3, Faults { away: 1, ..CALM }),
            4,
            &[
                Flaw::AwayIsNotRecorded,
                Flaw::AwayIsAnsweredAtOnce,
                Flaw::CheckFromItsEnd,
                Flaw::SettlesWithoutGeneration,
            ],
        ),
        ("Redis out of both writers' reach", start(2, 1, few, Faults { away: 2, ..CALM }), 3, &[]),
        ("Redis out of reach since just now", recent, 4, &[Flaw::RowsRipenEarly]),
        ("Redis out of reach for long", lasting, 5, &[Flaw::ServedDespitePending, Flaw::HeldRowsMayBeSettled]),
        ("rows that commit out of order", overtaken, 5, &[Flaw::SettlesUpToAnId]),
        ("a publish fails", start(1, 2, 3, Faults { unpublished: 1, ..CALM }), 5, &[Flaw::FailedPublishIsAnswered]),
        ("a publish fails beside another write", start(2, 1, few, Faults { unpublished: 1, ..CALM }), 3, &[]),
        (
            "Redis restarts and a publish fails",
            start(1, 2, few, Faults { unpublished: 1, ..restart }),
            3,
            &[Flaw::RestartKeepsEpoch],
        ),
        (
            "Redis restarts and a writer is killed",
            start(1, 2, few + 1, Faults { crashes: 1, ..restart }),
            5,
            &[Flaw::LossLeavesNoFence],
        ),
        ("Redis restarts, out of a writer's reach", start(1, 2, few, Faults { away: 1, ..restart }), 3, &[]),
        (
            "Redis evicts, is flushed, and a publish fails",
            start(1, 2, few, Faults { unpublished: 1, evictions: 1, flushes: 1, ..CALM }),
            4,
            &[],
        ),
        (
            "Redis evicts, is flushed, and a writer is killed",
            start(1, 2, few, Faults { crashes: 1, evictions: 1, flushes: 1, ..CALM }),
            5,
            &[Flaw::LossLeavesNoFence],
        ),
        (
            "a repetition of a write whose writer was killed",
            repeated(Faults { crashes: 1, ..CALM }),
            4,
            &[Flaw::ReplayPublishesNothing],
        ),
        (
            "the same, out of reach of Redis",
            repeated(Faults { crashes: 1, away: 1, ..CALM }),
            4,
            &[Flaw::ReplayRecordsNothing],
        ),
        (
            "the same, while its publish fails and Redis is flushed",
            repeated(Faults { crashes: 1, unpublished: 1, flushes: 1, ..CALM }),
            3,
            &[Flaw::FailedPublishIsAnswered],
        ),
        (
            "a write that is given up and committed later",
            start(1, 2, 3, Faults { unknown: 1, ..CALM }),
            6,
            &[Flaw::UnknownIsNotRecorded, Flaw::UnknownIsSettledBeforeItsEnd],
        ),
        ("the same, while Redis restarts", start(1, 2, few, Faults { unknown: 1, ..restart }), 4, &[]),
        (
            "a write that fails or is given up, beside one whose writer may be killed",
            start(2, 1, few, Faults { failed: 1, unknown: 1, crashes: 1, ..CALM }),
            5,
            &[Flaw::WithdrawalTakesAllFences, Flaw::UnknownIsTakenForFailed],
        ),
        (
            "a write that fails, out of reach of Redis",
            start(2, 1, few, Faults { failed: 1, away: 1, ..CALM }),
            4,
            &[Flaw::AwayIsNotRecorded],
        ),
        (
            "another installation on the same Redis",
            start(1, 2, 3, Faults { foreign: 1, ..CALM }),
            3,
            &[Flaw::KeysWithoutInstallation],
        ),
        (
            "a backup is restored beside a write",
            start(1, 2, few, Faults { restores: 1, ..restart }),
            3,
            &[Flaw::RestoreKeepsInstallation],
        ),
        (
            "a background write beside one that is answered",
            background(2, 2, few, CALM),
            3,
            &[Flaw::FormerForEver, Flaw::FormerDespiteAWrite],
        ),
        (
            "a background write whose worker is killed",
            background(1, 2, 3, Faults { crashes: 1, ..CALM }),
            5,
            &[Flaw::IntentLeavesNoFence, Flaw::FenceEndsInSilence],
        ),
        (
            "a background write whose publish fails",
            background(1, 2, 3, Faults { unpublished: 1, ..CALM }),
            5,
            &[Flaw::FailedPublishIsAnswered],
        ),
        ("Redis out of a background write's reach", background(1, 2, few, Faults { away: 1, ..CALM }), 4, &[]),
        (
            "Redis restarts and the worker of a background write is killed",
            background(1, 2, few, Faults { crashes: 1, ..restart }),
            4,
            &[],
        ),
        (
            "Redis evicts, is flushed, and the publish of a background write fails",
            background(1, 2, few, Faults { unpublished: 1, evictions: 1, flushes: 1, ..CALM }),
            4,
            &[],
        ),
    ]
}
