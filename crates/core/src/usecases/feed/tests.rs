use super::*;

/// The half seconds in which Postgres is asked, where Redis tells these numbers one after the other.
fn asked(told: &[Option<i64>], pending: bool) -> Vec<usize> {
    let begun = Instant::now();
    let mut watch = Watch::new(begun, Some(1));
    let mut look = |at: usize, told: Option<i64>| watch.look(begun + LOOK * u32::try_from(at).unwrap(), told, pending);
    (1..).zip(told).filter(|(at, told)| look(*at, **told)).map(|(at, _)| at).collect()
}

#[test]
fn postgres_is_asked_when_the_counter_has_moved() {
    assert_eq!(asked(&[Some(1), Some(2), Some(2), Some(3)], false), [2, 4]);
}

#[test]
fn a_look_that_redis_missed_is_none() {
    assert_eq!(asked(&[None, Some(1), None, None, Some(1)], false), [0; 0]);
    assert_eq!(asked(&[None, Some(2), Some(2)], false), [2]);
}

#[test]
fn redis_that_stays_away_is_made_up_for_by_postgres_and_asked_after_once() {
    let mut told = vec![None; 10];
    told.extend([Some(1); 5]);
    assert_eq!(asked(&told, false), [5, 9, 11]);
}

#[test]
fn one_of_the_waiters_looks_for_all() {
    let (looks, begun) = (Looks::default(), Instant::now());
    let at = |milliseconds| begun + Duration::from_millis(milliseconds);
    let [one, other] = [1, 2].map(WorkspaceId);
    assert_eq!(looks.recent(one, at(0)), None, "nothing is known yet");
    looks.keep(Look { workspace: one, at: at(0), told: Some(7) });
    assert_eq!((looks.recent(one, at(249)), looks.recent(other, at(249))), (Some(Some(7)), None));
    assert_eq!(looks.recent(one, at(500)), None, "somebody looks");
    assert_eq!(looks.recent(one, at(501)), Some(Some(7)), "and the others do not");
    looks.keep(Look { workspace: one, at: at(500), told: Some(8) });
    assert_eq!(looks.recent(one, at(700)), Some(Some(8)));
    assert_eq!(looks.recent(one, at(1500)), None);
}

#[test]
fn where_nothing_was_found_postgres_is_not_asked_again_until_the_counter_moves() {
    let (pages, at, workspace) = (IdlePages::default(), Instant::now(), WorkspaceId(1));
    let next = FeedPosition {
        epoch: Uuid::max(),
        phase: "changes".to_owned(),
        after: 0,
        line: (7, 7),
        complete_at: "2026-11-28T19:32:56Z".to_owned(),
    };
    let query = FeedQuery { from: Some(next.clone()), kinds: vec![SubjectKind::Todo], limit: 100 };
    let idle = |seen| IdlePage { workspace, kinds: vec![SubjectKind::Todo], seen, at, next: next.clone() };
    let found = |workspace, query: &FeedQuery, seen, after| {
        pages.find(WorkspaceId(workspace), query, seen, at + Duration::from_secs(after)).map(|page| page.next)
    };
    assert_eq!(found(1, &query, 3, 0), None);
    pages.keep(idle(3));
    assert_eq!(found(1, &query, 3, 9), Some(next.clone()));
    assert_eq!((found(1, &query, 4, 9), found(2, &query, 3, 9)), (None, None));
    assert_eq!(found(1, &FeedQuery { kinds: SubjectKind::ALL.to_vec(), ..query.clone() }, 3, 9), None);
    let elsewhere = Some(FeedPosition { line: (6, 6), ..next.clone() });
    assert_eq!(found(1, &FeedQuery { from: elsewhere, ..query.clone() }, 3, 9), None);
    assert_eq!(found(1, &FeedQuery { from: None, ..query.clone() }, 3, 9), None, "a first page has the state");
    pages.keep(idle(4));
    assert_eq!((found(1, &query, 3, 9), found(1, &query, 4, 9)), (None, Some(next)));
    assert_eq!(found(1, &query, 4, 10), None, "the counter may have been lost");
}

#[test]
fn what_is_held_back_is_asked_for_ever_more_rarely() {
    assert_eq!(asked(&[Some(1); 60], true), [1, 3, 7, 15, 25, 35, 45, 55]);
    let mut told = vec![Some(1); 10];
    told.extend([Some(2); 10]);
    assert_eq!(asked(&told, true), [1, 3, 7, 11, 12, 14, 18]);
}
