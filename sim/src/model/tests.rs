//! The model is clean, and can fail.

use super::check::check_scopes;
use super::scope::Scope;
use super::*;

#[test]
fn the_quiet_model_is_clean() {
    let report = check_scopes(&[Scope { ..Scope::QUIET }], |_| ());
    assert!(report.unique_states > 100);
    let broken = report.properties.iter().filter(|property| !property.holds);
    let broken: Vec<_> = broken.map(|property| &property.name).collect();
    assert!(
        broken.iter().all(|name| name.starts_with("sometimes")),
        "{report}"
    );
}
