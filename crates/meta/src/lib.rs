//! Everything in Hookline that knows Meta.
