"""Read-only viewers of a session: Server-Sent Events, and the page that shows them."""
