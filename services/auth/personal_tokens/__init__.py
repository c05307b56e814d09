"""Personal access tokens: what lets programs act for their owner, each within its scopes and until its end."""
