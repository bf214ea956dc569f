//! What the program counts, as Prometheus reads it.
