//! Programs of the workspace, built as for users.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::process::Process;
use crate::step::Context;

/// One of them: its package and its binary have one name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Release(pub(crate) &'static str);

impl Release {
    /// Builds it; what cargo has to say goes to where errors go.
    pub(crate) fn build(self, context: &Context) -> Result<()> {
        let code = Process::cargo(&context.root)
            .words("build --locked --release --package")
            .argument(self.0)
            .quiet_unless_seen()
            .run_in_silence()?;
        if code != Some(0) {
            bail!("{} cannot be built", self.0);
        }
        Ok(())
    }

    /// What runs it with these words, once it is built.
    pub(crate) fn process(self, context: &Context, words: &[OsString]) -> Process {
        let name = format!("{}{}", self.0, std::env::consts::EXE_SUFFIX);
        let program = context.target.join("release").join(name);
        words
            .iter()
            .fold(Process::new(program, &context.root), Process::argument)
    }

    /// Builds it and puts it in the place of this program: what it prints is all that is printed.
    pub(crate) fn take_over(self, context: &Context, words: &[OsString]) -> Result<ExitCode> {
        self.build(context)?;
        let code = self.process(context, words).run_in_silence()?;
        // A signal has no code, and is no finding.
        let Some(code) = code.and_then(|code| u8::try_from(code).ok()) else {
            bail!("{} was ended by a signal", self.0);
        };
        Ok(ExitCode::from(code))
    }
}
