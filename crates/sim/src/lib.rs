//! Meta, simulated: an independent reading of its documents.
