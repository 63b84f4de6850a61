"""The documents, and the programs that make their screenshots."""
