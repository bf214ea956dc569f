//! Every confounder of the design has its file.
