//! Made traffic: from a scenario to frames, or straight to the events that a sensor would make.
//!
//! Enters: a case file, a seed. Leaves: frames (pnet), events, the outcome that the case file
//! expects. Never: knows a rule or threshold of the stages that judge (it may not use `cases`).
