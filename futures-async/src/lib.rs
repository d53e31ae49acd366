//! x
pub mod first_ok;
pub mod retry;
pub mod tasks;
