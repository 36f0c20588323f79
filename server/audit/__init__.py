"""The audit trail: who did what, when, in which session and from where, and nothing of what was said."""
