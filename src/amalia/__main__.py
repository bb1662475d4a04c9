"""``python -m amalia``."""

from amalia.cli.app import main

if __name__ == "__main__":
    main()
