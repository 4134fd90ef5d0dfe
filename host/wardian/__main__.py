"""``python -m wardian``."""

from wardian.cli import main

if __name__ == "__main__":
    main()
