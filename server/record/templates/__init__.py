"""Notes in the forms of templates: ours in builtin/, a site's own in the folder of `--templates`."""
