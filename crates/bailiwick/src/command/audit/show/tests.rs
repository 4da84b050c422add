//! What a person sees, at several widths.
