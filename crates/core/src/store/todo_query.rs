//! From a filter and an order to SQL.
