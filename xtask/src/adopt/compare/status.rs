//! Whether two statuses may differ.

use super::difference::Difference;

/// What two statuses say.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They are the same.
    Same,
    /// They differ for a documented reason.
    OnPurpose(Difference),
    /// They differ, or the new one is a failure.
    Differs,
}

/// Compares the statuses of two answers. `allowed`: the one that version 1 may give to this request instead of the old
/// one, and why.
pub fn compare(old: u16, new: u16, allowed: Option<(u16, Difference)>) -> Verdict {
    match (old, new) {
        (_, 500..) => Verdict::Differs,
        (500.., 400 | 422) => Verdict::OnPurpose(Difference::Failure),
        (before, after) if before == after => Verdict::Same,
        (_, after) => match allowed {
            Some((status, why)) if status == after => Verdict::OnPurpose(why),
            _ => Verdict::Differs,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Difference::{Failure, Limit, Malformed};

    #[test]
    fn a_reason_holds_for_one_status_of_one_request() {
        let malformed = Some((400, Malformed));
        for (old, new, allowed, verdict) in [
            (200, 200, None, Verdict::Same),
            (404, 404, malformed, Verdict::Same),
            (422, 400, malformed, Verdict::OnPurpose(Malformed)),
            (200, 400, Some((400, Limit)), Verdict::OnPurpose(Limit)),
            (500, 400, None, Verdict::OnPurpose(Failure)),
            (500, 422, malformed, Verdict::OnPurpose(Failure)),
        ] {
            assert_eq!(compare(old, new, allowed), verdict, "{old}, {new}, {allowed:?}");
        }
    }

    #[test]
    fn any_other_status_differs() {
        let malformed = Some((400, Malformed));
        for (old, new, allowed) in [
            // Without a reason of the request.
            (422, 400, None),
            (200, 404, None),
            (404, 200, None),
            (422, 415, None),
            (200, 201, None),
            // Another one than its reason allows.
            (200, 401, Some((400, Limit))),
            (200, 422, malformed),
            (422, 403, malformed),
            (422, 201, malformed),
            // Failures of the old application become refusals for what was asked, not others.
            (500, 401, malformed),
            (500, 404, None),
            (500, 429, None),
            (500, 200, None),
            // Those of this service have no reason.
            (500, 500, malformed),
            (503, 503, None),
            (200, 500, Some((500, Limit))),
        ] {
            assert_eq!(compare(old, new, allowed), Verdict::Differs, "{old}, {new}, {allowed:?}");
        }
    }
}
