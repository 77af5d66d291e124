//! The codes of single faults inside a problem.

/// Why one field or one parameter was refused: a `code` inside a problem's `errors`.
#[derive(Clone, Copy, Debug)]
pub struct FaultEntry {
    /// The stable code, also the anchor on `/docs/errors` after `fault-`.
    pub code: &'static str,
    /// What is wrong with the value.
    pub meaning: &'static str,
}

const fn fault(code: &'static str, meaning: &'static str) -> FaultEntry {
    FaultEntry { code, meaning }
}

/// Every fault that `errors` may list.
pub const FAULTS: &[FaultEntry] = &[
    fault("required", "The field is missing. The pointer names the field as if it were there."),
    fault(
        "type",
        "The value has another JSON type than the field: a string where a number belongs, null where none is allowed.",
    ),
    fault("too_few", "The list has fewer elements than needed: one in a filter, one id in a tool's arguments."),
    fault("too_long", "The text has more characters than allowed, counted after sanitising."),
    fault(
        "too_short",
        "The text, or what sanitising left of it, has fewer characters than needed; mostly: it is empty. Or the list \
         of operations, todos or scopes is empty.",
    ),
    fault(
        "too_many",
        "The list has more elements than allowed: 20 tags, 100 operations, 50 todos in one call of a tool. Or, with an \
         idempotency key, the todos that come out have more than 2 MiB together.",
    ),
    fault("too_many_attributes", "The text has more than 64 attributes in a tag, or more than 4000 in all its tags."),
    fault(
        "too_much_markup",
        "The text has more markup than can be sanitised: too many elements or too deep ones, or, with the texts before \
         it, more than one request may have. Send less of it at once.",
    ),
    fault(
        "unclosed_markup",
        "The text has a `<` before a letter, `/`, `!` or `?` that begins markup which never ends, as in \
         `profit<target`. Put a space after it. In a description it is text.",
    ),
    fault(
        "unknown_field",
        "There is no such field. Unknown ones are refused, not dropped, so that a typing error shows.",
    ),
    fault("unknown_parameter", "There is no such query parameter, at least not on this route."),
    fault("read_only", "The field exists but is the server's to set: id, version, timestamps, completed (use status)."),
    fault("invalid_value", "The value is not one of those allowed, or contradicts another field."),
    fault("control_character", "The text holds a control character. Only a description may hold line breaks and tabs."),
    fault("no_person", "The value is `me`, and the token names no person."),
    fault("not_found", "The value refers to something that does not exist in your workspace."),
    fault("cycle", "The todo would be a subtask of itself, or of a todo below it."),
    fault("too_deep", "Todos would have more than five levels, the topmost included."),
    fault("stale_version", "The `if_version` of a batch's operation is not the todo's current version."),
    fault("list_archived", "The todo of a batch's operation is in an archived list, or would come into one."),
    fault("duplicate", "The same field or element appears twice where each may appear once."),
    fault("out_of_range", "The number or instant lies outside its bounds; years run from 1970 to 9999."),
    fault(
        "invalid_format",
        "The text does not follow its format: an instant (RFC 3339 with offset), a UUID, an email address.",
    ),
];
