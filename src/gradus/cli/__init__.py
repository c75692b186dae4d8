"""The command line: one file a command, `main` where they meet."""
