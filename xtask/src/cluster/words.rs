//! What is said when the cluster is there.

use std::time::Duration;

use super::files::Files;
use super::program::Program;

/// How to talk to it.
pub(super) fn ready(program: &Program, files: &Files, took: Duration) -> String {
    let members = files.members();
    let mut text = format!(
        "\n{} nodes are up, after {:.1} s:\n",
        members.len(),
        took.as_secs_f64()
    );
    for member in members {
        text.push_str(&format!(
            "  node {}  admin {}  transport {}  log {}\n",
            member.number,
            member.admin,
            member.transport,
            member.log.display()
        ));
    }
    let admin = members.first().map_or("", |member| member.admin.as_str());
    let other = members.last().map_or(1, |member| member.number);
    let replicas = members.len().min(3);
    let directory = program.path().parent().unwrap_or(program.path());
    text.push_str(&format!(
        "\nIn another terminal:\n\n  \
         export TIDEGATE_ADMIN={admin} PATH={}:$PATH\n  \
         tidegate status\n  \
         tidegate tables create files --tablets 8 --replicas {replicas}\n  \
         tidegate load --table files --input DIRECTORY\n  \
         tidegate tablets files\n  \
         tidegate move 0 --from 1 --to {other} --wait\n  \
         tidegate moves --watch\n  \
         tidegate verify files\n\nCtrl-C stops the nodes.",
        directory.display()
    ));
    text
}
