//! Prints the OpenAPI document of a version, `v1` or `v2`. `cargo xtask openapi` runs it.

use std::io::Write;
use std::process::ExitCode;

use todo_api::openapi::Version;

fn main() -> ExitCode {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let Some(version) = Version::ALL.into_iter().find(|version| version.name() == wanted) else {
        return ExitCode::FAILURE;
    };
    match std::io::stdout().write_all(version.text().as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
