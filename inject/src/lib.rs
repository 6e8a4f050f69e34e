//! Named error injection points, handed in, counted and awaited; compiled out unless asked for.
