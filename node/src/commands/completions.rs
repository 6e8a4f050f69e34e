//! `tidegate completions`.

use clap::{Args, CommandFactory as _};
use clap_complete::{Shell, generate};

use super::output::print_line;
use super::{Cli, Exit, Failure};

const EXAMPLE: &str = "\
Example:
  tidegate completions bash > ~/.local/share/bash-completion/completions/tidegate";

/// Prints what a shell needs to complete commands and options.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

impl CompletionsArgs {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        let mut script = Vec::new();
        generate(self.shell, &mut Cli::command(), "tidegate", &mut script);
        print_line(&script).map(|_| Exit::Done)
    }
}
