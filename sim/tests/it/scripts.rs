//! Every script passes, a test each.

use tidegate_sim::scripts::all;

fn passes(name: &str) {
    let script = all()
        .iter()
        .find(|script| script.name == name)
        .unwrap_or_else(|| panic!("no script is named {name}"));
    let report = script.run(true).unwrap();
    if let Some(violation) = report.violation {
        let trace = report.trace;
        let last = trace.len().saturating_sub(400);
        panic!("{}\n{violation:?}", trace[last..].join("\n"));
    }
}

macro_rules! scripts {
    ($($name:ident),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                passes(stringify!($name));
            }
        )*

        #[test]
        fn every_script_has_a_test() {
            let names: Vec<&str> = all().iter().map(|script| script.name).collect();
            assert_eq!(names, [$(stringify!($name)),*]);
        }
    };
}

scripts!(
    attach_merges,
    attach_without_its_caller,
    broken_stream,
    dead_writer,
    ex_replicas,
    excluded_bystander,
    fence_after_restart,
    forgotten_sessions,
    late_receiver,
    late_write_after_purge,
    late_write_to_new_participant,
    leaving_only,
    mixed_epochs,
    one_timestamp,
    own_position,
    rebuild_from_enough,
    replaced_coordinator,
    restart_at_older_metadata,
    silent_peer,
    skipped_close,
    slow_tablet,
    stale_calls,
    stale_writer,
    stray_answer,
    wake_on_close,
);

#[test]
fn a_script_happens_the_same_each_time() {
    for script in all() {
        let (once, again) = (script.run(false).unwrap(), script.run(false).unwrap());
        assert_eq!(once.hash, again.hash, "{}", script.name);
    }
}
