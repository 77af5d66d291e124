//! The wire types of version 1: frozen.
