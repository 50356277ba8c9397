"""Roles: how the parts are put together into processes; no rule of payments lives here."""
