"""What proves a finding, and the store of proven findings."""
