//! What must hold while a run goes on, and at its end.
