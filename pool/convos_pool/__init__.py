"""The reference pool manager: keeps agents of the Convos runtime warm on Railway, and hands them out."""
