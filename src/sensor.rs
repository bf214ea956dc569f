//! The worker loop: hands values from stage to stage, and what must flow back.
