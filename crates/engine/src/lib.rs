//! Hookline's pipeline, one file per stage.
