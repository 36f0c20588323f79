"""The record of a consultation: one value, drawn from a session's event log, and its renderings."""
