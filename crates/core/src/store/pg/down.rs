//! Why Postgres cannot be used, in words that name a setting and no value of it.

/// What stands between the service and Postgres.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PgDown {
    /// It cannot be connected to, or broke the connection.
    Unreachable,
    /// There was no connection, or no answer, in time.
    Timeout,
    /// The application's manifest does not let the component reach the address of `database_url`.
    NotPermitted,
    /// Postgres does not accept the role or its password.
    WrongPassword,
    /// The server has no such database.
    NoDatabase,
    /// The server's certificate is not signed by a known authority, or is another host's.
    NotTrusted,
    /// The server takes this role from here only over TLS.
    EncryptionRequired,
    /// TLS is demanded, and the server does not speak it.
    EncryptionUnsupported,
    /// The role may not use the tables.
    MissingPermission,
    /// The server has given all its connections away.
    TooManyConnections,
}

impl PgDown {
    /// From what the host says. Hosts pass on Postgres' own words, or those of their client library.
    pub fn from_reason(reason: &str) -> Self {
        let reason = reason.to_ascii_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| reason.contains(word));
        if says(&["is not permitted", "not allowed"]) {
            Self::NotPermitted
        } else if says(&["no encryption", "ssl off"]) {
            Self::EncryptionRequired
        } else if says(&["does not support tls"]) {
            Self::EncryptionUnsupported
        } else if says(&["28p01", "28000", "authentication failed", "no pg_hba.conf entry", "password missing"]) {
            Self::WrongPassword
        } else if says(&["3d000"]) || (says(&["database"]) && says(&["does not exist"])) {
            Self::NoDatabase
        } else if says(&["certificate", "unknownissuer"]) {
            Self::NotTrusted
        } else if says(&["53300", "too many", "remaining connection slots"]) {
            Self::TooManyConnections
        } else if says(&["no connection within", "no answer within"]) {
            Self::Timeout
        } else {
            Self::Unreachable
        }
    }

    /// The word of the public contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::NotPermitted => "not_permitted",
            Self::WrongPassword => "wrong_password",
            Self::NoDatabase => "no_database",
            Self::NotTrusted => "not_trusted",
            Self::EncryptionRequired => "encryption_required",
            Self::EncryptionUnsupported => "encryption_unsupported",
            Self::MissingPermission => "missing_permission",
            Self::TooManyConnections => "too_many_connections",
        }
    }

    /// What to do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Unreachable => "the database does not answer: is Postgres up at the address of database_url?",
            Self::Timeout => {
                "the database does not answer in time: is it up at the address of database_url, and has it free \
                 connections?"
            }
            Self::NotPermitted => {
                "the database may not be reached: database_host and database_port must name what database_url names; \
                 Spin permits no address of IPv6 for Postgres, but a name that stands for one"
            }
            Self::WrongPassword => "the database refuses the role or the password of database_url",
            Self::NoDatabase => "the database of database_url does not exist: create it, then apply the migrations",
            Self::NotTrusted => {
                "the database's certificate is not trusted: database_url must name the host of the certificate, and \
                 database_ca must hold that of its authority, unless that is a public one"
            }
            Self::EncryptionRequired => {
                "the database takes this role only over TLS: database_url needs ?sslmode=require"
            }
            Self::EncryptionUnsupported => {
                "the database does not speak TLS: take sslmode=require out of database_url, or set ssl = on in Postgres"
            }
            Self::MissingPermission => {
                "the role of database_url may not use the tables: apply the migrations as that role, or grant it their \
                 rights"
            }
            Self::TooManyConnections => {
                "the database has no free connections: raise its max_connections, or lower [outbound_pg] \
                 max_connections"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_hosts_are_understood() {
        for (reason, down) in [
            ("address postgres://db:5432 is not permitted", PgDown::NotPermitted),
            ("db error: FATAL: password authentication failed for user \"todo\"", PgDown::WrongPassword),
            ("Error { kind: Config, cause: Some(\"password missing\") }", PgDown::WrongPassword),
            ("db error: FATAL: no pg_hba.conf entry for host \"10.0.0.1\"", PgDown::WrongPassword),
            (r#"ConnectionFailed("db error: FATAL: database \"todo\" does not exist")"#, PgDown::NoDatabase),
            ("error performing TLS handshake: invalid peer certificate: UnknownIssuer", PgDown::NotTrusted),
            (
                "db error: FATAL: no pg_hba.conf entry for host \"10.0.0.1\", user \"todo\", database \"todo\", no \
                 encryption",
                PgDown::EncryptionRequired,
            ),
            ("error performing TLS handshake: server does not support TLS", PgDown::EncryptionUnsupported),
            ("db error: FATAL: sorry, too many clients already", PgDown::TooManyConnections),
            ("no connection within 2s", PgDown::Timeout),
            ("error connecting to server: Connection refused (os error 111)", PgDown::Unreachable),
            ("", PgDown::Unreachable),
        ] {
            assert_eq!(PgDown::from_reason(reason), down, "{reason}");
        }
    }
}
