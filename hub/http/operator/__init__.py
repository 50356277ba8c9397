"""The operators' API: for the people who run the scheme, on its own port; no participant's credentials open it."""
