"""What plugins keep beside rows that are not theirs: of the host, or of host apps."""
