//! What is measured, one file per question.

pub mod size;
