"""The buyer's pages: what the payments and the catalogue look like on a phone."""
