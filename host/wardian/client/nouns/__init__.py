"""The parts of the API, one class for each noun; `wardian.client.api` puts them together."""
