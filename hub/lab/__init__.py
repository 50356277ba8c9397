"""The laboratory: private servers, demonstrations and loads on one machine; nothing here runs in production."""
