//! Without the feature there is nothing.

use std::future::pending;
use std::time::Duration;

use tidegate_inject::{Held, Injector, Params};

const POINT: &str = "test::point";

#[test]
fn the_injector_has_size_zero_and_no_entry_exists() {
    assert_eq!(size_of::<Injector>(), 0);
    assert_eq!(size_of::<Option<tidegate_inject::Entered>>(), 0);
    const { assert!(!Injector::COMPILED_IN) }
}

#[test]
fn enabling_enables_nothing() {
    let injector = Injector::new();
    injector.enable(POINT, Params::always().with("tablet", 7));
    assert!(!injector.is_enabled(POINT));
    assert!(injector.enter(POINT).is_none());
    assert!(!injector.message(POINT, "anyone?"));
    assert_eq!(injector.entries(POINT), 0);
    injector.disable(POINT);
    injector.disable_all();
}

#[tokio::test]
async fn nothing_waits() {
    let injector = Injector::new();
    injector.enable(POINT, Params::always());
    assert_eq!(injector.hold(POINT, pending::<()>()).await, Held::Absent);
    assert!(injector.wait_for_entries(POINT, 0, Duration::MAX).await.is_ok());
    let error = injector
        .wait_for_entries(POINT, 2, Duration::MAX)
        .await
        .unwrap_err();
    assert_eq!((error.entries, error.wanted), (0, 2));
}
