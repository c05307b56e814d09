"""What operators see of all installations at once."""
