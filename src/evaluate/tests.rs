//! The judge, on truths and cases made by hand.
