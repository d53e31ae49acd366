//! t
pub mod exact_sum;
pub mod reproducible_sum;
