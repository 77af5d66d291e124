//! Prints the OpenAPI document of a version, `v1` or `v2`, or the definitions of the `tools` of assistants. `cargo
//! xtask openapi` runs it.

use std::io::Write;
use std::process::ExitCode;

use todo_api::openapi::Version;

fn main() -> ExitCode {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let version = Version::ALL.into_iter().find(|version| version.name() == wanted);
    let text = match version {
        Some(version) => version.text(),
        None if wanted == "tools" => todo_api::openapi::tools(),
        None => return ExitCode::FAILURE,
    };
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
