//! Feeds one target: built by `cargo xtask fuzz`, what libFuzzer makes up; built plainly, the files that are named.
#![cfg_attr(tidegate_fuzz, no_main)]

#[cfg(tidegate_fuzz)]
mod fuzzed {
    //! The target is named by the environment, so that one program serves them all.

    use std::sync::OnceLock;

    use tidegate_fuzz::{Target, target};

    static TARGET: OnceLock<&'static Target> = OnceLock::new();

    libfuzzer_sys::fuzz_target!(|input: &[u8]| {
        let named = || {
            let name = std::env::var("TIDEGATE_FUZZ_TARGET").unwrap_or_default();
            target(&name).unwrap_or_else(|| panic!("TIDEGATE_FUZZ_TARGET={name:?} names no target"))
        };
        TARGET.get_or_init(named).feed(input);
    });
}

#[cfg(not(tidegate_fuzz))]
mod plain;

#[cfg(not(tidegate_fuzz))]
fn main() -> std::process::ExitCode {
    plain::main()
}
