//! Why a call to Redis failed: in passing, or until somebody changes the settings.

use spin_sdk::redis::Error as WireError;

use crate::cache::DownReason;

/// Why a call brought nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedisFailure {
    /// Redis is being left alone after a failure; nothing was sent.
    LeftAlone,
    /// The budget was overrun. The call may still take effect.
    Overrun,
    /// This instance gets too little of the processors, or has too many calls to make; nothing says that Redis is slow.
    /// The call may still take effect.
    Starved,
    /// The call is bound to an earlier life of the server; nothing was done.
    OtherEpoch,
    /// The settings are wrong: it fails until somebody changes them.
    Misconfigured(DownReason),
    /// Anything else, for the log.
    Broken(String),
}

/// What an error of the bindings means.
pub(super) fn broken(error: WireError) -> RedisFailure {
    match error {
        WireError::InvalidAddress => RedisFailure::Misconfigured(DownReason::NotPermitted),
        WireError::Other(text) => match misconfiguration(&text) {
            Some(found) => RedisFailure::Misconfigured(found),
            None => RedisFailure::Broken(text),
        },
        other => RedisFailure::Broken(format!("{other:?}")),
    }
}

/// Hosts pass on either Redis' own word or that of their client library. A script that runs a command which is not
/// permitted says so without a code of its own. An alert is what Redis says of a certificate that it misses, not what
/// is said of its own.
fn misconfiguration(text: &str) -> Option<DownReason> {
    let text = text.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&["wrongpass", "noauth", "invalid password", "invalid username-password", "authentication"]) {
        Some(DownReason::WrongPassword)
    } else if says(&["noperm", "no permissions to", "can't run this command"]) {
        Some(DownReason::MissingPermission)
    } else if says(&["certificate"]) && !says(&["alert"]) {
        Some(DownReason::NotTrusted)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_settings_are_told_from_a_server_that_is_away() {
        for (text, told) in [
            ("WRONGPASS invalid username-password pair or user is disabled.", Some(DownReason::WrongPassword)),
            ("Password authentication failed- AuthenticationFailed", Some(DownReason::WrongPassword)),
            ("NOAUTH Authentication required.", Some(DownReason::WrongPassword)),
            ("NOPERM User todo has no permissions to run the 'info' command", Some(DownReason::MissingPermission)),
            (
                "ERR The user executing the script can't run this command or subcommand",
                Some(DownReason::MissingPermission),
            ),
            ("invalid peer certificate: UnknownIssuer", Some(DownReason::NotTrusted)),
            (
                "TLS error- IoError: error:0A000086:SSL routines:tls_post_process_server_certificate:certificate \
                 verify failed: (unable to get local issuer certificate)",
                Some(DownReason::NotTrusted),
            ),
            ("received fatal alert: CertificateRequired", None),
            ("Connection refused (os error 111)", None),
            ("READONLY You can't write against a read only replica.", None),
        ] {
            assert_eq!(misconfiguration(text), told, "{text}");
        }
        assert_eq!(broken(WireError::InvalidAddress), RedisFailure::Misconfigured(DownReason::NotPermitted));
    }
}
