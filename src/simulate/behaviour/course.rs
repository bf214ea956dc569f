//! Courses: what somebody does with a vendor, from the first look to the last.
