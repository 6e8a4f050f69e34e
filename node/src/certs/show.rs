//! What certificates say, for people.

use std::fmt::Write as _;
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context as _, Result};
use tidegate_transport_quic::CertificateFacts;

const DAY: u64 = 24 * 3600;

/// A text about every certificate in a file.
pub(super) fn show(path: &Path) -> Result<String> {
    let pem = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let certificates = CertificateFacts::of_pem(&pem)
        .with_context(|| format!("{} holds no certificate that can be read", path.display()))?;
    let now = SystemTime::now();
    let mut text = String::new();
    for facts in certificates {
        let kind = if facts.is_authority {
            "authority"
        } else {
            "certificate"
        };
        writeln!(text, "{kind}: {}", facts.subject)?;
        writeln!(text, "  signed by: {}", facts.issuer)?;
        if !facts.names.is_empty() {
            writeln!(text, "  for:       {}", facts.names.join(", "))?;
        }
        writeln!(text, "  number:    {}", facts.serial)?;
        writeln!(text, "  valid:     {}", validity(&facts, now))?;
    }
    Ok(text)
}

fn validity(facts: &CertificateFacts, now: SystemTime) -> String {
    if now < facts.not_before {
        return "not yet".to_owned();
    }
    match facts.not_after.duration_since(now) {
        Ok(left) => format!("{} days more", left.as_secs() / DAY),
        Err(since) => format!("no more, since {} days", since.duration().as_secs() / DAY),
    }
}
