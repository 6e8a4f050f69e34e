//! The planner, without a runtime.
