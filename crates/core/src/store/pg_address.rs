//! The address of Postgres with our startup options. They survive the reset of a pooled connection, `SET` would not.

use std::time::Duration;

/// Adds to an address, which is a URL or words like `host=… dbname=…`, what is not there yet. Options that the address gives
/// itself come last and so win.
pub fn address(address: &str, statement_deadline: Duration, open_deadline: Duration) -> String {
    let ours = options(statement_deadline);
    let connect_timeout = open_deadline.as_secs().max(1).to_string();
    if address.starts_with("postgres://") || address.starts_with("postgresql://") {
        with_query(address, &ours, &connect_timeout)
    } else {
        with_words(address, &ours, &connect_timeout)
    }
}

/// `jit` and parallel workers cost more than they save on statements of milliseconds, of which there are many at once.
/// Statements are atomic and alone, so nothing may idle in a transaction.
fn options(statement_deadline: Duration) -> Vec<String> {
    let milliseconds = statement_deadline.as_millis().max(1);
    vec![
        format!("statement_timeout={milliseconds}"),
        format!("idle_in_transaction_session_timeout={milliseconds}"),
        "jit=off".to_owned(),
        "max_parallel_workers_per_gather=0".to_owned(),
        "timezone=UTC".to_owned(),
    ]
}

fn with_query(address: &str, ours: &[String], connect_timeout: &str) -> String {
    let (base, query) = address.split_once('?').unwrap_or((address, ""));
    let mut pairs: Vec<String> = Vec::new();
    let mut options: String = ours.iter().map(|option| format!("-c%20{}%20", option.replace('=', "%3D"))).collect();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.strip_prefix("options=") {
            Some(theirs) => options.push_str(theirs),
            None => pairs.push(pair.to_owned()),
        }
    }
    let given = |key: &str| pairs.iter().any(|pair| pair.split('=').next() == Some(key));
    let mut added = Vec::new();
    if !given("connect_timeout") {
        added.push(format!("connect_timeout={connect_timeout}"));
    }
    if !given("application_name") {
        added.push("application_name=todo".to_owned());
    }
    added.push(format!("options={}", options.trim_end_matches("%20")));
    pairs.append(&mut added);
    format!("{base}?{}", pairs.join("&"))
}

/// Of words with the same key the last one counts, so ours stand in front.
fn with_words(address: &str, ours: &[String], connect_timeout: &str) -> String {
    let options: Vec<String> = ours.iter().map(|option| format!("-c {option}")).collect();
    format!("connect_timeout={connect_timeout} application_name=todo options='{}' {address}", options.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: &str = "options=-c%20statement_timeout%3D5000%20-c%20idle_in_transaction_session_timeout%3D5000%20-c%20jit%3Doff%20-c%20max_parallel_workers_per_gather%3D0%20-c%20timezone%3DUTC";

    fn with_defaults(text: &str) -> String {
        address(text, Duration::from_secs(5), Duration::from_secs(2))
    }

    #[test]
    fn a_bare_url_gets_everything() {
        assert_eq!(
            with_defaults("postgres://todo:secret@db:5432/todo"),
            format!("postgres://todo:secret@db:5432/todo?connect_timeout=2&application_name=todo&{OPTIONS}")
        );
    }

    #[test]
    fn what_the_url_says_is_kept() {
        let url = with_defaults(
            "postgres://db/todo?sslmode=require&application_name=mine&options=-c%20work_mem%3D8MB&connect_timeout=9",
        );
        assert_eq!(
            url,
            format!(
                "postgres://db/todo?sslmode=require&application_name=mine&connect_timeout=9&{OPTIONS}%20-c%20work_mem%3D8MB"
            )
        );
    }

    #[test]
    fn words_work_too() {
        let words = with_defaults("host=db dbname=todo");
        assert!(
            words.starts_with("connect_timeout=2 application_name=todo options='-c statement_timeout=5000 "),
            "{words}"
        );
        assert!(words.ends_with("' host=db dbname=todo"), "{words}");
    }
}
