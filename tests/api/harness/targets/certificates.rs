//! Certificates of an authority that nobody knows.

use std::path::Path;
use std::process::{Command, Stdio};

/// Makes an authority (`ca.pem`) and, signed by it, the certificate of a server at 127.0.0.1 (`server.pem`,
/// `server.key`) in this folder. Whether it could: it needs openssl.
pub(super) fn certify(folder: &Path) -> bool {
    let openssl = |args: &[&str]| {
        let mut command = Command::new("openssl");
        command.current_dir(folder).args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
    let new = |args: &[&str]| openssl(&[&["req", "-x509"], &key[..], args].concat());
    new(&["-subj", "/CN=todo tests", "-keyout", "ca.key", "-out", "ca.pem"])
        && new(&[
            "-subj",
            "/CN=server",
            "-keyout",
            "server.key",
            "-out",
            "server.pem",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
        ])
}
