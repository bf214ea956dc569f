//! The sample: offices as frames through the sensor, compared with the events made without frames.
