"""A first look at a GPU host: what works, what each call costs there, what a next engine could reach."""
