"""An FX provider that speaks the open FX protocol."""
