//! Two processes: the sensor and the desk.
