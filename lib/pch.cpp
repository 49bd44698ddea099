// Owns the precompiled header that every compiler target reuses.
