//! Hookline's durable record.
