"""A first look at a GPU host: what works, what each part of the engine costs there, and what a next engine could reach."""
