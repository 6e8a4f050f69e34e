//! `tidegate allow-fewer-sources`.

use clap::Args;
use serde::Serialize;

use super::consent::consent;
use super::output::Shown;
use super::tablets::change;
use super::{Asking, Exit, Failure};
use crate::api::{CancelRequest, Transition};
use crate::client::Route;

const EXAMPLE: &str = "\
A rebuild waits until so many replicas are alive that one of them is sure to hold every acknowledged write. Bring one of
them back if you can. Only if they are gone for ever: this gives up the writes that they alone held.

Examples:
  tidegate allow-fewer-sources 7 --dry-run
  tidegate allow-fewer-sources 7";

/// Lets a rebuild that waits for sources go on with those that are left, and gives up what the others held. Asks first.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct AllowFewerSourcesArgs {
    /// The tablet's number.
    tablet: u64,
    /// Only the rebuild that began at this epoch [default: the one that runs].
    #[arg(long, value_name = "EPOCH")]
    begun: Option<u64>,
    /// Only say what would happen.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    asking: Asking,
}

impl AllowFewerSourcesArgs {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        if !self.dry_run && !self.yes {
            let tablet = self.tablet;
            consent(
                &format!("this gives up acknowledged writes of tablet {tablet}, for ever"),
                || Ok(self.ask(true)?.text()),
                &format!("Give up acknowledged writes of tablet {tablet} for ever?"),
            )?;
        }
        let allowed = self.ask(self.dry_run)?;
        self.asking.output.show(&allowed).map(|()| Exit::Done)
    }

    fn ask(&self, dry_run: bool) -> Result<Allowed, Failure> {
        let request = CancelRequest {
            begun: self.begun,
            dry_run,
        };
        let route = Route::v1()
            .at("tablets")
            .at(self.tablet)
            .at("allow_fewer_sources");
        Ok(Allowed {
            tablet: self.tablet,
            dry_run,
            transition: self.asking.client()?.act(&route, &request, dry_run)?,
        })
    }
}

/// The rebuild that goes on, or would.
#[derive(Debug, Serialize)]
struct Allowed {
    #[serde(skip)]
    tablet: u64,
    #[serde(skip)]
    dry_run: bool,
    #[serde(flatten)]
    transition: Transition,
}

impl Shown for Allowed {
    fn text(&self) -> String {
        let (goes, run) = if self.dry_run {
            ("would go on", " (dry run)")
        } else {
            ("goes on", "")
        };
        format!(
            "the {} of tablet {}, {}, {goes} with the sources that are left: acknowledged writes that only others held are \
             given up{run}",
            self.transition.kind,
            self.tablet,
            change(&self.transition),
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::client::tests::{Does, connection, server};
    use crate::commands::Output;

    #[test]
    fn whoever_says_yes_gives_up_what_lost_replicas_held() {
        let transition = json!({
            "kind": "rebuild", "reason": "rebuild", "stage": "streaming", "begun": 5, "old": [1, 2, 3],
            "new": [2, 3, 4], "leaving": 1, "pending": 4, "session": "0-1", "fewer_sources": true,
        });
        let (url, server) = server(vec![Does::Answer(
            200,
            "application/json",
            transition.to_string(),
        )]);
        let args = AllowFewerSourcesArgs {
            tablet: 7,
            begun: Some(5),
            dry_run: false,
            yes: true,
            asking: Asking {
                output: Output { json: true },
                connection: connection(&url),
            },
        };
        assert_eq!(args.run().expect("is done"), Exit::Done);
        let heard = server.join().expect("ends").remove(0);
        assert_eq!(
            heard.line.trim(),
            "POST /v1/tablets/7/allow_fewer_sources HTTP/1.1"
        );
        let said: Value = serde_json::from_slice(&heard.body).expect("json");
        assert_eq!(said, json!({"begun": 5, "dry_run": false}));
        let allowed = Allowed {
            tablet: 7,
            dry_run: true,
            transition: serde_json::from_value(transition).expect("a transition"),
        };
        assert_eq!(
            allowed.text(),
            "the rebuild of tablet 7, 1 -> 4, would go on with the sources that are left: acknowledged writes that only \
             others held are given up (dry run)"
        );
    }
}
