"""The protocols of other servers, translated into this one: existing clients work against it unchanged."""
