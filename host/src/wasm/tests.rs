//! The sandbox with real components.
