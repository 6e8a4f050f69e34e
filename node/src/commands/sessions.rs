//! `tidegate sessions`.

use clap::Args;

use super::output::{Grid, Shown};
use super::units::{known, millis};
use super::{Asking, Exit, Failure, silent_line};
use crate::api::{Holder, SessionPhase, Sessions};
use crate::client::Route;

/// The sessions that are open or closing on each node, and who holds them.
#[derive(Debug, Args)]
#[command(
    after_help = "A closing session with a holder is what a barrier waits for.\n\nExample:\n  tidegate sessions"
)]
pub(crate) struct SessionsArgs {
    #[command(flatten)]
    asking: Asking,
}

impl SessionsArgs {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        let sessions: Sessions = self.asking.client()?.read(&Route::v1().at("sessions"))?;
        self.asking.output.show(&sessions).map(|()| Exit::Done)
    }
}

impl Shown for Sessions {
    fn text(&self) -> String {
        let mut grid = Grid::new(&[">tablet", ">node", "phase", "stage", "session", "held by"]);
        for session in &self.sessions {
            let mut holders: Vec<String> = session.holders.iter().map(held_by).collect();
            if session.more_holders > 0 {
                holders.push(format!("and {} more", session.more_holders));
            }
            grid.row([
                session.tablet.to_string(),
                session.node.to_string(),
                match session.phase {
                    SessionPhase::Open => "open".to_owned(),
                    SessionPhase::Closing => "closing".to_owned(),
                },
                known(session.stage, |stage| stage.to_string()),
                session.session.clone(),
                if holders.is_empty() {
                    "nobody".to_owned()
                } else {
                    holders.join("\n")
                },
            ]);
        }
        grid.text_or("no sessions: nothing moves") + &silent_line(&self.silent)
    }
}

/// Such as `stream.receive tablet 7 from 1 (batch 12), for 3.4 s, no progress for 20 ms`.
pub(crate) fn held_by(holder: &Holder) -> String {
    let step = if holder.step.is_empty() {
        String::new()
    } else {
        format!(" ({})", holder.step)
    };
    format!(
        "{}{step}, for {}, no progress for {}",
        holder.label,
        millis(holder.age_ms),
        millis(holder.idle_ms)
    )
}
