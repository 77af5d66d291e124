//! The address of Postgres, with what the client library needs. It has no startup options: poolers refuse them. What a
//! session must have is set on the database (`migrations/`), and readiness looks whether it is there (`readiness.rs`).

use std::time::Duration;

/// Adds a deadline for connecting and the application's name to an address, which is a URL or words like
/// `host=… dbname=…`, unless it has them.
pub fn address(address: &str, open_deadline: Duration) -> String {
    let connect_timeout = open_deadline.as_secs().max(1).to_string();
    let ours = [("connect_timeout", connect_timeout.as_str()), ("application_name", "todo")];
    if address.starts_with("postgres://") || address.starts_with("postgresql://") {
        with_query(address, &ours)
    } else {
        // Of words with the same key the last one counts, so ours stand in front.
        let words: String = ours.iter().map(|(key, value)| format!("{key}={value} ")).collect();
        words + address
    }
}

fn with_query(address: &str, ours: &[(&str, &str)]) -> String {
    let (base, query) = address.split_once('?').unwrap_or((address, ""));
    let given: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
    let is_given = |key: &str| given.iter().any(|pair| pair.split('=').next() == Some(key));
    let added = ours.iter().filter(|(key, _)| !is_given(key)).map(|(key, value)| format!("{key}={value}"));
    let pairs: Vec<String> = given.iter().map(|pair| (*pair).to_owned()).chain(added).collect();
    if pairs.is_empty() { base.to_owned() } else { format!("{base}?{}", pairs.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_defaults(text: &str) -> String {
        address(text, Duration::from_secs(2))
    }

    #[test]
    fn a_bare_url_gets_everything() {
        assert_eq!(
            with_defaults("postgres://todo:secret@db:5432/todo"),
            "postgres://todo:secret@db:5432/todo?connect_timeout=2&application_name=todo"
        );
    }

    #[test]
    fn what_the_url_says_is_kept() {
        let url =
            "postgres://db/todo?sslmode=require&application_name=mine&options=-c%20work_mem%3D8MB&connect_timeout=9";
        assert_eq!(with_defaults(url), url);
    }

    #[test]
    fn words_work_too() {
        assert_eq!(
            with_defaults("host=db dbname=todo connect_timeout=9"),
            "connect_timeout=2 application_name=todo host=db dbname=todo connect_timeout=9"
        );
    }

    #[test]
    fn there_are_no_startup_options() {
        for text in ["postgres://db/todo", "host=db dbname=todo"] {
            assert!(!with_defaults(text).contains("options"));
        }
    }
}
