use super::*;
use crate::domain::id::Id;
use crate::domain::list::Holder;
use crate::domain::text::TagName;
use crate::domain::todo::{Priority, Status};
use crate::store::todos::condition::status_condition;

fn instant() -> Option<Instant> {
    Some(Instant::parse("2026-11-23T09:00:00Z").unwrap())
}

fn everything() -> Filter {
    Filter {
        status: vec![Status::Pending],
        priority: vec![Priority::Low, Priority::Urgent],
        completed: Some(false),
        tags: vec![TagName::parse("a").unwrap(), TagName::parse("b").unwrap()],
        assignee: Some(Id::Serial(1)),
        department: Id::parse_uuid("67e55044-10b1-426f-9247-bb680e5fe0c8"),
        due_after: instant(),
        due_before: instant(),
        overdue: Some(true),
        created_after: instant(),
        created_before: instant(),
        updated_since: instant(),
        q: Some("'; DROP TABLE todos; --".to_owned()),
        deleted: false,
        lists: vec![Holder::None, Holder::Id(Id::Serial(3))],
        parent: Some(Holder::Id(Id::Serial(4))),
        root: Id::parse_uuid("67e55044-10b1-426f-9247-bb680e5fe0c8"),
        archived: false,
    }
}

#[test]
fn every_value_has_its_number_and_none_is_text_of_the_statement() {
    for key in SortKey::ALL {
        for value in [Some("v".to_owned()), None] {
            let mut query = TodoQuery::new(WorkspaceId(7));
            let position = Position { value, id: 3 };
            let sort = Sort { key, descending: true };
            let sql = query.selection(&everything(), sort, Some(&position), "10");
            for number in 1..=query.params.len() {
                assert!(sql.contains(&format!("${number}")), "${number} in {sql}");
            }
            assert!(!sql.contains(&format!("${}", query.params.len() + 1)), "{sql}");
            assert!(!sql.contains("DROP"), "{sql}");
        }
    }
}

#[test]
fn no_filter_is_no_condition() {
    let mut query = TodoQuery::new(WorkspaceId(7));
    let all = Filter { archived: true, ..Filter::default() };
    assert_eq!(query.conditions(&all), "t.workspace_id = $1 AND t.deleted_at IS NULL");
    assert_eq!(query.params, [Param::Int(7)]);
}

#[test]
fn status_and_completed_become_one_condition() {
    let condition = |status: &[Status], completed| {
        status_condition(&Filter { status: status.to_vec(), completed, ..Filter::default() })
    };
    assert_eq!(condition(&[], None), None);
    assert_eq!(condition(&Status::ALL, None), None);
    assert_eq!(condition(&[], Some(true)).unwrap(), "t.status = 'completed'");
    assert_eq!(condition(&[Status::Pending], Some(true)).unwrap(), "false");
    assert_eq!(condition(&[], Some(false)).unwrap(), "t.status IN ('pending', 'in_progress', 'cancelled')");
}
