//! The injector through its public API, with and without its feature.

#[cfg(not(feature = "injection"))]
mod absent;
#[cfg(feature = "injection")]
mod active;
